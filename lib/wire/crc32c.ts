/**
 * CRC32C (Castagnoli polynomial 1EDC6F41h, reflected): digests of iSCSI and checksums of what is on
 * disk. Eight bytes a step through eight tables; the native engine's hardware version has the same
 * signature and may be injected instead.
 */

/**
 * CRC32C of `bytes[start, end)`. `seed` is the result for the bytes before, 0 at the beginning.
 * iSCSI sends the result with its least significant byte first.
 */
export type Crc32c = (bytes: Uint8Array, start: number, end: number, seed?: number) => number;

const REFLECTED_POLYNOMIAL = 0x82f63b78;
const SLICES = 8;
const TABLE_ENTRIES = 256;

/** Table s, entry b at s·256+b: the effect of byte b followed by s zero bytes. */
function buildTables(): Uint32Array {
  const tables = new Uint32Array(SLICES * TABLE_ENTRIES);
  for (let byte = 0; byte < TABLE_ENTRIES; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? REFLECTED_POLYNOMIAL : 0);
    tables[byte] = crc;
  }
  for (let at = TABLE_ENTRIES; at < tables.length; at++) {
    const shorter = tables[at - TABLE_ENTRIES]!;
    tables[at] = (shorter >>> 8) ^ tables[shorter & 0xff]!;
  }
  return tables;
}

const tables = buildTables();

export const crc32c: Crc32c = (bytes, start, end, seed = 0) => {
  const t = tables;
  let crc = ~seed;
  let at = start;
  for (; at + SLICES <= end; at += SLICES) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      t[0x700 + (crc & 0xff)]! ^
      t[0x600 + ((crc >>> 8) & 0xff)]! ^
      t[0x500 + ((crc >>> 16) & 0xff)]! ^
      t[0x400 + (crc >>> 24)]! ^
      t[0x300 + bytes[at + 4]!]! ^
      t[0x200 + bytes[at + 5]!]! ^
      t[0x100 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
};
