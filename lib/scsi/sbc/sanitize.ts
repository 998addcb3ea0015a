/**
 * SANITIZE (SBC-3): OVERWRITE, BLOCK ERASE and EXIT FAILURE MODE. Nothing is encrypted here, so no
 * CRYPTOGRAPHIC ERASE.
 */
import type { CommandRow } from '../command.ts';
import { finishGood, finishSense } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { invalidCdbField, invalidParameterField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';
import type { SanitizePlan } from './sanitize-operation.ts';
import { bits, flag, layout, u16, u8 } from '../../wire/index.ts';

const OPCODE = 0x48;
const OVERWRITE = 0x01;
const BLOCK_ERASE = 0x02;
const EXIT_FAILURE_MODE = 0x1f;

const sanitizeCdb = layout(10, {
  opcode: u8(0, OPCODE),
  immediate: flag(1, 0x80),
  allowUnrestrictedExit: flag(1, 0x20),
  serviceAction: bits(1, 0x1f),
  parameterListLengthBytes: u16(7),
});
const cdbFields = sanitizeCdb.fields;

const PATTERN_AT = 4;
const overwriteList = layout(PATTERN_AT, {
  invert: flag(0, 0x80),
  test: bits(0, 0x60),
  overwriteCount: bits(0, 0x1f),
  patternLengthBytes: u16(2),
});
const listFields = overwriteList.fields;

const erasePlan: SanitizePlan = { pattern: null, passes: 1, invert: false };

function prepareOverwrite(task: ScsiTask, unit: LogicalUnit): SenseReason | undefined {
  const listBytes = cdbFields.parameterListLengthBytes.read(task.cdb, 0);
  if (listBytes <= PATTERN_AT || listBytes > PATTERN_AT + unit.blockSizeBytes) {
    return invalidCdbField(task, cdbFields.parameterListLengthBytes.at);
  }
  task.dataOutBytes = listBytes;
  task.bufferBytes = listBytes;
  return unit.sanitize.refusal;
}

/** @returns the reason to refuse the parameter list, or what it asks for. */
function parseOverwrite(task: ScsiTask, unit: LogicalUnit): SenseReason | SanitizePlan {
  const { data } = task.buffer!;
  const passes = listFields.overwriteCount.read(data, 0);
  const patternBytes = listFields.patternLengthBytes.read(data, 0);
  if (task.receivedOutBytes < task.dataOutBytes) return 'parameterListLengthError';
  // vendor-specific tests of the overwrite itself: there are none
  if (listFields.test.read(data, 0) !== 0) return invalidParameterField(task, listFields.test.at);
  if (passes === 0) return invalidParameterField(task, listFields.overwriteCount.at);
  if (patternBytes === 0 || patternBytes > unit.blockSizeBytes) {
    return invalidParameterField(task, listFields.patternLengthBytes.at);
  }
  if (PATTERN_AT + patternBytes > task.dataOutBytes) return 'parameterListLengthError';
  const pattern = Buffer.from(data.subarray(PATTERN_AT, PATTERN_AT + patternBytes));
  return { pattern, passes, invert: listFields.invert.read(data, 0) };
}

function begin(task: ScsiTask, unit: LogicalUnit, plan: SanitizePlan | SenseReason): void {
  // another SANITIZE may have begun while this one waited for its data
  const refusal = typeof plan === 'string' ? plan : unit.sanitize.refusal;
  if (refusal !== undefined || typeof plan === 'string') {
    finishSense(task, refusal!);
    return;
  }
  const immediate = cdbFields.immediate.read(task.cdb, 0);
  const allowUnrestrictedExit = cdbFields.allowUnrestrictedExit.read(task.cdb, 0);
  unit.sanitize.begin(plan, { allowUnrestrictedExit, task: immediate ? null : task });
  if (immediate) finishGood(task);
}

function runExitFailureMode(task: ScsiTask, unit: LogicalUnit): void {
  if (unit.sanitize.exitFailureMode()) finishGood(task);
  else finishSense(task, invalidCdbField(task, 1, 4));
}

const common = {
  opcode: OPCODE,
  cdbBytes: 10,
  reservation: 'write',
  writes: true,
  whenNotReady: true,
  stop: (task: ScsiTask, unit: LogicalUnit) => unit.sanitize.forget(task),
} as const;

export const sanitizeCommands: readonly CommandRow[] = [
  {
    ...common,
    serviceAction: OVERWRITE,
    name: 'SANITIZE, OVERWRITE',
    usage: [OPCODE, 0xbf, 0, 0, 0, 0, 0, 0xff, 0xff, 0],
    prepare: prepareOverwrite,
    run: (task, unit) => begin(task, unit, parseOverwrite(task, unit)),
  },
  {
    ...common,
    serviceAction: BLOCK_ERASE,
    name: 'SANITIZE, BLOCK ERASE',
    usage: [OPCODE, 0xbf, 0, 0, 0, 0, 0, 0, 0, 0],
    prepare: (_task, unit) => unit.sanitize.refusal,
    run: (task, unit) => begin(task, unit, erasePlan),
  },
  {
    ...common,
    serviceAction: EXIT_FAILURE_MODE,
    name: 'SANITIZE, EXIT FAILURE MODE',
    usage: [OPCODE, 0x1f, 0, 0, 0, 0, 0, 0, 0, 0],
    prepare: (_task, unit) => unit.sanitize.refusal,
    run: runExitFailureMode,
  },
];
