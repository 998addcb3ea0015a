/** WRITE SAME(10) and WRITE SAME(16) with UNMAP and NDOB (SBC-3). */
import { KIB, MIB } from '../../base/index.ts';
import { BlockOp } from '../../block/index.ts';
import { cdb10, cdb16 } from '../cdb.ts';
import type { TransferCdb } from '../cdb.ts';
import type { CommandRow } from '../command.ts';
import { isZero } from '../compare.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { mediaStep, runSteps, transferStep, writesThrough } from '../media.ts';
import { invalidCdbField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';
import { expectExactData } from './write.ts';

const UNMAP_BIT = 0x08;
const NDOB_BIT = 0x01;

/** The pattern is repeated in memory up to this, and written from there. */
const PATTERN_BYTES_MAX = 256 * KIB;
/** Zeros go to the device in requests of this, so that an abort takes effect between them. */
const ZERO_STEP_BYTES = 16 * MIB;

const hasData = (task: ScsiTask): boolean =>
  task.cdb[0] === 0x41 || (task.cdb[1]! & NDOB_BIT) === 0;

const prepareWriteSame = (shape: TransferCdb) => {
  return (task: ScsiTask, unit: LogicalUnit): SenseReason | undefined => {
    if ((task.cdb[1]! & UNMAP_BIT) !== 0 && !unit.thin) return invalidCdbField(task, 1, 3);
    shape.read(task);
    // 0 blocks: everything from the LBA to the end
    if (task.blocks === 0) task.blocks = Math.max(unit.capacityBlocks - task.lba, 1);
    if (task.lba + task.blocks > unit.capacityBlocks) return 'lbaOutOfRange';
    if (task.blocks > unit.limits.writeSameBlocks) return invalidCdbField(task, shape.lengthAt, 7);
    if (!hasData(task)) return undefined;
    const bytes = task.blocks * unit.blockSizeBytes;
    task.bufferBytes = Math.max(Math.min(bytes, PATTERN_BYTES_MAX), unit.blockSizeBytes);
    return expectExactData(task, unit.blockSizeBytes);
  };
};

const runWriteSame = (task: ScsiTask, unit: LogicalUnit): void => runSteps(task, unit, writeSame);

function writeSame(task: ScsiTask, unit: LogicalUnit): Promise<SenseReason | undefined> {
  const pattern = hasData(task) ? task.buffer!.data.subarray(0, unit.blockSizeBytes) : null;
  return pattern === null || isZero(pattern)
    ? writeZeroes(task, unit)
    : writePattern(task, unit, pattern);
}

async function writeZeroes(task: ScsiTask, unit: LogicalUnit): Promise<SenseReason | undefined> {
  const mayUnmap = (task.cdb[1]! & UNMAP_BIT) !== 0 && unit.device.features.unmapReadsZeroes;
  const startBytes = task.lba * unit.blockSizeBytes;
  const totalBytes = task.blocks * unit.blockSizeBytes;
  for (let done = 0; done < totalBytes; done += ZERO_STEP_BYTES) {
    const refusal = await mediaStep(task, unit, {
      op: BlockOp.writeZeroes,
      offsetBytes: startBytes + done,
      lengthBytes: Math.min(ZERO_STEP_BYTES, totalBytes - done),
      mayUnmap,
      fua: writesThrough(unit),
    });
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** Other data than zeros can't be had by unmapping, so UNMAP makes no difference here. */
async function writePattern(
  task: ScsiTask,
  unit: LogicalUnit,
  pattern: Buffer,
): Promise<SenseReason | undefined> {
  const step = Math.floor(task.bufferBytes / unit.blockSizeBytes);
  task.buffer!.data.fill(pattern, 0, step * unit.blockSizeBytes);
  const fua = writesThrough(unit);
  for (let done = 0; done < task.blocks; done += step) {
    const blocks = Math.min(step, task.blocks - done);
    const part = { op: BlockOp.write, lba: task.lba + done, blocks, start: 0, fua };
    const refusal = await transferStep(task, unit, part);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

const writeSameRow = (opcode: number, shape: TransferCdb, flags: number): CommandRow => ({
  opcode,
  name: `WRITE SAME(${shape.cdbBytes})`,
  cdbBytes: shape.cdbBytes,
  usage: shape.usage(opcode, flags),
  reservation: 'write',
  writes: true,
  prepare: prepareWriteSame(shape),
  run: runWriteSame,
});

export const writeSameCommands: readonly CommandRow[] = [
  writeSameRow(0x41, cdb10, UNMAP_BIT),
  writeSameRow(0x93, cdb16, UNMAP_BIT | NDOB_BIT),
];
