/** Puts PDUs into a send queue: header, digests, pad. */
import { BHS_BYTES, DIGEST_BYTES } from '../iscsi/index.ts';
import { encodeInto } from '../wire/index.ts';
import type { Crc32c, Fields, Layout, ValueOf } from '../wire/index.ts';
import type { SendQueue } from './send-queue.ts';

const PAD_BYTES_MAX = 3;
const NOTHING = Buffer.alloc(0);

export class PduWriter {
  headerDigest = false;
  dataDigest = false;
  readonly queue: SendQueue;
  readonly #crc32c: Crc32c;

  constructor(queue: SendQueue, crc32c: Crc32c) {
    this.queue = queue;
    this.#crc32c = crc32c;
  }

  /**
   * Room for a header, all zeros. @returns its start in `queue.bytes`; `endHeader` follows before
   * anything else.
   */
  beginHeader(ahsBytes = 0): number {
    const digestBytes = this.headerDigest ? DIGEST_BYTES : 0;
    const at = this.queue.reserve(BHS_BYTES + ahsBytes + digestBytes);
    this.queue.bytes.fill(0, at, at + BHS_BYTES + ahsBytes);
    return at;
  }

  endHeader(at: number, ahsBytes = 0): void {
    if (!this.headerDigest) return;
    const bytes = this.queue.bytes;
    const end = at + BHS_BYTES + ahsBytes;
    bytes.writeUInt32LE(this.#crc32c(bytes, at, end), end);
  }

  /** A whole PDU, for all but the hot path; `value` need not name its length. */
  pdu<F extends Fields>(
    pduLayout: Layout<F>,
    value: Partial<ValueOf<Layout<F>>>,
    data: Buffer = NOTHING,
  ): void {
    const at = this.beginHeader();
    const withLength = { ...value, dataSegmentLengthBytes: data.length };
    encodeInto(pduLayout, withLength, this.queue.bytes, at);
    this.endHeader(at);
    this.data(data, 0, data.length);
  }

  /**
   * The data segment of the header just ended. @returns true where `memory` is needed until the
   * batch is sent.
   */
  data(memory: Buffer, start: number, lengthBytes: number): boolean {
    if (lengthBytes === 0) return false;
    const borrowed = this.queue.append(memory, start, lengthBytes);
    const padBytes = -lengthBytes & PAD_BYTES_MAX;
    const tailBytes = padBytes + (this.dataDigest ? DIGEST_BYTES : 0);
    if (tailBytes === 0) return borrowed;
    const at = this.queue.reserve(tailBytes);
    const bytes = this.queue.bytes;
    bytes.fill(0, at, at + padBytes);
    if (this.dataDigest) {
      const crc = this.#crc32c(memory, start, start + lengthBytes);
      bytes.writeUInt32LE(this.#crc32c(bytes, at, at + padBytes, crc), at + padBytes);
    }
    return borrowed;
  }
}
