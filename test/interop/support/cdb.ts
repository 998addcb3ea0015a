/** The few CDBs that the raw tests send, by hand. */

export const block = (lba: number, blocks: number, code: number): Buffer => {
  const cdb = Buffer.alloc(10);
  cdb[0] = code;
  cdb.writeUInt32BE(lba, 2);
  cdb.writeUInt16BE(blocks, 7);
  return cdb;
};
export const read10 = (lba: number, blocks: number): Buffer => block(lba, blocks, 0x28);
export const write10 = (lba: number, blocks: number): Buffer => block(lba, blocks, 0x2a);
export const testUnitReady = Buffer.alloc(6);

export function inquiry(page?: number): Buffer {
  return Buffer.from([0x12, page === undefined ? 0 : 1, page ?? 0, 0, 252, 0]);
}

export function reportLuns(allocationBytes = 4096): Buffer {
  const cdb = Buffer.alloc(12);
  cdb[0] = 0xa0;
  cdb.writeUInt32BE(allocationBytes, 6);
  return cdb;
}

/** LUN numbers out of the parameter data of REPORT LUNS. */
export function lunsOf(data: Buffer): number[] {
  const count = data.readUInt32BE(0) / 8;
  return Array.from({ length: count }, (_, index) => data.readUInt16BE(8 + 8 * index) & 0x3fff);
}

export function persistentReserveOut(action: number, type = 0): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x5f;
  cdb[1] = action;
  cdb[2] = type;
  cdb.writeUInt32BE(24, 5);
  return cdb;
}

export function reserveParameters(key: bigint, actionKey: bigint): Buffer {
  const data = Buffer.alloc(24);
  data.writeBigUInt64BE(key, 0);
  data.writeBigUInt64BE(actionKey, 8);
  return data;
}

/** PERSISTENT RESERVE IN, READ KEYS. */
export function readKeys(): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x5e;
  cdb.writeUInt16BE(1024, 7);
  return cdb;
}

/** NAA designator of the logical unit, out of VPD page 83h. */
export function naaOf(page: Buffer): Buffer {
  for (let at = 4; at < page.length; at += 4 + page[at + 3]!) {
    const isUnit = (page[at + 1]! & 0x30) === 0;
    if (isUnit && (page[at + 1]! & 0x0f) === 3)
      return Buffer.from(page.subarray(at + 4, at + 4 + page[at + 3]!));
  }
  throw new Error('no NAA designator on page 83h');
}

const TARGET_BYTES = 32;
const SEGMENT_BYTES = 28;

/**
 * EXTENDED COPY (LID1) of whole blocks of 512 bytes from one logical unit to another, both named by
 * NAA.
 */
export function extendedCopy(
  source: Buffer,
  destination: Buffer,
  blocks: number,
): { cdb: Buffer; out: Buffer } {
  const segment = Buffer.alloc(SEGMENT_BYTES);
  segment[0] = 0x02;
  segment.writeUInt16BE(SEGMENT_BYTES - 4, 2);
  segment.writeUInt16BE(1, 6);
  segment.writeUInt16BE(blocks, 10);
  const head = Buffer.alloc(16);
  head[0] = 1;
  head.writeUInt16BE(2 * TARGET_BYTES, 2);
  head.writeUInt32BE(SEGMENT_BYTES, 8);
  const out = Buffer.concat([head, ...[source, destination].map(copyTarget), segment]);
  const cdb = Buffer.alloc(16);
  cdb[0] = 0x83;
  cdb.writeUInt32BE(out.length, 10);
  return { cdb, out };
}

function copyTarget(naa: Buffer): Buffer {
  const descriptor = Buffer.alloc(TARGET_BYTES);
  descriptor[0] = 0xe4;
  descriptor[4] = 1;
  descriptor[5] = 3;
  descriptor[7] = naa.length;
  naa.copy(descriptor, 8);
  descriptor.writeUIntBE(512, 29, 3);
  return descriptor;
}
