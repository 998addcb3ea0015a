/**
 * What the Data-Out of a write must be, and where it stands (RFC 7143 §11.7, §11.8). DataPDUInOrder
 * and DataSequenceInOrder are Yes: every byte comes once, in ascending order.
 */
import { RESERVED_TAG } from '../iscsi/index.ts';
import type { SenseReason } from '../scsi/index.ts';
import { transferTag } from './response-path.ts';
import type { TargetTask } from './target-task.ts';

/** Places of Data-Out fields in the BHS. */
const TARGET_TRANSFER_TAG_AT = 20;
const DATA_SN_AT = 36;
const BUFFER_OFFSET_AT = 40;

/** Immediate data within what was negotiated (§13.11, §13.14) and announced. */
export function refuseImmediate(task: TargetTask, dataBytes: number): SenseReason | null {
  if (dataBytes === 0) return null;
  const allowed = task.session.parameters.immediateData && dataBytes <= task.unsolicitedEnd;
  return allowed ? null : 'unexpectedUnsolicitedData';
}

/** Order, place and amount of one Data-Out whose header is at `at`. */
export function refuseDataOut(
  task: TargetTask,
  header: Buffer,
  at: number,
  dataBytes: number,
): SenseReason | null {
  const tag = header.readUInt32BE(at + TARGET_TRANSFER_TAG_AT);
  const end = task.receivedOutBytes + dataBytes;
  if (header.readUInt32BE(at + BUFFER_OFFSET_AT) !== task.receivedOutBytes) {
    return 'dataOffsetError';
  }
  if (header.readUInt32BE(at + DATA_SN_AT) !== task.nextDataSn) return 'dataPhaseError';
  if (tag === RESERVED_TAG) {
    const allowed = task.unsolicitedOpen && end <= task.unsolicitedEnd;
    return allowed ? null : 'unexpectedUnsolicitedData';
  }
  if (task.r2tsDone >= task.r2tsSent || tag !== transferTag(task, task.r2tsDone)) {
    return 'invalidTargetPortTransferTag';
  }
  return end > burstEnd(task, task.r2tsDone) ? 'tooMuchWriteData' : null;
}

/** End of what the n-th R2T asks for. */
function burstEnd(task: TargetTask, r2tSn: number): number {
  const burst = task.session.parameters.maxBurstLengthBytes;
  return Math.min(task.solicitedStart + (r2tSn + 1) * burst, task.neededOutBytes);
}

/** A PDU with `dataBytes` of the write has come whole; `early`: it waits on the heap. */
export function countReceived(task: TargetTask, dataBytes: number, early: boolean): void {
  if (early) task.earlyBytes += dataBytes;
  task.receivedOutBytes += dataBytes;
  if (!task.unsolicitedOpen && task.r2tsSent === 0) task.solicitedStart = task.receivedOutBytes;
}

/**
 * The last PDU of a sequence has come. @returns why the write ends, where the sequence is short.
 */
export function endSequence(task: TargetTask): SenseReason | null {
  task.nextDataSn = 0;
  if (task.unsolicitedOpen) {
    task.unsolicitedOpen = false;
    task.solicitedStart = task.receivedOutBytes;
    return null;
  }
  if (task.receivedOutBytes < burstEnd(task, task.r2tsDone)) return 'dataPhaseError';
  task.r2tsDone++;
  return null;
}

/** Is the initiator still sending what it was asked or allowed to? */
export const dataOwed = (task: TargetTask): boolean =>
  task.unsolicitedOpen || task.r2tsDone < task.r2tsSent;

/** Asks for the rest of the write, as many bursts at a time as were negotiated. */
export function requestData(task: TargetTask): void {
  const { maxOutstandingR2t, maxBurstLengthBytes } = task.session.parameters;
  while (task.r2tsSent - task.r2tsDone < maxOutstandingR2t) {
    const start = task.solicitedStart + task.r2tsSent * maxBurstLengthBytes;
    if (start >= task.neededOutBytes) return;
    const bytes = burstEnd(task, task.r2tsSent) - start;
    task.connection!.responses.readyToTransfer(task, start, bytes);
    task.r2tsSent++;
  }
}
