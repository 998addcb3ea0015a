/**
 * What a logical unit says about itself, as far as a block device needs it. Source: SPC-4 and
 * SBC-3, by page name.
 */
import { Failure, MIB } from '../base/index.ts';
import type { BlockFeatures } from '../block/index.ts';
import { ScsiStatus } from '../scsi/index.ts';
import { readSafeU64 } from '../wire/index.ts';
import { putInquiry, putModeSense6, putReadCapacity16, putTestUnitReady } from './cdb.ts';
import type { ScsiClient } from './scsi-client.ts';

const VpdPage = {
  supportedPages: 0x00,
  identification: 0x83,
  blockLimits: 0xb0,
  characteristics: 0xb1,
  provisioning: 0xb2,
} as const;
const CACHING_MODE_PAGE = 0x08;

const INQUIRY_BYTES = 96;
const VPD_BYTES = 252;
const CAPACITY_BYTES = 32;
const MODE_BYTES = 192;
const VPD_HEADER_BYTES = 4;

/**
 * Longest transfer in one command, whatever more the target takes: bounds what a lost command
 * costs.
 */
const TRANSFER_BYTES_MAX = 8 * MIB;
/** Longest UNMAP or WRITE SAME in one command, where the target names no smaller limit. */
const DEALLOCATE_BYTES_MAX = 256 * MIB;

export interface DeviceProfile {
  readonly vendor: string;
  readonly product: string;
  /**
   * Designator of the logical unit, hexadecimal with its type before it; empty where there is none.
   */
  readonly identity: string;
  readonly blockSizeBytes: number;
  readonly physicalBlockSizeBytes: number;
  readonly capacityBytes: number;
  readonly features: BlockFeatures;
  /** READ and WRITE know FUA. */
  readonly fua: boolean;
  /** WRITE SAME with the UNMAP bit leaves zeros. */
  readonly writeSameUnmap: boolean;
  readonly unmapBytesMax: number;
  readonly writeSameBytesMax: number;
}

interface VpdPages {
  readonly limits: Buffer | null;
  readonly characteristics: Buffer | null;
  readonly provisioning: Buffer | null;
  readonly identification: Buffer | null;
}

/**
 * @throws Failure `notFound` where there is no such disk, `unreachable` where it doesn't answer.
 */
export async function probeDevice(client: ScsiClient): Promise<DeviceProfile> {
  await client.execute({ put: putTestUnitReady });
  const inquiry = await probeInquiry(client);
  const vpd = await probePages(client);
  const capacity = await probeCapacity(client);
  const mode = await probeCaching(client);
  const blockSize = capacity.blockSizeBytes;
  return {
    ...inquiry,
    ...capacity,
    identity: vpd.identification === null ? '' : readIdentity(vpd.identification),
    features: toFeatures(vpd, capacity, mode),
    fua: mode.fua,
    writeSameUnmap: capacity.readsZeroes && hasBit(vpd.provisioning, 5, 0x40),
    unmapBytesMax: limitBytes(fieldAt(vpd.limits, 20), blockSize, DEALLOCATE_BYTES_MAX),
    writeSameBytesMax: writeSameLimit(vpd.limits, blockSize),
  };
}

export interface Capacity {
  readonly blockSizeBytes: number;
  readonly physicalBlockSizeBytes: number;
  readonly capacityBytes: number;
  readonly thin: boolean;
  readonly readsZeroes: boolean;
}

export async function probeCapacity(client: ScsiClient): Promise<Capacity> {
  const put = (command: Parameters<typeof putReadCapacity16>[0]): void =>
    putReadCapacity16(command, CAPACITY_BYTES);
  const data = await client.demand('READ CAPACITY(16)', { put, inBytes: CAPACITY_BYTES });
  if (data.length < 16) throw new Failure('unexpected', 'READ CAPACITY(16): answer cut short');
  const last = readSafeU64(data, 0);
  const blockSizeBytes = data.readUInt32BE(8);
  const capacityBytes = ((last ?? Number.NaN) + 1) * blockSizeBytes;
  if (!Number.isSafeInteger(capacityBytes) || blockSizeBytes < 512) {
    const found = `${last ?? 'too many'} blocks of ${blockSizeBytes} bytes`;
    throw new Failure('unexpected', `READ CAPACITY(16): no size that can be used: ${found}`);
  }
  return {
    blockSizeBytes,
    physicalBlockSizeBytes: blockSizeBytes * 2 ** (data[13]! & 0x0f),
    capacityBytes,
    thin: (data[14]! & 0x80) !== 0,
    readsZeroes: (data[14]! & 0x40) !== 0,
  };
}

async function probeInquiry(client: ScsiClient): Promise<{ vendor: string; product: string }> {
  const data = await client.demand('INQUIRY', {
    put: (command) => putInquiry(command, null, INQUIRY_BYTES),
    inBytes: INQUIRY_BYTES,
  });
  const where = `LUN ${client.lun} of ${client.session.options.targetName}`;
  if (data.length < 36) throw new Failure('unexpected', `${where}: INQUIRY data cut short`);
  const qualifier = data[0]! >> 5;
  const type = data[0]! & 0x1f;
  if (qualifier !== 0) throw new Failure('notFound', `${where}: no logical unit there`);
  if (type !== 0) throw new Failure('notFound', `${where}: device type ${type}, not a disk`);
  return {
    vendor: data.toString('latin1', 8, 16).trim(),
    product: data.toString('latin1', 16, 32).trim(),
  };
}

