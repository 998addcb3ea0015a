/** INQUIRY (SPC-4): standard data; vital product data is in vital-product-data.ts. */
import { expectParameterData } from '../cdb.ts';
import type { CommandRow } from '../command.ts';
import { finishParameterData, finishSense } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import type { ProductIdentity } from '../nexus.ts';
import { invalidCdbField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';
import { findVitalPage, vitalPageBytes } from './vital-product-data.ts';

const EVPD_BIT = 0x01;
const STANDARD_BYTES = 96;
const VERSION_SPC_4 = 0x06;
/** HISUP, response data format 2. */
const FORMAT_BYTE = 0x12;
/** TPGS: implicit asymmetric access; 3PC: third-party copy. */
const ACCESS_BYTE = 0x18;
const MULTIP_BIT = 0x10;
const CMDQUE_BIT = 0x02;
/** Peripheral qualifier 011b with device type 1Fh: there is no such logical unit. */
const NO_UNIT = 0x7f;
const VERSION_DESCRIPTORS_AT = 58;
/** SAM-5, iSCSI, SPC-4, SBC-3, each without claiming a version of the document. */
const VERSION_DESCRIPTORS = [0x00a0, 0x0960, 0x0460, 0x04c0] as const;

const hasEvpd = (task: ScsiTask): boolean => (task.cdb[1]! & EVPD_BIT) !== 0;

function prepareInquiry(task: ScsiTask): SenseReason | undefined {
  const page = task.cdb[2]!;
  const known = hasEvpd(task) ? findVitalPage(page) !== undefined : page === 0;
  return known ? expectParameterData(task, task.cdb.readUInt16BE(3)) : invalidCdbField(task, 2, 7);
}

function runInquiry(task: ScsiTask, unit: LogicalUnit): void {
  const data = hasEvpd(task)
    ? vitalPageBytes(findVitalPage(task.cdb[2]!)!, unit, task.nexus!)
    : standardData(task.nexus!.product);
  finishParameterData(task, data);
}

/** Where there is no unit there is no vital product data either. */
function runWithoutUnit(task: ScsiTask): void {
  if (hasEvpd(task)) {
    finishSense(task, invalidCdbField(task, 1, 0));
    return;
  }
  const data = standardData(task.nexus!.product);
  data[0] = NO_UNIT;
  finishParameterData(task, data);
}

/** ASCII, left-aligned and filled with spaces (SPC-4). */
export const asciiField = (text: string, bytes: number): string =>
  text.slice(0, bytes).padEnd(bytes, ' ');

function standardData(product: ProductIdentity): Buffer {
  const data = Buffer.alloc(STANDARD_BYTES);
  data[2] = VERSION_SPC_4;
  data[3] = FORMAT_BYTE;
  data[4] = STANDARD_BYTES - 5;
  data[5] = ACCESS_BYTE;
  data[6] = MULTIP_BIT;
  data[7] = CMDQUE_BIT;
  data.write(asciiField(product.vendor, 8), 8, 'latin1');
  data.write(asciiField(product.product, 16), 16, 'latin1');
  data.write(asciiField(product.revision, 4), 32, 'latin1');
  VERSION_DESCRIPTORS.forEach((descriptor, index) =>
    data.writeUInt16BE(descriptor, VERSION_DESCRIPTORS_AT + 2 * index),
  );
  return data;
}

export const inquiryCommands: readonly CommandRow[] = [
  {
    opcode: 0x12,
    name: 'INQUIRY',
    cdbBytes: 6,
    usage: [0x12, EVPD_BIT, 0xff, 0xff, 0xff, 0],
    reservation: 'always',
    passesUnitAttention: true,
    whenNotReady: true,
    withoutUnit: { prepare: prepareInquiry, run: runWithoutUnit },
    prepare: prepareInquiry,
    run: runInquiry,
  },
];
