/** Vital product data pages (SPC-4, SBC-3). */
import type { LogicalUnit } from '../logical-unit.ts';
import { UNMAP_DESCRIPTORS_MAX } from '../limits.ts';
import type { ItNexus } from '../nexus.ts';
import { deviceIdentification } from './device-identification.ts';
import { THRESHOLD_EXPONENT } from './log-sense-pages.ts';
import { THIRD_PARTY_COPY_PAGE, thirdPartyCopyPage } from './third-party-copy-page.ts';

const PAGE_HEADER_BYTES = 4;
const BLOCK_PAGE_BYTES = 0x3c;
const UINT16_MAX = 0xffff;

export interface VitalPage {
  readonly code: number;
  readonly name: string;
  /** Everything behind the page header. */
  readonly body: (unit: LogicalUnit, nexus: ItNexus) => Buffer;
}

const supportedPages = (): Buffer => Buffer.from(vitalPages.map((page) => page.code));

/** SPT 0; HEADSUP, ORDSUP, SIMPSUP; V_SUP where the device has a volatile cache. */
function extendedInquiry(unit: LogicalUnit): Buffer {
  const body = Buffer.alloc(BLOCK_PAGE_BYTES);
  body[1] = 0x07;
  body[2] = unit.device.features.volatileWriteCache ? 0x01 : 0;
  return body;
}

function blockLimits(unit: LogicalUnit): Buffer {
  const { limits, thin } = unit;
  const page = Buffer.alloc(PAGE_HEADER_BYTES + BLOCK_PAGE_BYTES);
  page[5] = limits.compareAndWriteBlocks;
  page.writeUInt16BE(Math.min(limits.optimalGranularityBlocks, UINT16_MAX), 6);
  page.writeUInt32BE(limits.transferBlocks, 8);
  page.writeUInt32BE(limits.optimalTransferBlocks, 12);
  page.writeUInt32BE(limits.transferBlocks, 16);
  if (thin) {
    page.writeUInt32BE(limits.unmapBlocks, 20);
    page.writeUInt32BE(UNMAP_DESCRIPTORS_MAX, 24);
    page.writeUInt32BE(limits.unmapGranularityBlocks, 28);
    page.writeUInt32BE(0x8000_0000, 32); // UGAVALID, alignment 0
  }
  page.writeUIntBE(limits.writeSameBlocks, 38, 6);
  page.writeUInt32BE(limits.atomicBlocks, 44);
  return page.subarray(PAGE_HEADER_BYTES);
}

/** WABEREQ: blocks that SANITIZE BLOCK ERASE has erased can be read. */
const WABEREQ_READABLE = 0x40;

/** MEDIUM ROTATION RATE: 1 says that nothing rotates, 0 tells nothing. */
function blockCharacteristics(unit: LogicalUnit): Buffer {
  const body = Buffer.alloc(BLOCK_PAGE_BYTES);
  body.writeUInt16BE(unit.device.features.rotational ? 0 : 1, 0);
  body[3] = WABEREQ_READABLE;
  return body;
}

/** THRESHOLD EXPONENT, LBPU, LBPWS, LBPWS10, LBPRZ; provisioning type resource (1) or thin (2). */
function logicalBlockProvisioning(unit: LogicalUnit): Buffer {
  const { features } = unit.device;
  if (!unit.thin) return Buffer.alloc(4);
  return Buffer.from([
    THRESHOLD_EXPONENT,
    features.unmapReadsZeroes ? 0xe4 : 0xe0,
    features.thin ? 2 : 1,
    0,
  ]);
}

/** Ascending by page code. */
export const vitalPages: readonly VitalPage[] = [
  { code: 0x00, name: 'Supported VPD Pages', body: supportedPages },
  {
    code: 0x80,
    name: 'Unit Serial Number',
    body: (unit) => Buffer.from(unit.identity.serial, 'latin1'),
  },
  { code: 0x83, name: 'Device Identification', body: deviceIdentification },
  { code: 0x86, name: 'Extended INQUIRY Data', body: extendedInquiry },
  { code: THIRD_PARTY_COPY_PAGE, name: 'Third-party Copy', body: thirdPartyCopyPage },
  { code: 0xb0, name: 'Block Limits', body: blockLimits },
  { code: 0xb1, name: 'Block Device Characteristics', body: blockCharacteristics },
  { code: 0xb2, name: 'Logical Block Provisioning', body: logicalBlockProvisioning },
];

export const findVitalPage = (code: number): VitalPage | undefined =>
  vitalPages.find((page) => page.code === code);

/** A whole page with its header. */
export function vitalPageBytes(page: VitalPage, unit: LogicalUnit, nexus: ItNexus): Buffer {
  const body = page.body(unit, nexus);
  const header = Buffer.from([0, page.code, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([header, body]);
}
