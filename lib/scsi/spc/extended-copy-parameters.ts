/** The parameter list of EXTENDED COPY (LID1) of SPC-4, and what this copy manager takes of it. */
import { assert } from '../../base/index.ts';
import { invalidParameterField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';
import { bits, decode, flag, layout, safeU64, u16, u24, u32, u8 } from '../../wire/index.ts';

/** Copy source and copy destination descriptors of one command. */
export const CSCD_DESCRIPTORS_MAX = 16;
export const SEGMENT_DESCRIPTORS_MAX = 64;
/** No segment type that is taken uses inline data. */
export const INLINE_DATA_BYTES_MAX = 0;

/** Descriptor type codes that are taken, ascending. */
export const SEGMENT_BLOCK_TO_BLOCK = 0x02;
export const CSCD_IDENTIFICATION = 0xe4;
export const IMPLEMENTED_DESCRIPTORS: readonly number[] = [
  SEGMENT_BLOCK_TO_BLOCK,
  CSCD_IDENTIFICATION,
];

const CSCD_BYTES = 32;
const SEGMENT_BYTES = 28;
const DESIGNATOR_BYTES_MAX = 20;
export const DESCRIPTOR_LIST_BYTES_MAX =
  CSCD_DESCRIPTORS_MAX * CSCD_BYTES + SEGMENT_DESCRIPTORS_MAX * SEGMENT_BYTES;

/** LIST ID USAGE. */
export const ListIdUsage = { hold: 0, discard: 2, none: 3 } as const;
const LIST_ID_USAGE_RESERVED = 1;

const listHeader = layout(16, {
  listId: u8(0),
  strictSequence: flag(1, 0x20),
  listIdUsage: bits(1, 0x18),
  priority: bits(1, 0x07),
  cscdListBytes: u16(2),
  segmentListBytes: u32(8),
  inlineDataBytes: u32(12),
});
export const LIST_HEADER_BYTES = listHeader.sizeBytes;
const headerFields = listHeader.fields;

const cscdDescriptor = layout(CSCD_BYTES, {
  type: u8(0),
  // LU ID TYPE (bits 7-6 of byte 1) is about descriptors with a LU IDENTIFIER: this one has none
  nullDevice: flag(1, 0x20),
  peripheralDeviceType: bits(1, 0x1f),
  codeSet: bits(4, 0x0f),
  association: bits(5, 0x30),
  designatorType: bits(5, 0x0f),
  designatorBytes: u8(7),
  pad: flag(28, 0x04),
  diskBlockBytes: u24(29),
});

const segmentDescriptor = layout(SEGMENT_BYTES, {
  type: u8(0),
  destinationCount: flag(1, 0x02),
  concatenate: flag(1, 0x01),
  descriptorBytes: u16(2, SEGMENT_BYTES - 4),
  sourceIndex: u16(4),
  destinationIndex: u16(6),
  blockCount: u16(10),
  sourceLba: safeU64(12),
  destinationLba: safeU64(20),
});
const DESIGNATOR_AT = 8;

/** A logical unit as an identification CSCD descriptor names it. */
export interface CopyDevice {
  readonly nullDevice: boolean;
  readonly peripheralDeviceType: number;
  readonly designatorType: number;
  readonly codeSet: number;
  readonly designator: Buffer;
  /** 0: not told. */
  readonly diskBlockBytes: number;
}

export interface CopySegment {
  readonly sourceIndex: number;
  readonly destinationIndex: number;
  /** Blocks of the destination instead of the source (DC). */
  readonly countsDestination: boolean;
  readonly blockCount: number;
  /** Undefined above 2^53 − 1. */
  readonly sourceLba: number | undefined;
  readonly destinationLba: number | undefined;
}

export interface CopyList {
  readonly listId: number;
  /** One of ListIdUsage. */
  readonly listIdUsage: number;
  readonly devices: readonly CopyDevice[];
  readonly segments: readonly CopySegment[];
}

/** @returns the list or the reason to refuse it; nothing of the units is looked at. */
export function parseCopyList(task: ScsiTask): CopyList | SenseReason {
  const data = task.buffer!.data.subarray(0, task.receivedOutBytes);
  if (data.length < LIST_HEADER_BYTES) return 'parameterListLengthError';
  const header = decode(listHeader, data);
  const refusal =
    refuseLengths(task, header, data.length) ??
    refuseListId(task, header.listId, header.listIdUsage);
  if (refusal !== undefined) return refusal;
  const segmentsAt = LIST_HEADER_BYTES + header.cscdListBytes;
  const devices = parseDevices(task, data, segmentsAt);
  if (typeof devices === 'string') return devices;
  const segments = parseSegments(task, data, segmentsAt, segmentsAt + header.segmentListBytes);
  if (typeof segments === 'string') return segments;
  return { listId: header.listId, listIdUsage: header.listIdUsage, devices, segments };
}

interface Lengths {
  readonly cscdListBytes: number;
  readonly segmentListBytes: number;
  readonly inlineDataBytes: number;
}

function refuseLengths(
  task: ScsiTask,
  lengths: Lengths,
  listBytes: number,
): SenseReason | undefined {
  const descriptorBytes = lengths.cscdListBytes + lengths.segmentListBytes;
  if (LIST_HEADER_BYTES + descriptorBytes + lengths.inlineDataBytes > listBytes) {
    return 'parameterListLengthError';
  }
  if (descriptorBytes > DESCRIPTOR_LIST_BYTES_MAX) return 'parameterListLengthError';
  if (lengths.cscdListBytes > CSCD_DESCRIPTORS_MAX * CSCD_BYTES) {
    return invalidParameterField(task, headerFields.cscdListBytes.at, 'tooManyTargetDescriptors');
  }
  if (lengths.segmentListBytes > SEGMENT_DESCRIPTORS_MAX * SEGMENT_BYTES) {
    return invalidParameterField(
      task,
      headerFields.segmentListBytes.at,
      'tooManySegmentDescriptors',
    );
  }
  if (lengths.inlineDataBytes > INLINE_DATA_BYTES_MAX) {
    return invalidParameterField(task, headerFields.inlineDataBytes.at, 'inlineDataLengthExceeded');
  }
  return undefined;
}

function refuseListId(task: ScsiTask, listId: number, usage: number): SenseReason | undefined {
  if (usage === LIST_ID_USAGE_RESERVED) {
    return invalidParameterField(task, headerFields.listIdUsage.at);
  }
  return usage === ListIdUsage.none && listId !== 0
    ? invalidParameterField(task, headerFields.listId.at)
    : undefined;
}

function parseDevices(task: ScsiTask, data: Buffer, end: number): CopyDevice[] | SenseReason {
  const devices: CopyDevice[] = [];
  for (let at = LIST_HEADER_BYTES; at < end; at += CSCD_BYTES) {
    if (data[at] !== CSCD_IDENTIFICATION) {
      return invalidParameterField(task, at, 'unsupportedTargetDescriptor');
    }
    if (at + CSCD_BYTES > end) return invalidParameterField(task, headerFields.cscdListBytes.at);
    const device = parseDevice(task, data, at);
    if (typeof device === 'string') return device;
    devices.push(device);
  }
  return devices;
}

function parseDevice(task: ScsiTask, data: Buffer, at: number): CopyDevice | SenseReason {
  const fields = decode(cscdDescriptor, data, at);
  const { designatorBytes, association } = cscdDescriptor.fields;
  // names of ports and target devices (association 1, 2) don't tell which logical unit is meant
  if (fields.association !== 0) return invalidParameterField(task, at + association.at);
  if (fields.designatorBytes > DESIGNATOR_BYTES_MAX) {
    return invalidParameterField(task, at + designatorBytes.at);
  }
  const designatorAt = at + DESIGNATOR_AT;
  return {
    nullDevice: fields.nullDevice,
    peripheralDeviceType: fields.peripheralDeviceType,
    designatorType: fields.designatorType,
    codeSet: fields.codeSet,
    designator: Buffer.from(data.subarray(designatorAt, designatorAt + fields.designatorBytes)),
    diskBlockBytes: fields.diskBlockBytes,
  };
}

function parseSegments(
  task: ScsiTask,
  data: Buffer,
  start: number,
  end: number,
): CopySegment[] | SenseReason {
  const segments: CopySegment[] = [];
  for (let at = start; at < end; at += SEGMENT_BYTES) {
    if (data[at] !== SEGMENT_BLOCK_TO_BLOCK) {
      return invalidParameterField(task, at, 'unsupportedSegmentDescriptor');
    }
    if (at + SEGMENT_BYTES > end) {
      return invalidParameterField(task, headerFields.segmentListBytes.at);
    }
    const fields = decode(segmentDescriptor, data, at);
    if (fields.descriptorBytes !== SEGMENT_BYTES - 4) {
      return invalidParameterField(task, at + segmentDescriptor.fields.descriptorBytes.at);
    }
    segments.push({ ...fields, countsDestination: fields.destinationCount });
  }
  return segments;
}

/** Byte of the parameter list where a field of a CSCD descriptor stands, for the field pointer. */
export const cscdOffset = (index: number, field: keyof typeof cscdDescriptor.fields): number =>
  LIST_HEADER_BYTES + index * CSCD_BYTES + cscdDescriptor.fields[field].at;

assert(CSCD_DESCRIPTORS_MAX * CSCD_BYTES <= 0xffff, 'CSCD DESCRIPTOR LIST LENGTH has 16 bits');
