/** CDBs that tests send, by name. */
import { bytesOf } from './scsi-harness.ts';

export const read10 = (lba: number, blocks: number, flags = 0): number[] => [
  0x28,
  flags,
  ...bytesOf(lba, 4),
  0,
  ...bytesOf(blocks, 2),
  0,
];

export const write10 = (lba: number, blocks: number, flags = 0): number[] => [
  0x2a,
  ...read10(lba, blocks, flags).slice(1),
];

export const read16 = (lba: number | bigint, blocks: number, flags = 0): number[] => [
  0x88,
  flags,
  ...bytesOf64(lba),
  ...bytesOf(blocks, 4),
  0,
  0,
];

export const compareAndWrite = (lba: number, blocks: number, flags = 0): number[] => [
  0x89,
  flags,
  ...bytesOf(lba, 8),
  0,
  0,
  0,
  blocks,
  0,
  0,
];

export const orWrite = (lba: number, blocks: number): number[] => [
  0x8b,
  ...read16(lba, blocks).slice(1),
];

export const writeAtomic = (lba: number, blocks: number): number[] => [
  0x9c,
  0,
  ...bytesOf(lba, 8),
  0,
  0,
  ...bytesOf(blocks, 2),
  0,
  0,
];

export const verify10 = (lba: number, blocks: number, byteCheck = 0): number[] => [
  0x2f,
  ...read10(lba, blocks, byteCheck << 1).slice(1),
];

export const writeVerify10 = (lba: number, blocks: number, byteCheck = 0): number[] => [
  0x2e,
  ...read10(lba, blocks, byteCheck << 1).slice(1),
];

export const writeSame10 = (lba: number, blocks: number, flags = 0): number[] => [
  0x41,
  ...read10(lba, blocks, flags).slice(1),
];

export const writeSame16 = (lba: number, blocks: number, flags = 0): number[] => [
  0x93,
  ...read16(lba, blocks, flags).slice(1),
];

export const unmap = (listBytes: number, flags = 0): number[] => [
  0x42,
  flags,
  0,
  0,
  0,
  0,
  0,
  ...bytesOf(listBytes, 2),
  0,
];

/** Parameter list of UNMAP. */
export function unmapList(...descriptors: readonly (readonly [number, number])[]): Buffer {
  const body = descriptors.flatMap(([lba, blocks]) => [
    ...bytesOf(lba, 8),
    ...bytesOf(blocks, 4),
    0,
    0,
    0,
    0,
  ]);
  return Buffer.from([
    ...bytesOf(body.length + 6, 2),
    ...bytesOf(body.length, 2),
    0,
    0,
    0,
    0,
    ...body,
  ]);
}

export const getLbaStatus = (lba: number, allocationBytes: number): number[] => [
  0x9e,
  0x12,
  ...bytesOf(lba, 8),
  ...bytesOf(allocationBytes, 4),
  0,
  0,
];

export const readCapacity16 = (allocationBytes = 32): number[] => [
  0x9e,
  0x10,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  ...bytesOf(allocationBytes, 4),
  0,
  0,
];

export const inquiry = (page = -1, allocationBytes = 512): number[] => [
  0x12,
  page < 0 ? 0 : 1,
  Math.max(page, 0),
  ...bytesOf(allocationBytes, 2),
  0,
];

export const testUnitReady: readonly number[] = [0, 0, 0, 0, 0, 0];
export const synchronizeCache10: readonly number[] = [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0];
export const requestSense = (descriptor = false): number[] => [3, descriptor ? 1 : 0, 0, 0, 252, 0];

export const modeSense6 = (page: number, control = 0, flags = 0): number[] => [
  0x1a,
  flags,
  (control << 6) | page,
  0,
  255,
  0,
];

export const modeSelect6 = (listBytes: number, flags = 0x10): number[] => [
  0x15,
  flags,
  0,
  0,
  listBytes,
  0,
];

export const reportLuns = (select = 0, allocationBytes = 4096): number[] => [
  0xa0,
  0,
  select,
  0,
  0,
  0,
  ...bytesOf(allocationBytes, 4),
  0,
  0,
];

const bytesOf64 = (value: number | bigint): number[] => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(value));
  return [...buffer];
};
