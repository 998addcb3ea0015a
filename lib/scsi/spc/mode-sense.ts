/** MODE SENSE(6) and MODE SENSE(10) (SPC-4). */
import { expectParameterData } from '../cdb.ts';
import type { CommandRow } from '../command.ts';
import { finishParameterData } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { invalidCdbField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';
import { modePageBytes, modePages, PageControl } from './mode-pages.ts';

const ALL_PAGES = 0x3f;
const ALL_SUBPAGES = 0xff;
const DBD_BIT = 0x08;
const LLBAA_BIT = 0x10;
/** Device-specific parameter of direct access devices. */
const WP_BIT = 0x80;
const DPOFUA_BIT = 0x10;
const LONGLBA_BIT = 0x01;

const LBA_32_MAX = 0xffff_ffff;
/** MODE SENSE(6) tells its length in one byte. */
const ANSWER_BYTES_MAX = 255;

const isTen = (task: ScsiTask): boolean => task.cdb[0] === 0x5a;
const pageControl = (task: ScsiTask): PageControl => (task.cdb[2]! >> 6) as PageControl;
const pageCode = (task: ScsiTask): number => task.cdb[2]! & 0x3f;

function prepareModeSense(task: ScsiTask): SenseReason | undefined {
  const { cdb } = task;
  if (pageControl(task) === PageControl.saved) return 'savingParametersNotSupported';
  const code = pageCode(task);
  if (code !== ALL_PAGES && !modePages.some((page) => page.code === code)) {
    return invalidCdbField(task, 2, 5);
  }
  const subpage = cdb[3]!;
  if (subpage !== 0 && subpage !== ALL_SUBPAGES) return invalidCdbField(task, 3, 7);
  const allocationBytes = isTen(task) ? cdb.readUInt16BE(7) : cdb[4]!;
  return expectParameterData(task, allocationBytes, ANSWER_BYTES_MAX);
}

function runModeSense(task: ScsiTask, unit: LogicalUnit): void {
  const code = pageCode(task);
  const pages = modePages
    .filter((page) => code === ALL_PAGES || page.code === code)
    .map((page) => modePageBytes(page, unit.modes, pageControl(task)));
  const descriptor = blockDescriptor(task, unit);
  const header = modeHeader(task, unit, descriptor.length);
  const data = Buffer.concat([header, descriptor, ...pages]);
  if (isTen(task)) data.writeUInt16BE(data.length - 2, 0);
  else data[0] = data.length - 1;
  finishParameterData(task, data);
}

function modeHeader(task: ScsiTask, unit: LogicalUnit, descriptorBytes: number): Buffer {
  const protectedNow = task.itl!.readOnly || unit.readOnly || unit.modes.softwareWriteProtect;
  const parameter = (protectedNow ? WP_BIT : 0) | DPOFUA_BIT;
  if (!isTen(task)) return Buffer.from([0, 0, parameter, descriptorBytes]);
  const long = descriptorBytes === LONG_DESCRIPTOR_BYTES ? LONGLBA_BIT : 0;
  return Buffer.from([0, 0, 0, parameter, long, 0, 0, descriptorBytes]);
}

export const SHORT_DESCRIPTOR_BYTES = 8;
export const LONG_DESCRIPTOR_BYTES = 16;

function blockDescriptor(task: ScsiTask, unit: LogicalUnit): Buffer {
  const flags = task.cdb[1]!;
  if ((flags & DBD_BIT) !== 0) return Buffer.alloc(0);
  if (isTen(task) && (flags & LLBAA_BIT) !== 0) {
    const long = Buffer.alloc(LONG_DESCRIPTOR_BYTES);
    long.writeUIntBE(unit.capacityBlocks, 2, 6);
    long.writeUInt32BE(unit.blockSizeBytes, 12);
    return long;
  }
  const short = Buffer.alloc(SHORT_DESCRIPTOR_BYTES);
  short.writeUInt32BE(Math.min(unit.capacityBlocks, LBA_32_MAX), 0);
  short.writeUIntBE(unit.blockSizeBytes, 5, 3);
  return short;
}

const common = { reservation: 'write', whenNotReady: true } as const;

export const modeSenseCommands: readonly CommandRow[] = [
  {
    opcode: 0x1a,
    name: 'MODE SENSE(6)',
    cdbBytes: 6,
    usage: [0x1a, DBD_BIT, 0xff, 0xff, 0xff, 0],
    ...common,
    prepare: prepareModeSense,
    run: runModeSense,
  },
  {
    opcode: 0x5a,
    name: 'MODE SENSE(10)',
    cdbBytes: 10,
    usage: [0x5a, LLBAA_BIT | DBD_BIT, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0],
    ...common,
    prepare: prepareModeSense,
    run: runModeSense,
  },
];
