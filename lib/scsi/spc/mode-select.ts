/**
 * MODE SELECT(6) and MODE SELECT(10) (SPC-4): the whole parameter list is checked before any of it
 * takes effect.
 */
import type { CommandRow } from '../command.ts';
import { finishGood, finishSense } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { flushStep, runSteps } from '../media.ts';
import { invalidCdbField, invalidParameterField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';
import { applyModePage, modePages, refusedModeByte } from './mode-pages.ts';
import type { ModePage } from './mode-pages.ts';
import { LONG_DESCRIPTOR_BYTES, SHORT_DESCRIPTOR_BYTES } from './mode-sense.ts';

const PF_BIT = 0x10;
const SUBPAGE_FORMAT_BIT = 0x40;
const PAGE_CODE_BITS = 0x3f;
const PAGE_HEADER_BYTES = 2;
const LIST_BYTES_MAX = 4096;

const isTen = (task: ScsiTask): boolean => task.cdb[0] === 0x55;
const headerBytes = (task: ScsiTask): number => (isTen(task) ? 8 : 4);

interface SelectedPage {
  readonly page: ModePage;
  readonly bytes: Buffer;
}

/** Modes are shared by all nexuses, so a host that may only read must not change them. */
function prepareModeSelect(task: ScsiTask): SenseReason | undefined {
  const listBytes = isTen(task) ? task.cdb.readUInt16BE(7) : task.cdb[4]!;
  if (listBytes > LIST_BYTES_MAX) return 'parameterListLengthError';
  if (task.itl!.readOnly) return 'accessDenied';
  if (listBytes > 0 && (task.cdb[1]! & PF_BIT) === 0) return invalidCdbField(task, 1, 4);
  if (listBytes > 0 && listBytes < headerBytes(task)) return 'parameterListLengthError';
  task.dataOutBytes = listBytes;
  task.bufferBytes = listBytes;
  return undefined;
}

function runModeSelect(task: ScsiTask, unit: LogicalUnit): void {
  if (task.dataOutBytes === 0) {
    finishGood(task);
    return;
  }
  const pages: SelectedPage[] = [];
  const refusal =
    task.receivedOutBytes < task.dataOutBytes
      ? 'parameterListLengthError'
      : readList(task, unit, pages);
  if (refusal !== undefined) finishSense(task, refusal);
  else apply(task, unit, pages);
}

function apply(task: ScsiTask, unit: LogicalUnit, pages: readonly SelectedPage[]): void {
  const { modes } = unit;
  const cached = modes.writeCacheEnabled;
  let changed = false;
  for (const { page, bytes } of pages) changed = applyModePage(page, modes, bytes) || changed;
  if (changed) unit.attention('modeParametersChanged', task.itl);
  // what was written to a cache that is off now has to be as durable as what follows
  if (cached && !modes.writeCacheEnabled) runSteps(task, unit, flushStep);
  else finishGood(task);
}

/** Collects the pages of the parameter list. @returns why it is refused. */
function readList(
  task: ScsiTask,
  unit: LogicalUnit,
  pages: SelectedPage[],
): SenseReason | undefined {
  const list = task.buffer!.data.subarray(0, task.dataOutBytes);
  const header = headerBytes(task);
  const descriptorBytes = isTen(task) ? list.readUInt16BE(6) : list[3]!;
  const refusal = refuseDescriptor(task, unit, list.subarray(header, header + descriptorBytes));
  if (refusal !== undefined) return refusal;
  if (header + descriptorBytes > list.length) return 'parameterListLengthError';
  for (let at = header + descriptorBytes; at < list.length;) {
    const selected = readPage(task, unit, list, at);
    if (typeof selected === 'string') return selected;
    pages.push(selected);
    at += selected.bytes.length;
  }
  return undefined;
}

/** A block descriptor may only say what is so: blocks can't be made larger or fewer. */
function refuseDescriptor(
  task: ScsiTask,
  unit: LogicalUnit,
  descriptor: Buffer,
): SenseReason | undefined {
  if (descriptor.length === 0) return undefined;
  const at = headerBytes(task);
  const long = isTen(task) && (task.buffer!.data[4]! & 1) !== 0;
  if (descriptor.length !== (long ? LONG_DESCRIPTOR_BYTES : SHORT_DESCRIPTOR_BYTES)) {
    return invalidParameterField(task, at - 1);
  }
  const blockSizeBytes = long ? descriptor.readUInt32BE(12) : descriptor.readUIntBE(5, 3);
  return blockSizeBytes === unit.blockSizeBytes
    ? undefined
    : invalidParameterField(task, at + (long ? 12 : 5));
}

function readPage(
  task: ScsiTask,
  unit: LogicalUnit,
  list: Buffer,
  at: number,
): SelectedPage | SenseReason {
  const code = list[at]! & PAGE_CODE_BITS;
  const page = modePages.find((known) => known.code === code);
  if (page === undefined || (list[at]! & SUBPAGE_FORMAT_BIT) !== 0) {
    return invalidParameterField(task, at);
  }
  if (at + PAGE_HEADER_BYTES > list.length) return 'parameterListLengthError';
  if (list[at + 1] !== page.constant[1]) return invalidParameterField(task, at + 1);
  const bytes = list.subarray(at, at + page.constant.length);
  if (bytes.length < page.constant.length) return 'parameterListLengthError';
  const refused = refusedModeByte(page, unit.modes, bytes);
  return refused < 0 ? { page, bytes } : invalidParameterField(task, at + refused);
}

const common = { reservation: 'write', whenNotReady: true } as const;

export const modeSelectCommands: readonly CommandRow[] = [
  {
    opcode: 0x15,
    name: 'MODE SELECT(6)',
    cdbBytes: 6,
    usage: [0x15, PF_BIT, 0, 0, 0xff, 0],
    ...common,
    prepare: prepareModeSelect,
    run: runModeSelect,
  },
  {
    opcode: 0x55,
    name: 'MODE SELECT(10)',
    cdbBytes: 10,
    usage: [0x55, PF_BIT, 0, 0, 0, 0, 0, 0xff, 0xff, 0],
    ...common,
    prepare: prepareModeSelect,
    run: runModeSelect,
  },
];
