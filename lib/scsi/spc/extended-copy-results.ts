/** Parameter data of RECEIVE COPY RESULTS (SPC-4). */
import { KIB } from '../../base/index.ts';
import { encode, flag, layout, u16, u32, u8 } from '../../wire/index.ts';
import { CONCURRENT_COPIES_MAX, CopyStatus } from './extended-copy-journal.ts';
import type { CopyRecord } from './extended-copy-journal.ts';
import {
  CSCD_DESCRIPTORS_MAX,
  DESCRIPTOR_LIST_BYTES_MAX,
  IMPLEMENTED_DESCRIPTORS,
  INLINE_DATA_BYTES_MAX,
  SEGMENT_DESCRIPTORS_MAX,
} from './extended-copy-parameters.ts';

/** AVAILABLE DATA counts what follows it. */
const AVAILABLE_DATA_BYTES = 4;

export const SMALLEST_BLOCK_BYTES = 512;

const copyStatus = layout(12, {
  availableDataBytes: u32(0, 12 - AVAILABLE_DATA_BYTES),
  // COPY MANAGER STATUS; HELD DATA (bit 7) stays 0, as no segment type holds data
  status: u8(4),
  segmentsProcessed: u16(5),
  transferCountUnits: u8(7),
  transferCount: u32(8),
});

const operating = layout(44, {
  availableDataBytes: u32(0),
  listIdZeroMeansNone: flag(4, 0x01),
  cscdDescriptorsMax: u16(8, CSCD_DESCRIPTORS_MAX),
  segmentDescriptorsMax: u16(10, SEGMENT_DESCRIPTORS_MAX),
  descriptorListBytesMax: u32(12, DESCRIPTOR_LIST_BYTES_MAX),
  segmentBytesMax: u32(16),
  inlineDataBytesMax: u32(20, INLINE_DATA_BYTES_MAX),
  heldDataLimitBytes: u32(24),
  streamTransferBytesMax: u32(28),
  totalConcurrentCopies: u16(34, CONCURRENT_COPIES_MAX),
  concurrentCopiesMax: u8(36, CONCURRENT_COPIES_MAX),
  dataSegmentGranularityLog2: u8(37, Math.log2(SMALLEST_BLOCK_BYTES)),
  inlineDataGranularityLog2: u8(38),
  heldDataGranularityLog2: u8(39),
  implementedDescriptorsBytes: u8(43, IMPLEMENTED_DESCRIPTORS.length),
});

const failedSegment = layout(60, {
  availableDataBytes: u32(0),
  extendedCopyStatus: u8(56),
  senseBytes: u16(58),
});

/** BLOCK COUNT has 16 bits and blocks are at most this long. */
export const SEGMENT_BYTES_MAX = 0xffff * 4 * KIB;
const TRANSFER_COUNT_END = 2 ** 32;

/** COPY STATUS. */
export function copyStatusData(record: CopyRecord): Buffer {
  let transferCount = record.bytesCopied;
  let transferCountUnits = 0;
  // units are powers of 1024: bytes, KiB, MiB …
  while (transferCount >= TRANSFER_COUNT_END) {
    transferCount = Math.floor(transferCount / KIB);
    transferCountUnits++;
  }
  const { status, segmentsProcessed } = record;
  return encode(copyStatus, { status, segmentsProcessed, transferCountUnits, transferCount });
}

/** OPERATING PARAMETERS. */
export function operatingParameters(): Buffer {
  const bytes = operating.sizeBytes + IMPLEMENTED_DESCRIPTORS.length;
  const fixed = encode(operating, {
    availableDataBytes: bytes - AVAILABLE_DATA_BYTES,
    segmentBytesMax: SEGMENT_BYTES_MAX,
  });
  return Buffer.concat([fixed, Buffer.from(IMPLEMENTED_DESCRIPTORS)]);
}

/** FAILED SEGMENT DETAILS: empty unless a segment has failed. */
export function failedSegmentDetails(record: CopyRecord): Buffer {
  if (record.status !== CopyStatus.failed) return Buffer.alloc(AVAILABLE_DATA_BYTES);
  const fixed = encode(failedSegment, {
    availableDataBytes: failedSegment.sizeBytes + record.sense.length - AVAILABLE_DATA_BYTES,
    extendedCopyStatus: record.scsiStatus,
    senseBytes: record.sense.length,
  });
  return Buffer.concat([fixed, record.sense]);
}
