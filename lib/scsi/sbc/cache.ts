/** SYNCHRONIZE CACHE, PRE-FETCH and START STOP UNIT (SBC-3). */
import { cdb10, cdb16, readRange } from '../cdb.ts';
import type { TransferCdb } from '../cdb.ts';
import type { CommandRow } from '../command.ts';
import { finishGood } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { flushStep, runSteps } from '../media.ts';
import { invalidCdbField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';

/** IMMED of SYNCHRONIZE CACHE and PRE-FETCH. */
const IMMED_BIT = 0x02;
const START_BIT = 0x01;
const LOEJ_BIT = 0x02;
const NO_FLUSH_BIT = 0x04;
const POWER_CONDITION_BITS = 0xf0;

const prepareRange = (shape: TransferCdb) => {
  return (task: ScsiTask, unit: LogicalUnit): SenseReason | undefined => {
    shape.read(task);
    return task.lba + task.blocks > unit.capacityBlocks ? 'lbaOutOfRange' : undefined;
  };
};

const preparePrefetch = (shape: TransferCdb) => {
  return (task: ScsiTask, unit: LogicalUnit): SenseReason | undefined =>
    readRange(task, unit, shape);
};

/**
 * The whole cache, whatever the range. IMMED changes nothing: a status before the end would leave
 * nobody to tell of a failure.
 */
function runSynchronizeCache(task: ScsiTask, unit: LogicalUnit): void {
  task.blocks = 0;
  runSteps(task, unit, flushStep);
}

/**
 * Nothing is kept in memory, so there is nothing to fetch and GOOD, not CONDITION MET, is the
 * truth.
 */
const runPrefetch = (task: ScsiTask): void => finishGood(task);

/** The medium can't be ejected and there are no power conditions. */
function prepareStartStop(task: ScsiTask): SenseReason | undefined {
  const byte = task.cdb[4]!;
  if ((byte & POWER_CONDITION_BITS) !== 0) return invalidCdbField(task, 4, 7);
  return (byte & LOEJ_BIT) !== 0 ? invalidCdbField(task, 4, 1) : undefined;
}

/**
 * Stopping flushes; the unit goes on serving, as one host must not be able to stop it for the
 * others.
 */
function runStartStop(task: ScsiTask, unit: LogicalUnit): void {
  const flush = (task.cdb[4]! & (START_BIT | NO_FLUSH_BIT)) === 0;
  if (flush) runSteps(task, unit, flushStep);
  else finishGood(task);
}

const synchronizeRow = (opcode: number, shape: TransferCdb): CommandRow => ({
  opcode,
  name: `SYNCHRONIZE CACHE(${shape.cdbBytes})`,
  cdbBytes: shape.cdbBytes,
  usage: shape.usage(opcode, IMMED_BIT),
  reservation: 'write',
  prepare: prepareRange(shape),
  run: runSynchronizeCache,
});

const prefetchRow = (opcode: number, shape: TransferCdb): CommandRow => ({
  opcode,
  name: `PRE-FETCH(${shape.cdbBytes})`,
  cdbBytes: shape.cdbBytes,
  usage: shape.usage(opcode, IMMED_BIT),
  reservation: 'read',
  prepare: preparePrefetch(shape),
  run: runPrefetch,
});

export const cacheCommands: readonly CommandRow[] = [
  synchronizeRow(0x35, cdb10),
  synchronizeRow(0x91, cdb16),
  prefetchRow(0x34, cdb10),
  prefetchRow(0x90, cdb16),
  {
    opcode: 0x1b,
    name: 'START STOP UNIT',
    cdbBytes: 6,
    usage: [0x1b, 0x01, 0, 0, 0xf7, 0],
    reservation: 'write',
    prepare: prepareStartStop,
    run: runStartStop,
  },
];
