/** READ(6), READ(10), READ(12), READ(16) (SBC-3). */
import { BlockOp } from '../../block/index.ts';
import { cdb10, cdb12, cdb16, cdb6, readRange } from '../cdb.ts';
import type { TransferCdb } from '../cdb.ts';
import type { CommandRow } from '../command.ts';
import { finishDataIn } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { DPO_BIT, flushStep, FUA_BIT, runSteps, startRead, transferStep } from '../media.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';

type Prepare = (task: ScsiTask, unit: LogicalUnit) => SenseReason | undefined;

const prepareRead = (shape: TransferCdb): Prepare => {
  return (task, unit) => {
    const refusal = readRange(task, unit, shape);
    if (refusal !== undefined) return refusal;
    task.dataInBytesMax = task.bufferBytes = task.blocks * unit.blockSizeBytes;
    return undefined;
  };
};

function runRead(task: ScsiTask, unit: LogicalUnit): void {
  if (task.blocks === 0) finishDataIn(task, 0);
  else if ((task.cdb[1]! & FUA_BIT) !== 0 && unit.device.features.volatileWriteCache) {
    runSteps(task, unit, readFromMedium);
  } else startRead(task, unit);
}

const runRead6 = (task: ScsiTask, unit: LogicalUnit): void => startRead(task, unit);

/** FUA: what the cache holds goes to the medium first, and is read from there. */
async function readFromMedium(task: ScsiTask, unit: LogicalUnit): Promise<SenseReason | undefined> {
  const { lba, blocks } = task;
  const refusal =
    (await flushStep(task, unit)) ??
    (await transferStep(task, unit, { op: BlockOp.read, lba, blocks, start: 0 }));
  task.dataInBytes = blocks * unit.blockSizeBytes;
  return refusal;
}

const readRow = (
  opcode: number,
  shape: TransferCdb,
  run: CommandRow['run'] = runRead,
): CommandRow => ({
  opcode,
  name: `READ(${shape.cdbBytes})`,
  cdbBytes: shape.cdbBytes,
  usage: shape.usage(opcode, DPO_BIT | FUA_BIT),
  reservation: 'read',
  media: 'read',
  prepare: prepareRead(shape),
  run,
});

export const readCommands: readonly CommandRow[] = [
  readRow(0x08, cdb6, runRead6),
  readRow(0x28, cdb10),
  readRow(0xa8, cdb12),
  readRow(0x88, cdb16),
];
