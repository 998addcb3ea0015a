/** How a task ends: the only code that sets status and sense data and calls `onDone`. */
import { BlockOp, BlockOutcome } from '../block/index.ts';
import { assert } from '../base/index.ts';
import { SENSE_BYTES_MAX, writeSense } from './sense.ts';
import type { SenseReason } from './sense.ts';
import { ScsiStatus } from './status.ts';
import type { ScsiTask } from './task.ts';

/** Status GOOD; `dataInBytes` of Data-In where the command has set it. */
export function finishGood(task: ScsiTask): void {
  end(task, ScsiStatus.good);
}

/** Status GOOD with `dataInBytes` bytes of Data-In that stand at the start of the task's buffer. */
export function finishDataIn(task: ScsiTask, dataInBytes: number): void {
  task.dataInBytes = dataInBytes;
  end(task, ScsiStatus.good);
}

/** Status GOOD with parameter data, cut to the allocation length (`dataInBytesMax`). */
export function finishParameterData(task: ScsiTask, data: Buffer): void {
  const bytes = Math.min(data.length, task.dataInBytesMax);
  if (bytes > 0) {
    assert(task.buffer !== null && task.bufferBytes >= bytes, 'no memory for parameter data');
    data.copy(task.buffer.data, 0, 0, bytes);
  }
  finishDataIn(task, bytes);
}

/** CHECK CONDITION with the sense data of `reason`, in the format that D_SENSE asks for. */
export function finishSense(task: ScsiTask, reason: SenseReason): void {
  const descriptorFormat = task.itl !== null && task.itl.unit.modes.descriptorSense;
  const detail = { specific: task.senseSpecific, information: task.senseInformation };
  task.senseBytes = writeSense(task.sense, reason, detail, descriptorFormat);
  assert(task.senseBytes <= SENSE_BYTES_MAX);
  task.dataInBytes = 0;
  end(task, ScsiStatus.checkCondition);
}

/** A status without sense data and Data-In. */
export function finishStatus(task: ScsiTask, status: ScsiStatus): void {
  task.dataInBytes = 0;
  end(task, status);
}

/** The only place where what a device says becomes sense data; `ok` has none. */
const outcomeReasons: Readonly<Record<BlockOutcome, SenseReason>> = {
  [BlockOutcome.ok]: 'noSense',
  [BlockOutcome.ioError]: 'writeError',
  [BlockOutcome.noSpace]: 'spaceAllocationFailed',
  [BlockOutcome.stale]: 'internalTargetFailure',
  [BlockOutcome.conflict]: 'conflictingWriter',
  // a host retries ABORTED COMMAND at once, which could overtake the write that may still land
  [BlockOutcome.unknownOutcome]: 'internalTargetFailure',
  [BlockOutcome.cancelled]: 'commandAborted',
  [BlockOutcome.readOnly]: 'writeProtected',
  [BlockOutcome.outOfRange]: 'lbaOutOfRange',
  [BlockOutcome.notReady]: 'notReadyCauseNotReportable',
  [BlockOutcome.unsupported]: 'internalTargetFailure',
};

/** @returns the reason to end with after a device request, undefined after success. */
export function reasonOf(op: BlockOp, outcome: BlockOutcome): SenseReason | undefined {
  if (outcome === BlockOutcome.ok) return undefined;
  if (outcome === BlockOutcome.ioError && op === BlockOp.read) return 'readError';
  return outcomeReasons[outcome];
}

/** Ends a task with what its steps returned: the reason to refuse or undefined for GOOD. */
export function finishReason(task: ScsiTask, reason: SenseReason | undefined): void {
  if (reason === undefined) finishGood(task);
  else finishSense(task, reason);
}

function end(task: ScsiTask, status: ScsiStatus): void {
  task.status = status;
  if (task.stopping) endAborted(task);
  const { itl, set, endWaiters } = task;
  const unit = itl === null ? null : itl.unit;
  if (unit !== null) {
    unit.counters.ended(task, unit);
    if (unit.ranges.count !== 0) unit.ranges.leave(task);
  }
  task.touching = false;
  task.endWaiters = null;
  if (set !== null) set.leave(task);
  // from here on the transport may have given the object to another command
  task.onDone(task);
  if (endWaiters !== null) for (const tell of endWaiters) tell();
  if (set !== null) set.advance();
}

function endAborted(task: ScsiTask): void {
  task.senseBytes = 0;
  task.dataInBytes = 0;
  if (task.tellsAbort) task.status = ScsiStatus.taskAborted;
  else task.aborted = true;
}
