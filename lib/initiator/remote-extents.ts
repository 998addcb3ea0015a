/** GET LBA STATUS as extents. Source: SBC-3, GET LBA STATUS parameter data. */
import { appendExtent } from '../block/index.ts';
import type { BlockExtent } from '../block/index.ts';
import { ScsiStatus } from '../scsi/index.ts';
import { readSafeU64 } from '../wire/index.ts';
import { putGetLbaStatus } from './cdb.ts';
import type { ScsiClient } from './scsi-client.ts';

const HEADER_BYTES = 8;
const DESCRIPTOR_BYTES = 16;
const DESCRIPTORS_MAX = 128;
const ANSWER_BYTES = HEADER_BYTES + DESCRIPTORS_MAX * DESCRIPTOR_BYTES;
const MAPPED = 0;

export interface ExtentQuery {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly limit: number;
  readonly blockSizeBytes: number;
}

/** @returns null where the target doesn't tell. */
export async function readExtents(
  client: ScsiClient,
  query: ExtentQuery,
): Promise<BlockExtent[] | null> {
  const end = query.offsetBytes + query.lengthBytes;
  const extents: BlockExtent[] = [];
  for (let at = query.offsetBytes; at < end && extents.length < query.limit;) {
    const lba = at / query.blockSizeBytes;
    const answer = await client.execute({
      put: (command) => putGetLbaStatus(command, lba, ANSWER_BYTES),
      inBytes: ANSWER_BYTES,
    });
    const next =
      answer.status === ScsiStatus.good
        ? takeDescriptors(answer.data, { ...query, at, end }, extents)
        : at;
    if (next <= at) return extents.length > 0 ? extents : null;
    at = next;
  }
  return extents.slice(0, query.limit);
}

/** @returns where the answer ends, `at` where it says nothing. */
function takeDescriptors(
  data: Buffer,
  range: ExtentQuery & { at: number; end: number },
  extents: BlockExtent[],
): number {
  let { at } = range;
  if (data.length < HEADER_BYTES) return at;
  // the length field counts itself not, the four bytes after it yes
  const listEnd = Math.min(data.readUInt32BE(0) + 4, data.length);
  for (
    let d = HEADER_BYTES;
    d + DESCRIPTOR_BYTES <= listEnd && at < range.end;
    d += DESCRIPTOR_BYTES
  ) {
    const first = readSafeU64(data, d);
    if (first === undefined) break;
    const descriptorEnd = (first + data.readUInt32BE(d + 8)) * range.blockSizeBytes;
    const kind = (data[d + 12]! & 0x0f) === MAPPED ? 'data' : 'zero';
    const end = Math.min(descriptorEnd, range.end);
    appendExtent(extents, at, end - at, kind);
    at = Math.max(at, end);
  }
  return at;
}
