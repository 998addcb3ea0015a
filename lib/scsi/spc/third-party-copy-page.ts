/**
 * Third-party Copy VPD page (SPC-4): what the copy manager takes, for hosts that ask before they
 * copy.
 */
import { CONCURRENT_COPIES_MAX } from './extended-copy-journal.ts';
import {
  CSCD_DESCRIPTORS_MAX,
  DESCRIPTOR_LIST_BYTES_MAX,
  IMPLEMENTED_DESCRIPTORS,
  INLINE_DATA_BYTES_MAX,
  SEGMENT_DESCRIPTORS_MAX,
} from './extended-copy-parameters.ts';
import { SEGMENT_BYTES_MAX, SMALLEST_BLOCK_BYTES } from './extended-copy-results.ts';
import { encode, layout, u16, u32, u8 } from '../../wire/index.ts';

export const THIRD_PARTY_COPY_PAGE = 0x8f;

const SUPPORTED_COMMANDS = 0x0001;
const SUPPORTED_DESCRIPTORS = 0x0008;

/** Operation codes with the service actions that are there. */
const copyServiceActions: readonly (readonly [number, readonly number[]])[] = [
  [0x83, [0x00]],
  [0x84, [0x00, 0x03, 0x04]],
];

const parameterData = layout(32, {
  type: u16(0, 0x0004),
  descriptorBytes: u16(2, 32 - 4),
  cscdDescriptorsMax: u16(8, CSCD_DESCRIPTORS_MAX),
  segmentDescriptorsMax: u16(10, SEGMENT_DESCRIPTORS_MAX),
  descriptorListBytesMax: u32(12, DESCRIPTOR_LIST_BYTES_MAX),
  inlineDataBytesMax: u32(16, INLINE_DATA_BYTES_MAX),
});

const generalOperations = layout(36, {
  type: u16(0, 0x8001),
  descriptorBytes: u16(2, 36 - 4),
  totalConcurrentCopies: u32(4, CONCURRENT_COPIES_MAX),
  identifiedConcurrentCopies: u32(8, CONCURRENT_COPIES_MAX),
  segmentBytesMax: u32(12, SEGMENT_BYTES_MAX),
  dataSegmentGranularityLog2: u8(16, Math.log2(SMALLEST_BLOCK_BYTES)),
  inlineDataGranularityLog2: u8(17),
});

/**
 * A descriptor that is a list with its length in one byte, filled up to a multiple of four bytes.
 */
function listDescriptor(type: number, list: readonly number[]): Buffer {
  const bodyBytes = Math.ceil((1 + list.length) / 4) * 4;
  const descriptor = Buffer.alloc(4 + bodyBytes);
  descriptor.writeUInt16BE(type, 0);
  descriptor.writeUInt16BE(bodyBytes, 2);
  descriptor[4] = list.length;
  descriptor.set(list, 5);
  return descriptor;
}

/** The body of the page. */
export function thirdPartyCopyPage(): Buffer {
  const commands = copyServiceActions.flatMap(([opcode, actions]) => {
    return [opcode, actions.length, ...actions];
  });
  return Buffer.concat([
    listDescriptor(SUPPORTED_COMMANDS, commands),
    encode(parameterData, {}),
    listDescriptor(SUPPORTED_DESCRIPTORS, IMPLEMENTED_DESCRIPTORS),
    encode(generalOperations, {}),
  ]);
}
