/**
 * A catalogue copy on disk: a checked header in the first sector of its slot, the body behind it. A
 * copy counts only when both checksums hold and it belongs to the array that the label names.
 */
import { assert, Failure, roundUp } from '../base/index.ts';
import { bytes, crc32c, decode, encode, layout, safeU64, u32 } from '../wire/index.ts';
import type { Catalogue } from './catalogue.ts';
import { decodeBody, encodeBody } from './catalogue-body.ts';
import { LABEL_BYTES, METADATA_BLOCK_BYTES, SLOT_BYTES } from './limits.ts';
import { uuidBytes, uuidText } from './names.ts';

export const CATALOGUE_MAGIC = Buffer.from('HAWSER\x1aC', 'latin1');
export const CATALOGUE_FORMAT_VERSION = 1;
const HEADER_BYTES = LABEL_BYTES;

// prettier-ignore
const headerLayout = layout(HEADER_BYTES, {
  magic: bytes(0, 8),           // CATALOGUE_MAGIC
  formatVersion: u32(8),        // of header and body
  bodyBytes: u32(12),           // right behind the header
  arrayUuid: bytes(16, 16),
  generation: safeU64(32),      // the higher one is the newer one
  bodyChecksum: u32(40),        // CRC32C
  checksum: u32(504),           // CRC32C of the bytes before
});

export interface CatalogueCopy {
  readonly generation: number;
  readonly arrayUuid: string;
  /** Two copies of one generation differ only where these do. */
  readonly bodyChecksum: number;
  readonly body: Buffer;
}

export interface CopyHeader {
  readonly formatVersion: number;
  readonly arrayUuid: string;
  readonly generation: number;
  readonly bodyBytes: number;
  readonly bodyChecksum: number;
}

/**
 * @returns header and body, padded to whole metadata blocks, the same for every member.
 * @throws Failure `conflict` where the catalogue has outgrown its slot.
 */
export function encodeCopy(catalogue: Catalogue, generation: number): Buffer {
  const body = encodeBody(catalogue);
  const copyBytes = roundUp(HEADER_BYTES + body.length, METADATA_BLOCK_BYTES);
  if (copyBytes > SLOT_BYTES) {
    const found = `${copyBytes} bytes, room is for ${SLOT_BYTES}`;
    throw new Failure('conflict', `the array's catalogue is full: ${found}; delete partitions`);
  }
  const header = encode(headerLayout, {
    magic: CATALOGUE_MAGIC,
    formatVersion: CATALOGUE_FORMAT_VERSION,
    bodyBytes: body.length,
    arrayUuid: uuidBytes(catalogue.arrayUuid),
    generation,
    bodyChecksum: crc32c(body, 0, body.length),
  });
  const checksumAt = headerLayout.fields.checksum.at;
  header.writeUInt32BE(crc32c(header, 0, checksumAt), checksumAt);
  return Buffer.concat([header, body], copyBytes);
}

/** @returns undefined where no whole header is: never written, torn, or foreign bytes. */
export function decodeHeader(block: Buffer): CopyHeader | undefined {
  assert(block.length >= HEADER_BYTES);
  const value = decode(headerLayout, block);
  if (!value.magic.equals(CATALOGUE_MAGIC)) return undefined;
  if (crc32c(block, 0, headerLayout.fields.checksum.at) !== value.checksum) return undefined;
  if (value.generation === undefined || HEADER_BYTES + value.bodyBytes > SLOT_BYTES) {
    return undefined;
  }
  const { formatVersion, generation, bodyBytes, bodyChecksum } = value;
  return {
    ...{ formatVersion, generation, bodyBytes, bodyChecksum },
    arrayUuid: uuidText(value.arrayUuid),
  };
}

/** Bytes from the start of the slot that hold header and body. */
export const copyBytes = (header: CopyHeader): number =>
  roundUp(HEADER_BYTES + header.bodyBytes, METADATA_BLOCK_BYTES);

/** @returns undefined where the body doesn't match the header: a torn write. */
export function checkedCopy(header: CopyHeader, slot: Buffer): CatalogueCopy | undefined {
  const body = slot.subarray(HEADER_BYTES, HEADER_BYTES + header.bodyBytes);
  if (crc32c(body, 0, body.length) !== header.bodyChecksum) return undefined;
  const { arrayUuid, generation, bodyChecksum } = header;
  return { arrayUuid, generation, bodyChecksum, body };
}

/** @throws Failure `unexpected` where the body breaks a rule. */
export const catalogueOf = (copy: CatalogueCopy): Catalogue => decodeBody(copy.body);
