/**
 * The way out of a task: Data-In, SCSI Response and R2T (RFC 7143 §11.4, §11.7, §11.8). Data-In
 * leaves from the memory it was read into, a short answer as one piece with its header in front.
 */
import { HEADROOM_BYTES, TAILROOM_BYTES } from '../block/index.ts';
import type { TransferBuffer } from '../block/index.ts';
import {
  BHS_BYTES,
  DIGEST_BYTES,
  FINAL_BIT,
  OVERFLOW_BIT,
  Opcode,
  RESERVED_TAG,
  STATUS_BIT,
  UNDERFLOW_BIT,
  paddedBytes,
} from '../iscsi/index.ts';
import { ScsiStatus } from '../scsi/index.ts';
import { assert } from '../base/index.ts';
import { BhsWriter } from './bhs-writer.ts';
import type { TargetConnection } from './target-connection.ts';
import type { TargetTask } from './target-task.ts';

export class ResponsePath {
  readonly #connection: TargetConnection;
  readonly #bhs = new BhsWriter();
  #residualFlags = 0;
  #residualBytes = 0;

  constructor(connection: TargetConnection) {
    this.#connection = connection;
  }

  /** Queues everything that ends the task; takes over its buffer. */
  finish(task: TargetTask): void {
    const { scsi } = task;
    const sendBytes = Math.min(scsi.dataInBytes, scsi.expectedInBytes);
    this.#residual(task, sendBytes);
    let dataPdus = 0;
    const collapsed = sendBytes > 0 && scsi.status === ScsiStatus.good;
    if (sendBytes > 0) {
      dataPdus = this.#dataIn(task, sendBytes, collapsed);
      scsi.buffer = null;
    } else if (scsi.buffer !== null) {
      scsi.buffer.release();
      scsi.buffer = null;
    }
    if (!collapsed) this.#response(task, dataPdus);
    this.#connection.wake();
  }

