/**
 * SCSI Command, initiator → target, and its Additional Header Segments. @source RFC 7143 §11.3,
 * §11.2.2
 */
import { assert } from '../../base/index.ts';
import { bits, bytes, flag, layout, u8, u16, u32 } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import { AhsType } from '../codes.ts';
import {
  BHS_BYTES,
  Opcode,
  paddedBytes,
  READ_BIT,
  TASK_ATTRIBUTE_MASK,
  WRITE_BIT,
} from '../opcodes.ts';
import { commonFields, final, initiatorTaskTag, lun, requestNumbers } from './header.ts';

/** CDB bytes in the BHS; a longer CDB continues in an AHS. */
export const BHS_CDB_BYTES = 16;

export const scsiCommand = layout(BHS_BYTES, {
  ...commonFields(Opcode.scsiCommand),
  /** No unsolicited Data-Out follows. */
  final: final(true),
  /** Data-In is expected. */
  read: flag(1, READ_BIT),
  /** Data-Out is expected. */
  write: flag(1, WRITE_BIT),
  /** 0 untagged, 1 simple, 2 ordered, 3 head of queue, 4 ACA. */
  taskAttribute: bits(1, TASK_ATTRIBUTE_MASK, 1),
  lun,
  initiatorTaskTag,
  /** Of Data-Out where both directions are used; the Data-In length is then in an AHS. */
  expectedDataTransferLengthBytes: u32(20),
  ...requestNumbers,
  cdb: bytes(32, BHS_CDB_BYTES),
});
export type ScsiCommand = ValueOf<typeof scsiCommand>;

/** Head of each Additional Header Segment. The length excludes itself, the type and the padding. */
export const ahsHeader = layout(4, { lengthBytes: u16(0), type: u8(2) });
const AHS_HEAD_BYTES = 3;

/** Reserved byte and then the read length. */
const bidirectionalAhs = layout(8, {
  lengthBytes: u16(0, 5),
  type: u8(2, AhsType.bidirectionalReadLength),
  expectedReadLengthBytes: u32(4),
});

/** What the AHSs of a SCSI command say. */
export interface CommandExtension {
  /** CDB bytes behind the first 16; empty where there are none. */
  readonly cdbRest: Buffer;
  /** Expected Data-In of a bidirectional command; undefined where not given. */
  readonly expectedReadLengthBytes: number | undefined;
}

type AhsFault = 'cutShort' | 'unknownType' | 'repeated' | 'badLength';

/** One AHS at `at`: its extent and content, or what is wrong with it. */
function ahsAt(ahs: Buffer, at: number): { type: number; content: Buffer; end: number } | AhsFault {
  if (ahs.length - at < ahsHeader.sizeBytes) return 'cutShort';
  const { lengthBytes, type } = { lengthBytes: ahs.readUInt16BE(at), type: ahs[at + 2]! };
  const contentAt = at + AHS_HEAD_BYTES;
  const end = at + paddedBytes(AHS_HEAD_BYTES + lengthBytes);
  if (lengthBytes === 0) return 'badLength';
  if (end > ahs.length) return 'cutShort';
  // the first byte of every known content is reserved
  return { type, content: ahs.subarray(contentAt + 1, contentAt + lengthBytes), end };
}

/**
 * @returns what all AHSs of a command say (`ahs` is the whole of them, views into it), or the fault
 * found.
 */
export function readCommandAhs(ahs: Buffer): CommandExtension | AhsFault {
  let cdbRest: Buffer | undefined;
  let expectedReadLengthBytes: number | undefined;
  for (let at = 0; at < ahs.length;) {
    const segment = ahsAt(ahs, at);
    if (typeof segment === 'string') return segment;
    if (segment.type === AhsType.extendedCdb) {
      if (cdbRest !== undefined) return 'repeated';
      cdbRest = segment.content;
    } else if (segment.type === AhsType.bidirectionalReadLength) {
      if (expectedReadLengthBytes !== undefined) return 'repeated';
      if (segment.content.length !== 4) return 'badLength';
      expectedReadLengthBytes = segment.content.readUInt32BE(0);
    } else return 'unknownType';
    at = segment.end;
  }
  return { cdbRest: cdbRest ?? Buffer.alloc(0), expectedReadLengthBytes };
}

/** The AHSs of a command, padded; empty where neither a long CDB nor a read length asks for one. */
export function writeCommandAhs(cdb: Buffer, expectedReadLengthBytes?: number): Buffer {
  const segments: Buffer[] = [];
  const restBytes = cdb.length - BHS_CDB_BYTES;
  if (restBytes > 0) {
    assert(restBytes < 0xffff, 'CDB too long for an AHS');
    const segment = Buffer.alloc(paddedBytes(AHS_HEAD_BYTES + 1 + restBytes));
    segment.writeUInt16BE(restBytes + 1, 0);
    segment[2] = AhsType.extendedCdb;
    cdb.copy(segment, AHS_HEAD_BYTES + 1, BHS_CDB_BYTES);
    segments.push(segment);
  }
  if (expectedReadLengthBytes !== undefined) {
    const segment = Buffer.alloc(bidirectionalAhs.sizeBytes);
    const { fields } = bidirectionalAhs;
    fields.lengthBytes.write(segment, 0, fields.lengthBytes.initial);
    fields.type.write(segment, 0, fields.type.initial);
    fields.expectedReadLengthBytes.write(segment, 0, expectedReadLengthBytes);
    segments.push(segment);
  }
  return Buffer.concat(segments);
}
