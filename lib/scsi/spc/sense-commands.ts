/** TEST UNIT READY and REQUEST SENSE (SPC-4). */
import { expectParameterData } from '../cdb.ts';
import type { CommandRow } from '../command.ts';
import { finishGood, finishParameterData } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { progressSpecific, SENSE_BYTES_MAX, writeSense } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';

const DESC_BIT = 0x01;

const prepareRequestSense = (task: ScsiTask): undefined =>
  expectParameterData(task, task.cdb[4]!, SENSE_BYTES_MAX);

/**
 * A pending unit attention is told once, here as data; else what keeps the unit from being ready;
 * else nothing.
 */
function runRequestSense(task: ScsiTask, unit: LogicalUnit): void {
  const attention = task.itl!.takeUnitAttention();
  if (attention !== undefined) answer(task, attention, 0);
  else if (unit.notReady === null) answer(task, 'noSense', 0);
  else {
    const told = unit.notReadyProgress >= 0;
    answer(task, unit.notReady, told ? progressSpecific(unit.notReadyProgress) : 0);
  }
}

function answer(task: ScsiTask, reason: SenseReason, specific: number): void {
  const data = Buffer.alloc(SENSE_BYTES_MAX);
  const descriptorFormat = (task.cdb[1]! & DESC_BIT) !== 0;
  const bytes = writeSense(data, reason, { specific, information: -1 }, descriptorFormat);
  finishParameterData(task, data.subarray(0, bytes));
}

export const senseCommands: readonly CommandRow[] = [
  {
    opcode: 0x00,
    name: 'TEST UNIT READY',
    cdbBytes: 6,
    usage: [0x00, 0, 0, 0, 0, 0],
    reservation: 'legacyOnly',
    run: (task) => finishGood(task),
  },
  {
    opcode: 0x03,
    name: 'REQUEST SENSE',
    cdbBytes: 6,
    usage: [0x03, DESC_BIT, 0, 0, 0xff, 0],
    reservation: 'always',
    passesUnitAttention: true,
    whenNotReady: true,
    withoutUnit: {
      prepare: prepareRequestSense,
      run: (task) => answer(task, 'logicalUnitNotSupported', 0),
    },
    prepare: prepareRequestSense,
    run: runRequestSense,
  },
];