async function probePages(client: ScsiClient): Promise<VpdPages> {
  const supported = await readPage(client, VpdPage.supportedPages);
  const page = async (code: number): Promise<Buffer | null> =>
    supported?.includes(code, VPD_HEADER_BYTES) === true ? readPage(client, code) : null;
  return {
    identification: await page(VpdPage.identification),
    limits: await page(VpdPage.blockLimits),
    characteristics: await page(VpdPage.characteristics),
    provisioning: await page(VpdPage.provisioning),
  };
}

/** @returns null where the target hasn't the page, or answers with another one. */
async function readPage(client: ScsiClient, code: number): Promise<Buffer | null> {
  const answer = await client.execute({
    put: (command) => putInquiry(command, code, VPD_BYTES),
    inBytes: VPD_BYTES,
  });
  const { data } = answer;
  if (answer.status !== ScsiStatus.good || data.length < VPD_HEADER_BYTES) return null;
  if (data[1] !== code) return null;
  return data.subarray(0, VPD_HEADER_BYTES + data.readUInt16BE(2));
}

interface Caching {
  readonly readOnly: boolean;
  readonly fua: boolean;
  readonly writeCache: boolean;
}

/** A target that doesn't tell is taken to have a volatile cache. */
async function probeCaching(client: ScsiClient): Promise<Caching> {
  const answer = await client.execute({
    put: (command) => putModeSense6(command, CACHING_MODE_PAGE, MODE_BYTES),
    inBytes: MODE_BYTES,
  });
  const { data } = answer;
  if (answer.status !== ScsiStatus.good || data.length < 4) {
    return { readOnly: false, fua: false, writeCache: true };
  }
  const page = 4 + data[3]!;
  const known = data.length > page + 2 && (data[page]! & 0x3f) === CACHING_MODE_PAGE;
  return {
    readOnly: hasBit(data, 2, 0x80),
    fua: hasBit(data, 2, 0x10),
    writeCache: known ? hasBit(data, page + 2, 0x04) : true,
  };
}

function toFeatures(vpd: VpdPages, capacity: Capacity, mode: Caching): BlockFeatures {
  const blockSize = capacity.blockSizeBytes;
  return {
    readOnly: mode.readOnly,
    volatileWriteCache: mode.writeCache,
    volatile: false,
    unmap: hasBit(vpd.provisioning, 5, 0x80),
    unmapReadsZeroes: capacity.readsZeroes,
    thin: capacity.thin,
    unmapGranularityBytes: (fieldAt(vpd.limits, 28) || 1) * blockSize,
    optimalTransferBytes: fieldAt(vpd.limits, 12) * blockSize,
    maxTransferBytes: limitBytes(fieldAt(vpd.limits, 8), blockSize, TRANSFER_BYTES_MAX),
    // rate 1 means no rotation; 0, not reported, is what most targets say of anything
    rotational: vpd.characteristics !== null && vpd.characteristics.readUInt16BE(4) > 1,
  };
}

/** A 32-bit field of a page; 0, "no limit known", where the page or field is absent. */
const fieldAt = (page: Buffer | null, at: number): number =>
  page !== null && page.length >= at + 4 ? page.readUInt32BE(at) : 0;

/** A limit in blocks as bytes, never above `max`. */
const limitBytes = (blocks: number, blockSizeBytes: number, max: number): number =>
  blocks === 0 ? max : Math.min(blocks * blockSizeBytes, max);

function writeSameLimit(limits: Buffer | null, blockSizeBytes: number): number {
  const blocks = limits !== null && limits.length >= 44 ? (readSafeU64(limits, 36) ?? 0) : 0;
  return limitBytes(blocks, blockSizeBytes, DEALLOCATE_BYTES_MAX);
}

const hasBit = (page: Buffer | null, at: number, bit: number): boolean =>
  page !== null && page.length > at && (page[at]! & bit) !== 0;

const LOGICAL_UNIT = 0;
/** Designator types that name a unit for good, best first: NAA, EUI-64, T10 vendor. */
const IDENTITY_TYPES = [3, 2, 1];

/** @returns the best designator of the logical unit, as `type:hex`. */
export function readIdentity(page: Buffer): string {
  let best = '';
  let bestRank = IDENTITY_TYPES.length;
  for (let at = VPD_HEADER_BYTES; at + 4 <= page.length; at += 4 + page[at + 3]!) {
    const association = (page[at + 1]! >> 4) & 0x03;
    const type = page[at + 1]! & 0x0f;
    const rank = IDENTITY_TYPES.indexOf(type);
    if (association !== LOGICAL_UNIT || rank < 0 || rank >= bestRank) continue;
    bestRank = rank;
    best = `${type}:${page.toString('hex', at + 4, Math.min(at + 4 + page[at + 3]!, page.length))}`;
  }
  return best;
}
