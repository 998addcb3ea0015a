/** The log pages of a logical unit (SPC-4, SBC-3), from its counters. */
import type { LogicalUnit } from '../logical-unit.ts';

/** FORMAT AND LINKING: how a value is to be read. */
export const LogFormat = { counter: 0, binaryList: 3 } as const;

export interface LogParameter {
  readonly code: number;
  /** One of LogFormat. */
  readonly format: number;
  readonly value: Buffer;
}

export interface LogPage {
  readonly code: number;
  readonly name: string;
  /** Absent: every unit has it. */
  readonly supported?: (unit: LogicalUnit) => boolean;
  /**
   * Ascending by code.
   * @param isWanted false once the command has been aborted: what is returned is not used then.
   */
  readonly parameters: (
    unit: LogicalUnit,
    isWanted: () => boolean,
  ) => LogParameter[] | Promise<LogParameter[]>;
}

const COUNTER_BYTES = 8;

function counterValue(value: number): Buffer {
  const bytes = Buffer.alloc(COUNTER_BYTES);
  bytes.writeBigUInt64BE(BigInt(Math.max(0, Math.floor(value))));
  return bytes;
}

const counter = (code: number, value: number): LogParameter => ({
  code,
  format: LogFormat.counter,
  value: counterValue(value),
});

/** Parameters that the write and the read error counter page have in common. */
const ERRORS_CORRECTED = 0x0003;
const BYTES_PROCESSED = 0x0005;
const ERRORS_UNCORRECTED = 0x0006;

const errorCounters = (errors: number, bytes: number): LogParameter[] => [
  counter(ERRORS_CORRECTED, 0),
  counter(BYTES_PROCESSED, bytes),
  counter(ERRORS_UNCORRECTED, errors),
];

const COUNTER_WORDS = 8;

/**
 * General Access Statistics and Performance: eight counters in one parameter; what isn't measured
 * is 0.
 */
function generalStatistics(unit: LogicalUnit): LogParameter[] {
  const { counters, blockSizeBytes } = unit;
  const words = new Array<number>(COUNTER_WORDS).fill(0);
  words[0] = counters.readCommands;
  words[1] = counters.writeCommands;
  words[2] = counters.writeBytes / blockSizeBytes;
  words[3] = counters.readBytes / blockSizeBytes;
  const value = Buffer.concat(words.map(counterValue));
  return [{ code: 0x0001, format: LogFormat.binaryList, value }];
}

/** THRESHOLD EXPONENT (VPD B2): LBA mapping resources are counted in sets of 2^11 blocks. */
export const THRESHOLD_EXPONENT = 11;
const USED_RESOURCES = 0x0002;
const RESOURCE_COUNT_BYTES = 8;
const RESOURCE_COUNT_MAX = 0xffff_ffff;
/** Extents looked at in one step. */
const EXTENTS_PER_STEP = 1024;

/** Logical Block Provisioning: how much storage the unit takes. */
async function provisioning(unit: LogicalUnit, isWanted: () => boolean): Promise<LogParameter[]> {
  const { device } = unit;
  let usedBytes = 0;
  let at = 0;
  while (at < device.capacityBytes && isWanted()) {
    const extents = await device.extents(at, device.capacityBytes - at, EXTENTS_PER_STEP);
    for (const { kind, lengthBytes } of extents) {
      if (kind === 'data') usedBytes += lengthBytes;
      at += lengthBytes;
    }
  }
  const sets = Math.ceil(usedBytes / (unit.blockSizeBytes * 2 ** THRESHOLD_EXPONENT));
  // SCOPE stays 0: whether units share storage is not told
  const value = Buffer.alloc(RESOURCE_COUNT_BYTES);
  value.writeUInt32BE(Math.min(sets, RESOURCE_COUNT_MAX));
  return [{ code: USED_RESOURCES, format: LogFormat.binaryList, value }];
}

/** Informational Exceptions: no failure is predicted, no temperature is measured (FFh). */
const informationalExceptions = (): LogParameter[] => [
  { code: 0x0000, format: LogFormat.binaryList, value: Buffer.from([0, 0, 0xff, 0]) },
];

export const logPages: readonly LogPage[] = [
  {
    code: 0x02,
    name: 'Write Error Counters',
    parameters: ({ counters }) => errorCounters(counters.writeErrors, counters.writeBytes),
  },
  {
    code: 0x03,
    name: 'Read Error Counters',
    parameters: ({ counters }) => errorCounters(counters.readErrors, counters.readBytes),
  },
  {
    code: 0x0c,
    name: 'Logical Block Provisioning',
    supported: (unit) => unit.thin,
    parameters: provisioning,
  },
  {
    code: 0x19,
    name: 'General Statistics and Performance',
    parameters: generalStatistics,
  },
  { code: 0x2f, name: 'Informational Exceptions', parameters: informationalExceptions },
];
