/** UNMAP (SBC-3): block descriptors that are all checked before the first is carried out. */
import { BlockOp } from '../../block/index.ts';
import { readLba64 } from '../cdb.ts';
import type { CommandRow } from '../command.ts';
import { finishGood, finishSense } from '../finish.ts';
import { UNMAP_DESCRIPTORS_MAX } from '../limits.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { mediaStep, runSteps, writesThrough } from '../media.ts';
import { invalidParameterField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';

const HEADER_BYTES = 8;
const DESCRIPTOR_BYTES = 16;
const BLOCK_DESCRIPTORS_LENGTH_AT = 2;

function prepareUnmap(task: ScsiTask): SenseReason | undefined {
  const listBytes = task.cdb.readUInt16BE(7);
  if (listBytes > 0 && listBytes < HEADER_BYTES) return 'parameterListLengthError';
  task.dataOutBytes = listBytes;
  task.bufferBytes = listBytes;
  return undefined;
}

function runUnmap(task: ScsiTask, unit: LogicalUnit): void {
  const refusal = refuseList(task, unit);
  if (refusal !== undefined) finishSense(task, refusal);
  else if (task.blocks === 0) finishGood(task);
  else runSteps(task, unit, unmap);
}

/** Whole descriptors that the list holds; a cut one at the end is ignored. */
function descriptorCount(task: ScsiTask): number {
  const told = task.buffer!.data.readUInt16BE(BLOCK_DESCRIPTORS_LENGTH_AT);
  const there = task.receivedOutBytes - HEADER_BYTES;
  return Math.floor(Math.min(told, there) / DESCRIPTOR_BYTES);
}

const descriptorAt = (index: number): number => HEADER_BYTES + index * DESCRIPTOR_BYTES;

/**
 * Checks the whole list; sets the task's range to one that covers all descriptors, 0 blocks where
 * none asks for any.
 */
function refuseList(task: ScsiTask, unit: LogicalUnit): SenseReason | undefined {
  if (task.dataOutBytes === 0) return undefined;
  if (task.receivedOutBytes < HEADER_BYTES) return 'parameterListLengthError';
  const count = descriptorCount(task);
  if (count > UNMAP_DESCRIPTORS_MAX) {
    return invalidParameterField(task, BLOCK_DESCRIPTORS_LENGTH_AT);
  }
  const { data } = task.buffer!;
  let sum = 0;
  let first = unit.capacityBlocks;
  let end = 0;
  for (let index = 0; index < count; index++) {
    const at = descriptorAt(index);
    const lba = readLba64(data, at);
    const blocks = data.readUInt32BE(at + 8);
    if (lba + blocks > unit.capacityBlocks) return 'lbaOutOfRange';
    sum += blocks;
    if (sum > unit.limits.unmapBlocks) return invalidParameterField(task, at + 8);
    first = Math.min(first, lba);
    end = Math.max(end, lba + blocks);
  }
  task.lba = first;
  task.blocks = sum === 0 ? 0 : end - first;
  return undefined;
}

async function unmap(task: ScsiTask, unit: LogicalUnit): Promise<SenseReason | undefined> {
  const count = descriptorCount(task);
  const { data } = task.buffer!;
  for (let index = 0; index < count; index++) {
    const at = descriptorAt(index);
    const lengthBytes = data.readUInt32BE(at + 8) * unit.blockSizeBytes;
    if (lengthBytes === 0) continue;
    const refusal = await mediaStep(task, unit, {
      op: BlockOp.unmap,
      offsetBytes: readLba64(data, at) * unit.blockSizeBytes,
      lengthBytes,
      fua: writesThrough(unit),
    });
    if (refusal !== undefined) return refusal;
    unit.counters.unmappedBytes += lengthBytes;
  }
  return undefined;
}

export const unmapCommands: readonly CommandRow[] = [
  {
    opcode: 0x42,
    name: 'UNMAP',
    cdbBytes: 10,
    usage: [0x42, 0, 0, 0, 0, 0, 0x1f, 0xff, 0xff, 0],
    reservation: 'write',
    writes: true,
    supported: (unit) => unit.thin,
    prepare: prepareUnmap,
    run: runUnmap,
  },
];
