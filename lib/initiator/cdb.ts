/**
 * Command descriptor blocks as the initiator builds them, written in place into a command's own 16
 * bytes. 16-byte forms are used throughout: every target that serves disks above 2 TiB has them,
 * and tgtd, LIO and SPDK have them always. Source: SBC-3 and SPC-4, by command name.
 */
import { BHS_CDB_BYTES } from '../iscsi/index.ts';
import type { InitiatorCommand } from './initiator-command.ts';

export const Opcode = {
  testUnitReady: 0x00,
  inquiry: 0x12,
  modeSense6: 0x1a,
  read10: 0x28,
  write10: 0x2a,
  synchronizeCache10: 0x35,
  unmap: 0x42,
  read16: 0x88,
  write16: 0x8a,
  synchronizeCache16: 0x91,
  writeSame16: 0x93,
  serviceActionIn16: 0x9e,
  reportLuns: 0xa0,
} as const;

export const ServiceActionIn = { readCapacity16: 0x10, getLbaStatus: 0x12 } as const;

const FUA = 0x08;
const UNMAP = 0x08;
const NDOB = 0x01;
const EVPD = 0x01;
/** Largest block address and count of the 10-byte forms. */
const LBA_10_MAX = 0xffff_ffff;
const BLOCKS_10_MAX = 0xffff;

const clear = (command: InitiatorCommand): Buffer => {
  command.cdbBytes = BHS_CDB_BYTES;
  const cdb = command.cdb;
  for (let at = 0; at < BHS_CDB_BYTES; at++) cdb[at] = 0;
  return cdb;
};

const putU32 = (cdb: Buffer, at: number, value: number): void => {
  cdb[at] = value >>> 24;
  cdb[at + 1] = (value >>> 16) & 0xff;
  cdb[at + 2] = (value >>> 8) & 0xff;
  cdb[at + 3] = value & 0xff;
};

const putU64 = (cdb: Buffer, at: number, value: number): void => {
  putU32(cdb, at, Math.floor(value / 2 ** 32));
  putU32(cdb, at + 4, value >>> 0);
};

/**
 * READ or WRITE of `blocks` from `lba`: the 10-byte form where it reaches, as some targets know no
 * other for small disks.
 */
export function putTransfer(
  command: InitiatorCommand,
  transfer: { write: boolean; lba: number; blocks: number; fua: boolean },
): void {
  const cdb = clear(command);
  const { write, lba, blocks, fua } = transfer;
  cdb[1] = fua ? FUA : 0;
  if (lba <= LBA_10_MAX && blocks <= BLOCKS_10_MAX) {
    cdb[0] = write ? Opcode.write10 : Opcode.read10;
    putU32(cdb, 2, lba);
    cdb[7] = blocks >>> 8;
    cdb[8] = blocks & 0xff;
    return;
  }
  cdb[0] = write ? Opcode.write16 : Opcode.read16;
  putU64(cdb, 2, lba);
  putU32(cdb, 10, blocks);
}

/** The whole medium: address and count zero. */
export function putSynchronizeCache(command: InitiatorCommand): void {
  clear(command)[0] = Opcode.synchronizeCache10;
}

/**
 * @param noData the target supplies the zeros itself; else the command carries one block of them.
 */
export function putWriteSame(
  command: InitiatorCommand,
  range: { lba: number; blocks: number; unmap: boolean; noData: boolean },
): void {
  const cdb = clear(command);
  cdb[0] = Opcode.writeSame16;
  cdb[1] = (range.unmap ? UNMAP : 0) | (range.noData ? NDOB : 0);
  putU64(cdb, 2, range.lba);
  putU32(cdb, 10, range.blocks);
}

export const UNMAP_HEADER_BYTES = 8;
export const UNMAP_DESCRIPTOR_BYTES = 16;

/**
 * UNMAP of one range; the parameter list goes into `list`, which holds header and one descriptor.
 */
export function putUnmap(
  command: InitiatorCommand,
  list: Buffer,
  range: { lba: number; blocks: number },
): void {
  const listBytes = UNMAP_HEADER_BYTES + UNMAP_DESCRIPTOR_BYTES;
  const cdb = clear(command);
  cdb[0] = Opcode.unmap;
  cdb[8] = listBytes;
  list.fill(0, 0, listBytes);
  list.writeUInt16BE(listBytes - 2, 0);
  list.writeUInt16BE(UNMAP_DESCRIPTOR_BYTES, 2);
  putU64(list, UNMAP_HEADER_BYTES, range.lba);
  putU32(list, UNMAP_HEADER_BYTES + 8, range.blocks);
}

export function putTestUnitReady(command: InitiatorCommand): void {
  clear(command)[0] = Opcode.testUnitReady;
}

/** @param page vital product data page, or null for the standard data. */
export function putInquiry(command: InitiatorCommand, page: number | null, bytesMax: number): void {
  const cdb = clear(command);
  cdb[0] = Opcode.inquiry;
  cdb[1] = page === null ? 0 : EVPD;
  cdb[2] = page ?? 0;
  cdb[3] = bytesMax >>> 8;
  cdb[4] = bytesMax & 0xff;
}

export function putReadCapacity16(command: InitiatorCommand, bytesMax: number): void {
  const cdb = clear(command);
  cdb[0] = Opcode.serviceActionIn16;
  cdb[1] = ServiceActionIn.readCapacity16;
  putU32(cdb, 10, bytesMax);
}

export function putGetLbaStatus(command: InitiatorCommand, lba: number, bytesMax: number): void {
  const cdb = clear(command);
  cdb[0] = Opcode.serviceActionIn16;
  cdb[1] = ServiceActionIn.getLbaStatus;
  putU64(cdb, 2, lba);
  putU32(cdb, 10, bytesMax);
}

export function putModeSense6(command: InitiatorCommand, page: number, bytesMax: number): void {
  const cdb = clear(command);
  cdb[0] = Opcode.modeSense6;
  cdb[2] = page;
  cdb[4] = bytesMax;
}

export function putReportLuns(command: InitiatorCommand, bytesMax: number): void {
  const cdb = clear(command);
  cdb[0] = Opcode.reportLuns;
  putU32(cdb, 6, bytesMax);
}
