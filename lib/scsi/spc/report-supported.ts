/**
 * REPORT SUPPORTED OPERATION CODES and REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (SPC-4), from the
 * command table.
 */
import { expectParameterData, ones } from '../cdb.ts';
import type { CommandRow } from '../command.ts';
import { finishParameterData, finishSense } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { invalidCdbField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';

/** What this command has to know of the table that it stands in itself. */
export interface CommandDirectory {
  readonly rows: () => readonly CommandRow[];
}

const RCTD_BIT = 0x80;
const ReportingOptions = { all: 0, opcode: 1, serviceAction: 2, either: 3 } as const;
const OPTIONS_MAX = 3;
const ALL_BYTES_MAX = 8192;

const Support = { none: 1, standard: 3 } as const;
const CTDP_BIT = 0x80;
const DESCRIPTOR_CTDP_BIT = 0x02;
const DESCRIPTOR_SERVACTV_BIT = 0x01;
const DESCRIPTOR_BYTES = 8;
const TIMEOUTS_BYTES = 12;

const wantsTimeouts = (task: ScsiTask): boolean => (task.cdb[2]! & RCTD_BIT) !== 0;
const options = (task: ScsiTask): number => task.cdb[2]! & 0x07;

/** Command timeouts descriptor that promises nothing. */
const timeouts = (task: ScsiTask): Buffer => {
  if (!wantsTimeouts(task)) return Buffer.alloc(0);
  const descriptor = Buffer.alloc(TIMEOUTS_BYTES);
  descriptor.writeUInt16BE(TIMEOUTS_BYTES - 2, 0);
  return descriptor;
};

function prepareReport(task: ScsiTask): SenseReason | undefined {
  if (options(task) > OPTIONS_MAX) return invalidCdbField(task, 2, 2);
  return expectParameterData(task, task.cdb.readUInt32BE(6), ALL_BYTES_MAX);
}

const runReport = (directory: CommandDirectory) => {
  return (task: ScsiTask, unit: LogicalUnit): void => {
    const rows = directory
      .rows()
      .filter((row) => row.supported === undefined || row.supported(unit));
    if (options(task) === ReportingOptions.all) finishParameterData(task, allCommands(task, rows));
    else runOneCommand(task, rows);
  };
};

function allCommands(task: ScsiTask, rows: readonly CommandRow[]): Buffer {
  const descriptors = rows.flatMap((row) => [descriptor(task, row), timeouts(task)]);
  const data = Buffer.concat([Buffer.alloc(4), ...descriptors]);
  data.writeUInt32BE(data.length - 4, 0);
  return data;
}

function descriptor(task: ScsiTask, row: CommandRow): Buffer {
  const bytes = Buffer.alloc(DESCRIPTOR_BYTES);
  bytes[0] = row.opcode;
  bytes.writeUInt16BE(row.serviceAction ?? 0, 2);
  bytes[5] =
    (wantsTimeouts(task) ? DESCRIPTOR_CTDP_BIT : 0) |
    (row.serviceAction === undefined ? 0 : DESCRIPTOR_SERVACTV_BIT);
  bytes.writeUInt16BE(row.cdbBytes, 6);
  return bytes;
}

function runOneCommand(task: ScsiTask, rows: readonly CommandRow[]): void {
  const { cdb } = task;
  const sameOpcode = rows.filter((row) => row.opcode === cdb[3]);
  const hasActions = sameOpcode.some((row) => row.serviceAction !== undefined);
  const option = options(task);
  if (option === ReportingOptions.opcode && hasActions) {
    finishSense(task, invalidCdbField(task, 2, 2));
    return;
  }
  if (option === ReportingOptions.serviceAction && sameOpcode.length > 0 && !hasActions) {
    finishSense(task, invalidCdbField(task, 2, 2));
    return;
  }
  const action = cdb.readUInt16BE(4);
  // option 3: without service actions only service action 0 names the command
  const row = hasActions
    ? sameOpcode.find((known) => known.serviceAction === action)
    : sameOpcode.find(() => option !== ReportingOptions.either || action === 0);
  finishParameterData(task, oneCommand(task, row));
}

function oneCommand(task: ScsiTask, row: CommandRow | undefined): Buffer {
  if (row === undefined) return Buffer.from([0, Support.none, 0, 0]);
  const flags = (wantsTimeouts(task) ? CTDP_BIT : 0) | Support.standard;
  const usage = Buffer.from(row.usage);
  if (row.serviceAction !== undefined) usage[1] = (usage[1]! & ~0x1f) | row.serviceAction;
  const header = Buffer.from([0, flags, 0, row.cdbBytes]);
  return Buffer.concat([header, usage, timeouts(task)]);
}

/** ABORT TASK, ABORT TASK SET, CLEAR TASK SET, LOGICAL UNIT RESET, TARGET RESET. */
const TASK_MANAGEMENT_BITS = 0x80 | 0x40 | 0x10 | 0x08 | 0x02;
const REPD_BIT = 0x80;
const SHORT_TMF_BYTES = 4;
const LONG_TMF_BYTES = 16;

function prepareReportTmf(task: ScsiTask): SenseReason | undefined {
  const allocationBytes = task.cdb.readUInt32BE(6);
  if (allocationBytes < SHORT_TMF_BYTES) return invalidCdbField(task, 6, 7);
  return expectParameterData(task, allocationBytes);
}

function runReportTmf(task: ScsiTask): void {
  const long = (task.cdb[2]! & REPD_BIT) !== 0;
  const data = Buffer.alloc(long ? LONG_TMF_BYTES : SHORT_TMF_BYTES);
  data[0] = TASK_MANAGEMENT_BITS;
  if (long) data[3] = LONG_TMF_BYTES - SHORT_TMF_BYTES;
  finishParameterData(task, data);
}

const common = { reservation: 'always', whenNotReady: true } as const;

export const reportSupportedCommands = (directory: CommandDirectory): readonly CommandRow[] => [
  {
    opcode: 0xa3,
    serviceAction: 0x0c,
    name: 'REPORT SUPPORTED OPERATION CODES',
    cdbBytes: 12,
    usage: [0xa3, 0, 0x87, ...ones(7), 0, 0],
    ...common,
    prepare: prepareReport,
    run: runReport(directory),
  },
  {
    opcode: 0xa3,
    serviceAction: 0x0d,
    name: 'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS',
    cdbBytes: 12,
    usage: [0xa3, 0, REPD_BIT, 0, 0, 0, ...ones(4), 0, 0],
    ...common,
    prepare: prepareReportTmf,
    run: runReportTmf,
  },
];
