/** Sends the PDUs that aren't transfers: declared layout in, pieces of the outbox out. */
import { BHS_BYTES, DIGEST_BYTES, paddedBytes } from '../iscsi/index.ts';
import { encode } from '../wire/index.ts';
import type { Fields, Layout, ValueOf } from '../wire/index.ts';
import type { TargetConnection } from './target-connection.ts';

const NO_DATA = Buffer.alloc(0);

/**
 * Queues a PDU whose header is encoded already, with pad and the digests in use. `data` without
 * padding.
 */
export function sendEncoded(connection: TargetConnection, header: Buffer, data: Buffer): void {
  const { headerDigest, dataDigest, crc32c } = connection;
  const headBytes = headerDigest ? BHS_BYTES + DIGEST_BYTES : BHS_BYTES;
  const end = headBytes + paddedBytes(data.length);
  const tailBytes = dataDigest && data.length > 0 ? DIGEST_BYTES : 0;
  const pdu = Buffer.alloc(end + tailBytes);
  header.copy(pdu);
  if (headerDigest) pdu.writeUInt32LE(crc32c(pdu, 0, BHS_BYTES), BHS_BYTES);
  data.copy(pdu, headBytes);
  if (tailBytes > 0) pdu.writeUInt32LE(crc32c(pdu, headBytes, end), end);
  connection.outbox.push(pdu, null);
  connection.wake();
}

/**
 * Fills in the window of the session and the length of the data, and queues the PDU. StatSN is the
 * caller's: not every PDU uses one up.
 */
export function sendControl<F extends Fields>(
  connection: TargetConnection,
  layout: Layout<F>,
  value: Partial<ValueOf<Layout<F>>>,
  data: Buffer = NO_DATA,
): void {
  const { session } = connection;
  const window =
    session === null ? {} : { expCmdSn: session.expCmdSn, maxCmdSn: session.advanceWindow() };
  const fields = { ...window, dataSegmentLengthBytes: data.length, ...value };
  sendEncoded(connection, encode(layout, fields as Partial<ValueOf<Layout<F>>>), data);
}
