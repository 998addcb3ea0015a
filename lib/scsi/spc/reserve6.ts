/**
 * RESERVE and RELEASE of SPC-2, for the whole logical unit and the sending nexus; third parties and
 * extents are refused.
 */
import type { CommandRow } from '../command.ts';
import { finishGood, finishStatus } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import type { SenseReason } from '../sense.ts';
import { ScsiStatus } from '../status.ts';
import type { ScsiTask } from '../task.ts';

const finish = (task: ScsiTask, granted: boolean): void => {
  if (granted) finishGood(task);
  else finishStatus(task, ScsiStatus.reservationConflict);
};

/** A host that may only read must not be able to lock out the owner. */
const prepareReserve = (task: ScsiTask): SenseReason | undefined =>
  task.itl!.readOnly ? 'accessDenied' : undefined;

const reserve = (task: ScsiTask, unit: LogicalUnit): void =>
  finish(task, unit.reservations.reserveUnit(task.itl!));

const release = (task: ScsiTask, unit: LogicalUnit): void =>
  finish(task, unit.reservations.releaseUnit(task.itl!));

const row = (
  opcode: number,
  name: string,
  cdbBytes: 6 | 10,
  handlers: Pick<CommandRow, 'prepare' | 'run'>,
): CommandRow => ({
  opcode,
  name,
  cdbBytes,
  usage: [opcode, ...new Array<number>(cdbBytes - 1).fill(0)],
  reservation: 'own',
  ...handlers,
});

const reserveHandlers = { prepare: prepareReserve, run: reserve };
const releaseHandlers = { run: release };

export const reserveCommands: readonly CommandRow[] = [
  row(0x16, 'RESERVE(6)', 6, reserveHandlers),
  row(0x17, 'RELEASE(6)', 6, releaseHandlers),
  row(0x56, 'RESERVE(10)', 10, reserveHandlers),
  row(0x57, 'RELEASE(10)', 10, releaseHandlers),
];
