/** WRITE(6), WRITE(10), WRITE(12), WRITE(16) and WRITE ATOMIC(16) (SBC-3, SBC-4). */
import { cdb10, cdb12, cdb16, cdb6, ones, readLba64, readRange } from '../cdb.ts';
import type { TransferCdb } from '../cdb.ts';
import type { CommandRow } from '../command.ts';
import { finishGood } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { DPO_BIT, FUA_BIT, startWrite } from '../media.ts';
import { invalidCdbField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';

type Prepare = (task: ScsiTask, unit: LogicalUnit) => SenseReason | undefined;

/**
 * Asks for the Data-Out of a write. An initiator that announces less than the CDB asks for has only
 * so many whole blocks written (the transport reports the rest as residual); a part of a block is
 * refused.
 */
export function expectWriteData(task: ScsiTask, unit: LogicalUnit): SenseReason | undefined {
  const { blockSizeBytes } = unit;
  task.dataOutBytes = task.blocks * blockSizeBytes;
  if (task.expectedOutBytes < task.dataOutBytes) {
    if (task.expectedOutBytes % blockSizeBytes !== 0) return 'invalidInformationUnit';
    task.blocks = task.expectedOutBytes / blockSizeBytes;
  }
  task.bufferBytes = task.blocks * blockSizeBytes;
  return undefined;
}

/** Asks for Data-Out of which every byte counts: the initiator must announce exactly that much. */
export function expectExactData(task: ScsiTask, bytes: number): SenseReason | undefined {
  task.dataOutBytes = bytes;
  return task.expectedOutBytes === bytes ? undefined : 'invalidInformationUnit';
}

const prepareWrite = (shape: TransferCdb): Prepare => {
  return (task, unit) => readRange(task, unit, shape) ?? expectWriteData(task, unit);
};

function runWrite(task: ScsiTask, unit: LogicalUnit): void {
  if (task.blocks === 0) finishGood(task);
  else startWrite(task, unit, (task.cdb[1]! & FUA_BIT) !== 0);
}

function runWrite6(task: ScsiTask, unit: LogicalUnit): void {
  if (task.blocks === 0) finishGood(task);
  else startWrite(task, unit, false);
}

function prepareWriteAtomic(task: ScsiTask, unit: LogicalUnit): SenseReason | undefined {
  task.lba = readLba64(task.cdb, 2);
  task.blocks = task.cdb.readUInt16BE(12);
  if (task.lba + task.blocks > unit.capacityBlocks) return 'lbaOutOfRange';
  if (task.blocks > unit.limits.atomicBlocks) return invalidCdbField(task, 12, 7);
  task.bufferBytes = task.blocks * unit.blockSizeBytes;
  return expectExactData(task, task.bufferBytes);
}

/**
 * Nobody sees or makes a part of it: the range is held until the one device request has ended. What
 * a loss of power leaves of it is up to the device below.
 */
function runWriteAtomic(task: ScsiTask, unit: LogicalUnit): void {
  if (task.blocks === 0) {
    finishGood(task);
    return;
  }
  task.exclusive = true;
  startWrite(task, unit, (task.cdb[1]! & FUA_BIT) !== 0);
}

const common = { reservation: 'write', media: 'write', writes: true } as const;

const writeRow = (
  opcode: number,
  shape: TransferCdb,
  run: CommandRow['run'] = runWrite,
): CommandRow => ({
  opcode,
  name: `WRITE(${shape.cdbBytes})`,
  cdbBytes: shape.cdbBytes,
  usage: shape.usage(opcode, DPO_BIT | FUA_BIT),
  ...common,
  prepare: prepareWrite(shape),
  run,
});

export const writeCommands: readonly CommandRow[] = [
  writeRow(0x0a, cdb6, runWrite6),
  writeRow(0x2a, cdb10),
  writeRow(0xaa, cdb12),
  writeRow(0x8a, cdb16),
  {
    opcode: 0x9c,
    name: 'WRITE ATOMIC(16)',
    cdbBytes: 16,
    usage: [0x9c, DPO_BIT | FUA_BIT, ...ones(8), 0, 0, ...ones(2), 0x1f, 0],
    ...common,
    prepare: prepareWriteAtomic,
    run: runWriteAtomic,
  },
];