  /**
   * Residual count and flags by RFC 7143 §11.4.5: what the CDB wants, or what moved, against what
   * was expected.
   */
  #residual(task: TargetTask, sendBytes: number): void {
    const { scsi, expectedBytes } = task;
    const isWrite = scsi.dataOutBytes > 0;
    const wantedBytes = isWrite ? scsi.dataOutBytes : scsi.dataInBytes;
    const done = scsi.status === ScsiStatus.good || scsi.status === ScsiStatus.conditionMet;
    const announcedBytes = isWrite ? scsi.expectedOutBytes : scsi.expectedInBytes;
    let difference = wantedBytes - expectedBytes;
    if (announcedBytes === 0 && expectedBytes > 0) {
      difference = -expectedBytes; // announced for the other direction: none of it moved
    } else if (!done && difference <= 0) {
      const movedBytes = isWrite ? task.receivedOutBytes : sendBytes;
      difference = Math.min(movedBytes, expectedBytes) - expectedBytes;
    }
    this.#residualFlags = difference > 0 ? OVERFLOW_BIT : difference < 0 ? UNDERFLOW_BIT : 0;
    this.#residualBytes = Math.abs(difference);
  }

  /** @returns number of Data-In PDUs queued. */
  #dataIn(task: TargetTask, sendBytes: number, collapsed: boolean): number {
    const connection = this.#connection;
    const buffer = task.scsi.buffer;
    assert(buffer !== null, 'Data-In without a buffer');
    const segmentMax = connection.peerSegmentBytesMax;
    if (sendBytes <= segmentMax) {
      this.#dataInWhole(task, buffer, sendBytes, collapsed);
      return 1;
    }
    const burstMax = connection.session!.parameters.maxBurstLengthBytes;
    let burstLeft = burstMax;
    let dataSn = 0;
    for (let offset = 0; offset < sendBytes; dataSn++) {
      const bytes = Math.min(segmentMax, burstLeft, sendBytes - offset);
      burstLeft -= bytes;
      const last = offset + bytes === sendBytes;
      const flags = last || burstLeft === 0 ? FINAL_BIT : 0;
      this.#fillDataIn(task, dataSn, offset, bytes);
      if (last && collapsed) this.#collapse(task, FINAL_BIT);
      else this.#bhs.first = (Opcode.dataIn << 24) | (flags << 16);
      this.#dataInPiece(buffer, offset, bytes, last);
      if (burstLeft === 0) burstLeft = burstMax;
      offset += bytes;
    }
    return dataSn;
  }

  #fillDataIn(task: TargetTask, dataSn: number, offset: number, bytes: number): void {
    const bhs = this.#bhs;
    bhs.first = (Opcode.dataIn << 24) | (FINAL_BIT << 16);
    bhs.dataSegmentBytes = bytes;
    bhs.lunHigh = 0;
    bhs.lunLow = 0;
    bhs.initiatorTaskTag = task.initiatorTaskTag;
    bhs.targetTransferTag = RESERVED_TAG;
    bhs.statSn = 0;
    this.#windowFields(task);
    bhs.word36 = dataSn;
    bhs.word40 = offset;
    bhs.word44 = 0;
  }

  /** The last Data-In carries the status (phase collapse, §11.7.3). */
  #collapse(task: TargetTask, flags: number): void {
    const bhs = this.#bhs;
    const all = flags | STATUS_BIT | this.#residualFlags;
    bhs.first = (Opcode.dataIn << 24) | (all << 16) | task.scsi.status;
    bhs.statSn = this.#connection.takeStatSn();
    bhs.word44 = this.#residualBytes;
  }

  #windowFields(task: TargetTask): void {
    this.#bhs.expCmdSn = task.session.expCmdSn;
    this.#bhs.maxCmdSn = task.session.advanceWindow();
  }

  /** All data in one PDU: header, data, pad and digest leave as one piece. */
  #dataInWhole(task: TargetTask, buffer: TransferBuffer, bytes: number, collapsed: boolean): void {
    this.#fillDataIn(task, 0, 0, bytes);
    if (collapsed) this.#collapse(task, FINAL_BIT);
    const { headerDigest, dataDigest, crc32c } = this.#connection;
    const headBytes = headerDigest ? BHS_BYTES + DIGEST_BYTES : BHS_BYTES;
    assert(headBytes <= HEADROOM_BYTES && 3 + DIGEST_BYTES <= TAILROOM_BYTES);
    const { memory, start } = buffer;
    const at = start - headBytes;
    this.#bhs.put(memory.bytes, at);
    if (headerDigest) {
      memory.bytes.writeUInt32LE(crc32c(memory.bytes, at, at + BHS_BYTES), at + BHS_BYTES);
    }
    let endBytes = bytes;
    while ((endBytes & 3) !== 0) memory.bytes[start + endBytes++] = 0;
    if (dataDigest) {
      memory.bytes.writeUInt32LE(crc32c(memory.bytes, start, start + endBytes), start + endBytes);
      endBytes += DIGEST_BYTES;
    }
    this.#connection.outbox.push(buffer.frame(headBytes, endBytes), buffer);
  }

  #dataInPiece(buffer: TransferBuffer, offset: number, bytes: number, last: boolean): void {
    const { outbox, dataDigest, crc32c } = this.#connection;
    this.#header();
    const from = buffer.start + offset;
    const padded = paddedBytes(bytes);
    // a pad can only follow the very last byte: segments are cut at multiples of 4
    if (padded !== bytes) buffer.memory.bytes.fill(0, from + bytes, from + padded);
    const piece = buffer.memory.bytes.subarray(from, from + padded);
    outbox.push(piece, last && !dataDigest ? buffer : null);
    if (!dataDigest) return;
    const slot = this.#connection.headers.take();
    slot.bytes.writeUInt32LE(crc32c(piece, 0, padded), 0);
    outbox.push(slot.frame(DIGEST_BYTES), slot);
    if (last) outbox.releaseLater(buffer);
  }

  /** Queues the header now in the writer, without data. */
  #header(): void {
    const { headers, outbox, headerDigest, crc32c } = this.#connection;
    const slot = headers.take();
    this.#bhs.put(slot.bytes, 0);
    if (headerDigest) slot.bytes.writeUInt32LE(crc32c(slot.bytes, 0, BHS_BYTES), BHS_BYTES);
    outbox.push(slot.frame(headerDigest ? BHS_BYTES + DIGEST_BYTES : BHS_BYTES), slot);
  }

  #response(task: TargetTask, dataPdus: number): void {
    const { scsi } = task;
    const bhs = this.#bhs;
    const flags = FINAL_BIT | this.#residualFlags;
    bhs.first = (Opcode.scsiResponse << 24) | (flags << 16) | scsi.status;
    bhs.dataSegmentBytes = scsi.senseBytes === 0 ? 0 : scsi.senseBytes + 2;
    bhs.lunHigh = 0;
    bhs.lunLow = 0;
    bhs.initiatorTaskTag = task.initiatorTaskTag;
    bhs.targetTransferTag = 0;
    bhs.statSn = this.#connection.takeStatSn();
    this.#windowFields(task);
    bhs.word36 = dataPdus + task.r2tsSent;
    bhs.word40 = 0;
    bhs.word44 = this.#residualBytes;
    if (scsi.senseBytes === 0) this.#header();
    else this.#responseWithSense(task);
  }

  #responseWithSense(task: TargetTask): void {
    const { headers, outbox, headerDigest, dataDigest, crc32c } = this.#connection;
    const { sense, senseBytes } = task.scsi;
    const owner = headers.take();
    const slot = owner.bytes;
    this.#bhs.put(slot, 0);
    let at = BHS_BYTES;
    if (headerDigest) at = slot.writeUInt32LE(crc32c(slot, 0, BHS_BYTES), at);
    const dataStart = at;
    at = slot.writeUInt16BE(senseBytes, at);
    at += sense.copy(slot, at, 0, senseBytes);
    while (((at - dataStart) & 3) !== 0) slot[at++] = 0;
    if (dataDigest) at = slot.writeUInt32LE(crc32c(slot, dataStart, at), at);
    outbox.push(slot.subarray(0, at), owner);
  }

  /** Asks for the next burst of a write. */
  readyToTransfer(task: TargetTask, offset: number, bytes: number): void {
    const bhs = this.#bhs;
    bhs.first = (Opcode.r2t << 24) | (FINAL_BIT << 16);
    bhs.dataSegmentBytes = 0;
    bhs.lunHigh = task.scsi.lunHigh;
    bhs.lunLow = task.scsi.lunLow;
    bhs.initiatorTaskTag = task.initiatorTaskTag;
    bhs.targetTransferTag = transferTag(task, task.r2tsSent);
    bhs.statSn = this.#connection.statSn; // shown, not consumed (§11.8.3)
    this.#windowFields(task);
    bhs.word36 = task.r2tsSent;
    bhs.word40 = offset;
    bhs.word44 = bytes;
    this.#header();
    this.#connection.wake();
  }
}

/**
 * Target transfer tag of a task's n-th R2T: unique among those open in the session, never
 * FFFFFFFFh.
 */
export function transferTag(task: TargetTask, r2tSn: number): number {
  return task.slot * 0x10000 + (r2tSn & 0xffff);
}
