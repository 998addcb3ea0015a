/**
 * COMPARE AND WRITE and ORWRITE(16) (SBC-3): read, decide and write as one step for all nexuses.
 */
import { BlockOp } from '../../block/index.ts';
import { cdb16, ones, readLba64, readRange } from '../cdb.ts';
import type { CommandRow } from '../command.ts';
import { firstDifference } from '../compare.ts';
import { finishGood } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { DPO_BIT, FUA_BIT, runSteps, transferStep, writesThrough } from '../media.ts';
import { invalidCdbField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';
import { expectExactData, expectWriteData } from './write.ts';

const forced = (task: ScsiTask, unit: LogicalUnit): boolean =>
  (task.cdb[1]! & FUA_BIT) !== 0 || writesThrough(unit);

/** The buffer holds the data to compare with, the data to write, and what the medium has. */
function prepareCompareAndWrite(task: ScsiTask, unit: LogicalUnit): SenseReason | undefined {
  task.lba = readLba64(task.cdb, 2);
  task.blocks = task.cdb[13]!;
  if (task.lba + task.blocks > unit.capacityBlocks) return 'lbaOutOfRange';
  if (task.blocks > unit.limits.compareAndWriteBlocks) return invalidCdbField(task, 13, 7);
  const bytes = task.blocks * unit.blockSizeBytes;
  task.bufferBytes = 3 * bytes;
  // the length field has one byte: an initiator that wants more than 255 blocks shows it by its
  // data only
  return expectExactData(task, 2 * bytes) === undefined ? undefined : invalidCdbField(task, 13, 7);
}

function runCompareAndWrite(task: ScsiTask, unit: LogicalUnit): void {
  if (task.blocks === 0) finishGood(task);
  else runSteps(task, unit, compareAndWrite, true);
}

async function compareAndWrite(
  task: ScsiTask,
  unit: LogicalUnit,
): Promise<SenseReason | undefined> {
  const { lba, blocks } = task;
  const bytes = blocks * unit.blockSizeBytes;
  const { data } = task.buffer!;
  const refusal = await transferStep(task, unit, {
    op: BlockOp.read,
    lba,
    blocks,
    start: 2 * bytes,
  });
  if (refusal !== undefined) return refusal;
  const difference = firstDifference(data.subarray(0, bytes), data.subarray(2 * bytes, 3 * bytes));
  if (difference >= 0) {
    task.senseInformation = difference;
    return 'miscompare';
  }
  const fua = forced(task, unit);
  return transferStep(task, unit, { op: BlockOp.write, lba, blocks, start: bytes, fua });
}

/** The buffer holds the data to or in, and what the medium has. */
function prepareOrWrite(task: ScsiTask, unit: LogicalUnit): SenseReason | undefined {
  const refusal = readRange(task, unit, cdb16) ?? expectWriteData(task, unit);
  task.bufferBytes *= 2;
  return refusal;
}

function runOrWrite(task: ScsiTask, unit: LogicalUnit): void {
  if (task.blocks === 0) finishGood(task);
  else runSteps(task, unit, orWrite, true);
}

async function orWrite(task: ScsiTask, unit: LogicalUnit): Promise<SenseReason | undefined> {
  const { lba, blocks } = task;
  const bytes = blocks * unit.blockSizeBytes;
  const { data } = task.buffer!;
  const refusal = await transferStep(task, unit, { op: BlockOp.read, lba, blocks, start: bytes });
  if (refusal !== undefined) return refusal;
  for (let index = 0; index < bytes; index++) data[index]! |= data[bytes + index]!;
  const fua = forced(task, unit);
  return transferStep(task, unit, { op: BlockOp.write, lba, blocks, start: 0, fua });
}

const common = { reservation: 'write', media: 'write', writes: true } as const;

export const compareAndWriteCommands: readonly CommandRow[] = [
  {
    opcode: 0x89,
    name: 'COMPARE AND WRITE',
    cdbBytes: 16,
    usage: [0x89, DPO_BIT | FUA_BIT, ...ones(8), 0, 0, 0, 0xff, 0x1f, 0],
    ...common,
    prepare: prepareCompareAndWrite,
    run: runCompareAndWrite,
  },
  {
    opcode: 0x8b,
    name: 'ORWRITE(16)',
    cdbBytes: 16,
    usage: cdb16.usage(0x8b, DPO_BIT | FUA_BIT),
    ...common,
    prepare: prepareOrWrite,
    run: runOrWrite,
  },
];
