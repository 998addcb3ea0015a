/**
 * LOG SENSE (SPC-4). Nothing here is saved, and every value is cumulative since the unit was made.
 */
import type { CommandRow } from '../command.ts';
import { finishParameterData, finishSense } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { invalidCdbField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';
import { bits, encode, flag, layout, u16, u8 } from '../../wire/index.ts';
import { logPages } from './log-sense-pages.ts';
import type { LogParameter, LogPage } from './log-sense-pages.ts';

const OPCODE = 0x4d;
const SUPPORTED_PAGES = 0x00;
const ALL_SUBPAGES = 0xff;
/** PC: threshold values 0, cumulative 1, default threshold 2, default cumulative 3. */
const PC_CUMULATIVE = 1;
const PC_DEFAULT_CUMULATIVE = 3;
const LOG_BYTES_MAX = 4096;

const logSenseCdb = layout(10, {
  opcode: u8(0, OPCODE),
  savePage: flag(1, 0x01),
  pageControl: bits(2, 0xc0),
  pageCode: bits(2, 0x3f),
  subpageCode: u8(3),
  parameterPointer: u16(5),
  allocationLengthBytes: u16(7),
});
const cdbFields = logSenseCdb.fields;

const pageHeader = layout(4, {
  disableSave: flag(0, 0x80, true),
  subpageFormat: flag(0, 0x40),
  pageCode: bits(0, 0x3f),
  subpageCode: u8(1),
  pageBytes: u16(2),
});

const parameterHeader = layout(4, {
  code: u16(0),
  /** FORMAT AND LINKING: 3 is a binary list, 0 a bounded counter. */
  format: bits(2, 0x03),
  valueBytes: u8(3),
});

const supportedBy = (unit: LogicalUnit): LogPage[] =>
  logPages.filter((page) => page.supported === undefined || page.supported(unit));

function prepare(task: ScsiTask, unit: LogicalUnit): SenseReason | undefined {
  const { cdb } = task;
  if (cdbFields.savePage.read(cdb, 0)) return invalidCdbField(task, 1, 0);
  const control = cdbFields.pageControl.read(cdb, 0);
  if (control !== PC_CUMULATIVE && control !== PC_DEFAULT_CUMULATIVE) {
    return invalidCdbField(task, 2, 7);
  }
  if (pageOf(task, unit) === undefined) return invalidCdbField(task, 2, 5);
  task.dataInBytesMax = cdbFields.allocationLengthBytes.read(cdb, 0);
  task.bufferBytes = Math.min(task.dataInBytesMax, LOG_BYTES_MAX);
  return undefined;
}

function run(task: ScsiTask, unit: LogicalUnit): void {
  const page = pageOf(task, unit)!;
  if (Buffer.isBuffer(page)) finishParameterData(task, page);
  else void answerPage(task, unit, page);
}

/** @returns a list of pages as it is told, a page, or undefined where there is none. */
function pageOf(task: ScsiTask, unit: LogicalUnit): Buffer | LogPage | undefined {
  const code = cdbFields.pageCode.read(task.cdb, 0);
  const subpage = cdbFields.subpageCode.read(task.cdb, 0);
  if (code === SUPPORTED_PAGES) return supportedPages(unit, subpage);
  return subpage === 0 ? supportedBy(unit).find((page) => page.code === code) : undefined;
}

async function answerPage(task: ScsiTask, unit: LogicalUnit, page: LogPage): Promise<void> {
  const pointer = cdbFields.parameterPointer.read(task.cdb, 0);
  const defaults = cdbFields.pageControl.read(task.cdb, 0) === PC_DEFAULT_CUMULATIVE;
  const all = await readParameters(unit, page, () => !task.stopping);
  if (all === undefined) {
    finishSense(task, 'internalTargetFailure');
    return;
  }
  const parameters = all.filter((parameter) => parameter.code >= pointer);
  const body = Buffer.concat(parameters.map((one) => encodeParameter(one, defaults)));
  finishParameterData(task, withHeader(page.code, body));
}

/** @returns undefined where the device could not tell. */
async function readParameters(
  unit: LogicalUnit,
  page: LogPage,
  isWanted: () => boolean,
): Promise<LogParameter[] | undefined> {
  try {
    return await page.parameters(unit, isWanted);
  } catch {
    return undefined;
  }
}

/** SUPPORTED LOG PAGES, and SUPPORTED LOG PAGES AND SUBPAGES. */
function supportedPages(unit: LogicalUnit, subpage: number): Buffer | undefined {
  const codes = [SUPPORTED_PAGES, ...supportedBy(unit).map((page) => page.code)];
  if (subpage === 0) return withHeader(SUPPORTED_PAGES, Buffer.from(codes));
  if (subpage !== ALL_SUBPAGES) return undefined;
  const pairs = [SUPPORTED_PAGES, 0, SUPPORTED_PAGES, ALL_SUBPAGES];
  for (const code of codes.slice(1)) pairs.push(code, 0);
  const body = Buffer.from(pairs);
  const header = { subpageFormat: true, subpageCode: ALL_SUBPAGES, pageBytes: body.length };
  return Buffer.concat([encode(pageHeader, { pageCode: SUPPORTED_PAGES, ...header }), body]);
}

const withHeader = (pageCode: number, body: Buffer): Buffer =>
  Buffer.concat([encode(pageHeader, { pageCode, pageBytes: body.length }), body]);

function encodeParameter({ code, format, value }: LogParameter, defaults: boolean): Buffer {
  const header = encode(parameterHeader, { code, format, valueBytes: value.length });
  return Buffer.concat([header, defaults ? Buffer.alloc(value.length) : value]);
}

export const logCommands: readonly CommandRow[] = [
  {
    opcode: OPCODE,
    name: 'LOG SENSE',
    cdbBytes: 10,
    usage: [OPCODE, 0x01, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0],
    reservation: 'always',
    whenNotReady: true,
    prepare,
    run,
  },
];
