/**
 * Data on its way to the target: unsolicited behind the command, solicited when an R2T asks. RFC
 * 7143 §11.7.
 */
import { dataOut, FINAL_BIT, Opcode, RESERVED_TAG } from '../iscsi/index.ts';
import type { CommandLink } from './command-link.ts';
import type { InitiatorCommand } from './initiator-command.ts';

const { fields } = dataOut;
const SEGMENT_LENGTH_AT = fields.dataSegmentLengthBytes.at;
const LUN_AT = fields.lun.at;
const TASK_TAG_AT = fields.initiatorTaskTag.at;
const TRANSFER_TAG_AT = fields.targetTransferTag.at;
const EXP_STAT_SN_AT = fields.expStatSn.at;
const DATA_SN_AT = fields.dataSn.at;
const OFFSET_AT = fields.bufferOffsetBytes.at;

/** Marks data that no R2T asked for. */
export const UNSOLICITED = RESERVED_TAG;

/** Writes a 24-bit length. */
export function putSegmentLength(bytes: Buffer, headerAt: number, lengthBytes: number): void {
  bytes[headerAt + SEGMENT_LENGTH_AT] = lengthBytes >>> 16;
  bytes[headerAt + SEGMENT_LENGTH_AT + 1] = (lengthBytes >>> 8) & 0xff;
  bytes[headerAt + SEGMENT_LENGTH_AT + 2] = lengthBytes & 0xff;
}

/**
 * Queues bytes [start, end) of the command's transfer as one sequence of Data-Out PDUs, the last
 * one final.
 */
export function sendDataOut(
  link: CommandLink,
  command: InitiatorCommand,
  sequence: { transferTag: number; start: number; end: number; segmentBytesMax: number },
): void {
  const { transferTag, end, segmentBytesMax } = sequence;
  let dataSn = 0;
  for (let offset = sequence.start; offset < end; offset += segmentBytesMax) {
    const lengthBytes = Math.min(segmentBytesMax, end - offset);
    const at = link.writer.beginHeader();
    const { bytes } = link.writer.queue;
    bytes[at] = Opcode.dataOut;
    bytes[at + 1] = offset + lengthBytes === end ? FINAL_BIT : 0;
    putSegmentLength(bytes, at, lengthBytes);
    bytes.writeUInt32BE(command.lunHigh, at + LUN_AT);
    bytes.writeUInt32BE(command.lunLow, at + LUN_AT + 4);
    bytes.writeUInt32BE(command.initiatorTaskTag, at + TASK_TAG_AT);
    bytes.writeUInt32BE(transferTag, at + TRANSFER_TAG_AT);
    bytes.writeUInt32BE(link.expStatSn, at + EXP_STAT_SN_AT);
    bytes.writeUInt32BE(dataSn++, at + DATA_SN_AT);
    bytes.writeUInt32BE(offset, at + OFFSET_AT);
    link.writer.endHeader(at);
    sendSegment(link, command, offset, lengthBytes);
  }
  link.wake();
}

/** The data segment of the header just ended, from `offset` of the command's transfer. */
export function sendSegment(
  link: CommandLink,
  command: InitiatorCommand,
  offset: number,
  lengthBytes: number,
): void {
  const { queue } = link.writer;
  if (link.writer.data(command.outMemory!, command.outStart + offset, lengthBytes)) {
    command.lastBatch = queue.batchNumber;
  }
  command.sentOutBytes = Math.max(command.sentOutBytes, offset + lengthBytes);
}
