/**
 * Where the CDBs of the four lengths keep logical block address and length (SBC-3). Hot path:
 * nothing is allocated.
 */
import type { LogicalUnit } from './logical-unit.ts';
import { invalidCdbField } from './sense.ts';
import type { SenseReason } from './sense.ts';
import type { ScsiTask } from './task.ts';

export interface TransferCdb {
  readonly cdbBytes: 6 | 10 | 12 | 16;
  /** First byte of the length, for the field pointer. */
  readonly lengthAt: number;
  /** Sets the task's lba and blocks. Beyond 2^53 the LBA is inexact, and out of every range. */
  readonly read: (task: ScsiTask) => void;
  /** CDB USAGE DATA where LBA, length and group number are evaluated, and `flags` of byte 1. */
  readonly usage: (opcode: number, flags: number) => readonly number[];
}

/** 2^32. */
const WORD = 0x1_0000_0000;
/** TRANSFER LENGTH 0 of a 6-byte CDB. */
const BLOCKS_OF_ZERO_6 = 256;

/** GROUP NUMBER, where the CDB has one; there are no groups, so any will do. */
const GROUP_NUMBER_BITS = 0x1f;

/** Usage data of `bytes` bytes that are evaluated in full. */
export const ones = (bytes: number): number[] => new Array<number>(bytes).fill(0xff);

export const cdb6: TransferCdb = {
  cdbBytes: 6,
  lengthAt: 4,
  read: (task) => {
    const { cdb } = task;
    task.lba = ((cdb[1]! & 0x1f) << 16) | (cdb[2]! << 8) | cdb[3]!;
    task.blocks = cdb[4] === 0 ? BLOCKS_OF_ZERO_6 : cdb[4]!;
  },
  usage: (opcode) => [opcode, 0x1f, 0xff, 0xff, 0xff, 0],
};

export const cdb10: TransferCdb = {
  cdbBytes: 10,
  lengthAt: 7,
  read: (task) => {
    const { cdb } = task;
    task.lba = cdb.readUInt32BE(2);
    task.blocks = (cdb[7]! << 8) | cdb[8]!;
  },
  usage: (opcode, flags) => [opcode, flags, ...ones(4), GROUP_NUMBER_BITS, 0xff, 0xff, 0],
};

export const cdb12: TransferCdb = {
  cdbBytes: 12,
  lengthAt: 6,
  read: (task) => {
    const { cdb } = task;
    task.lba = cdb.readUInt32BE(2);
    task.blocks = cdb.readUInt32BE(6);
  },
  usage: (opcode, flags) => [opcode, flags, ...ones(8), GROUP_NUMBER_BITS, 0],
};

export const cdb16: TransferCdb = {
  cdbBytes: 16,
  lengthAt: 10,
  read: (task) => {
    const { cdb } = task;
    task.lba = readLba64(cdb, 2);
    task.blocks = cdb.readUInt32BE(10);
  },
  usage: (opcode, flags) => [opcode, flags, ...ones(12), GROUP_NUMBER_BITS, 0],
};

/** A 64-bit LBA. Beyond 2^53 it is inexact, and out of every range. */
export const readLba64 = (from: Buffer, at: number): number =>
  from.readUInt32BE(at) * WORD + from.readUInt32BE(at + 4);

/** Reads LBA and length. @returns why the range isn't there or is too long. */
export function readRange(
  task: ScsiTask,
  unit: LogicalUnit,
  shape: TransferCdb,
): SenseReason | undefined {
  shape.read(task);
  if (task.lba + task.blocks > unit.capacityBlocks) return 'lbaOutOfRange';
  if (task.blocks > unit.limits.transferBlocks) return invalidCdbField(task, shape.lengthAt, 7);
  return undefined;
}

/** Parameter data of at most `bytesMax` bytes is to come, cut to the allocation length. */
export function expectParameterData(
  task: ScsiTask,
  allocationBytes: number,
  bytesMax = PARAMETER_DATA_BYTES_MAX,
): undefined {
  task.dataInBytesMax = allocationBytes;
  task.bufferBytes = Math.min(allocationBytes, bytesMax);
}

/** Parameter data of ordinary commands is shorter. */
export const PARAMETER_DATA_BYTES_MAX = 4096;
