/** VERIFY and WRITE AND VERIFY of 10, 12 and 16 bytes (SBC-3). */
import { MIB } from '../../base/index.ts';
import { BlockOp } from '../../block/index.ts';
import { cdb10, cdb12, cdb16, readRange } from '../cdb.ts';
import type { TransferCdb } from '../cdb.ts';
import type { CommandRow } from '../command.ts';
import { firstDifference } from '../compare.ts';
import { finishGood } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { DPO_BIT, runSteps, transferStep } from '../media.ts';
import { invalidCdbField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';
import { expectExactData, expectWriteData } from './write.ts';

/** What of the Data-Out Buffer the medium is compared with (BYTCHK, bits 2-1 of byte 1). */
const ByteCheck = { none: 0, all: 1, one: 3 } as const;
const byteCheck = (task: ScsiTask): number => (task.cdb[1]! >> 1) & 3;
const BYTCHK_BITS = 0x06;
const BYTCHK_TOP_BIT = 2;

/** The medium is read back in pieces of at most this. */
const READ_BACK_BYTES = 1 * MIB;

type Prepare = (task: ScsiTask, unit: LogicalUnit) => SenseReason | undefined;

const readBackBlocks = (task: ScsiTask, unit: LogicalUnit): number =>
  Math.min(task.blocks, Math.floor(READ_BACK_BYTES / unit.blockSizeBytes));

/** Room behind the Data-Out for what is read back. */
function addReadBack(task: ScsiTask, unit: LogicalUnit): void {
  task.bufferBytes += readBackBlocks(task, unit) * unit.blockSizeBytes;
}

function expectVerifyData(task: ScsiTask, unit: LogicalUnit): SenseReason | undefined {
  const check = byteCheck(task);
  if (check === 2) return invalidCdbField(task, 1, BYTCHK_TOP_BIT);
  const dataBlocks = check === ByteCheck.all ? task.blocks : Math.min(task.blocks, 1);
  const bytes = check === ByteCheck.none ? 0 : dataBlocks * unit.blockSizeBytes;
  task.bufferBytes = bytes;
  addReadBack(task, unit);
  // without BYTCHK whatever Data-Out was announced is left alone
  return bytes === 0 ? undefined : expectExactData(task, bytes);
}

const prepareVerify = (shape: TransferCdb): Prepare => {
  return (task, unit) => readRange(task, unit, shape) ?? expectVerifyData(task, unit);
};

const prepareWriteVerify = (shape: TransferCdb): Prepare => {
  return (task, unit) => {
    if (byteCheck(task) > ByteCheck.all) return invalidCdbField(task, 1, BYTCHK_TOP_BIT);
    const refusal = readRange(task, unit, shape) ?? expectWriteData(task, unit);
    addReadBack(task, unit);
    return refusal;
  };
};

function runVerify(task: ScsiTask, unit: LogicalUnit): void {
  if (task.blocks === 0) finishGood(task);
  else runSteps(task, unit, readBack);
}

function runWriteVerify(task: ScsiTask, unit: LogicalUnit): void {
  if (task.blocks === 0) finishGood(task);
  else runSteps(task, unit, writeAndReadBack);
}

/** What is verified must be on the medium, so this write goes through every cache. */
async function writeAndReadBack(
  task: ScsiTask,
  unit: LogicalUnit,
): Promise<SenseReason | undefined> {
  const { lba, blocks } = task;
  const op = BlockOp.write;
  return (
    (await transferStep(task, unit, { op, lba, blocks, start: 0, fua: true })) ??
    (await readBack(task, unit))
  );
}

async function readBack(task: ScsiTask, unit: LogicalUnit): Promise<SenseReason | undefined> {
  const step = readBackBlocks(task, unit);
  const start = task.receivedOutBytes - (task.receivedOutBytes % unit.blockSizeBytes);
  for (let done = 0; done < task.blocks; done += step) {
    const blocks = Math.min(step, task.blocks - done);
    const part = { op: BlockOp.read, lba: task.lba + done, blocks, start };
    const refusal = await transferStep(task, unit, part);
    if (refusal !== undefined) return refusal;
    if (!matches(task, unit, { done, blocks, start })) return 'miscompare';
  }
  return undefined;
}

/** Compares what was read to byte `start` of the buffer with the Data-Out before it. */
function matches(
  task: ScsiTask,
  unit: LogicalUnit,
  part: { done: number; blocks: number; start: number },
): boolean {
  const { data } = task.buffer!;
  const { blockSizeBytes } = unit;
  const check = byteCheck(task);
  if (check === ByteCheck.none) return true;
  const read = data.subarray(part.start, part.start + part.blocks * blockSizeBytes);
  if (check === ByteCheck.all) {
    const from = part.done * blockSizeBytes;
    return firstDifference(read, data.subarray(from, from + read.length)) < 0;
  }
  const pattern = data.subarray(0, blockSizeBytes);
  for (let at = 0; at < read.length; at += blockSizeBytes) {
    if (firstDifference(read.subarray(at, at + blockSizeBytes), pattern) >= 0) return false;
  }
  return true;
}

const verifyRow = (opcode: number, shape: TransferCdb): CommandRow => ({
  opcode,
  name: `VERIFY(${shape.cdbBytes})`,
  cdbBytes: shape.cdbBytes,
  usage: shape.usage(opcode, DPO_BIT | BYTCHK_BITS),
  reservation: 'read',
  prepare: prepareVerify(shape),
  run: runVerify,
});

const writeVerifyRow = (opcode: number, shape: TransferCdb): CommandRow => ({
  opcode,
  name: `WRITE AND VERIFY(${shape.cdbBytes})`,
  cdbBytes: shape.cdbBytes,
  usage: shape.usage(opcode, DPO_BIT | BYTCHK_BITS),
  reservation: 'write',
  media: 'write',
  writes: true,
  prepare: prepareWriteVerify(shape),
  run: runWriteVerify,
});

export const verifyCommands: readonly CommandRow[] = [
  verifyRow(0x2f, cdb10),
  verifyRow(0xaf, cdb12),
  verifyRow(0x8f, cdb16),
  writeVerifyRow(0x2e, cdb10),
  writeVerifyRow(0xae, cdb12),
  writeVerifyRow(0x8e, cdb16),
];
