/**
 * How commands reach the medium: one transfer on the hot path, steps with promises everywhere else.
 */
import { BlockOp, BlockOutcome } from '../block/index.ts';
import type { BlockRequest, TransferMemory } from '../block/index.ts';
import { finishDataIn, finishGood, finishReason, finishSense, reasonOf } from './finish.ts';
import type { LogicalUnit } from './logical-unit.ts';
import type { SenseReason } from './sense.ts';
import type { ScsiTask } from './task.ts';

/** DPO and FUA stand in byte 1 of every CDB of 10 bytes and more. */
export const DPO_BIT = 0x10;
export const FUA_BIT = 0x08;

/** Reads the task's range into its buffer and ends the task. */
export function startRead(task: ScsiTask, unit: LogicalUnit): void {
  startTransfer(task, unit, BlockOp.read, false);
}

/** Writes the task's range from its buffer and ends the task. */
export function startWrite(task: ScsiTask, unit: LogicalUnit, forced: boolean): void {
  startTransfer(task, unit, BlockOp.write, forced || writesThrough(unit));
}

/** WCE is off: nothing ends before it is durable. */
export const writesThrough = (unit: LogicalUnit): boolean => !unit.modes.writeCacheEnabled;

function startTransfer(task: ScsiTask, unit: LogicalUnit, op: BlockOp, fua: boolean): void {
  const { request } = task;
  const buffer = task.buffer!;
  request.op = op;
  request.offsetBytes = task.lba * unit.blockSizeBytes;
  request.lengthBytes = task.blocks * unit.blockSizeBytes;
  request.memory = buffer.memory;
  request.memoryStart = buffer.start;
  request.fua = fua;
  request.owner = task;
  request.onDone = transferDone;
  if (unit.ranges.count === 0 && !task.exclusive) {
    task.touching = true;
    unit.device.submit(request);
  } else {
    task.afterRange = submitTransfer;
    unit.ranges.enter(task);
  }
}

function submitTransfer(task: ScsiTask): void {
  task.itl!.unit.device.submit(task.request);
}

function transferDone(request: BlockRequest): void {
  const task = request.owner as ScsiTask;
  if (request.outcome !== BlockOutcome.ok) {
    failTransfer(task, request);
  } else if (request.op === BlockOp.read) finishDataIn(task, request.lengthBytes);
  else finishGood(task);
}

function failTransfer(task: ScsiTask, request: BlockRequest): void {
  countError(task.itl!.unit, request);
  finishSense(task, reasonOf(request.op, request.outcome)!);
}

function countError(unit: LogicalUnit, request: BlockRequest): void {
  if (request.op === BlockOp.read) unit.counters.readErrors++;
  else unit.counters.writeErrors++;
}

export interface Step {
  readonly op: BlockOp;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly memory?: TransferMemory;
  readonly memoryStart?: number;
  readonly fua?: boolean;
  readonly mayUnmap?: boolean;
}

/**
 * One device request of a command of several; at most one at a time. @returns why to end, undefined
 * after success.
 */
export function mediaStep(
  task: ScsiTask,
  unit: LogicalUnit,
  step: Step,
): Promise<SenseReason | undefined> {
  if (task.stopping) return Promise.resolve('commandAborted');
  const { request } = task;
  request.op = step.op;
  request.offsetBytes = step.offsetBytes;
  request.lengthBytes = step.lengthBytes;
  request.memory = step.memory ?? null;
  request.memoryStart = step.memoryStart ?? 0;
  request.fua = step.fua ?? false;
  request.mayUnmap = step.mayUnmap ?? false;
  request.owner = task;
  return new Promise((resolve) => {
    request.onDone = () => {
      request.owner = null;
      if (request.outcome !== BlockOutcome.ok) countError(unit, request);
      resolve(reasonOf(request.op, request.outcome));
    };
    unit.device.submit(request);
  });
}

/** Transfers `blocks` blocks from `lba` on, out of or into the task's buffer at byte `start`. */
export function transferStep(
  task: ScsiTask,
  unit: LogicalUnit,
  part: { op: BlockOp; lba: number; blocks: number; start: number; fua?: boolean },
): Promise<SenseReason | undefined> {
  const buffer = task.buffer!;
  return mediaStep(task, unit, {
    op: part.op,
    offsetBytes: part.lba * unit.blockSizeBytes,
    lengthBytes: part.blocks * unit.blockSizeBytes,
    memory: buffer.memory,
    memoryStart: buffer.start + part.start,
    fua: part.fua ?? false,
  });
}

/** Makes everything that ended before durable. */
export const flushStep = (task: ScsiTask, unit: LogicalUnit): Promise<SenseReason | undefined> =>
  mediaStep(task, unit, { op: BlockOp.flush, offsetBytes: 0, lengthBytes: 0 });

export type Steps = (task: ScsiTask, unit: LogicalUnit) => Promise<SenseReason | undefined>;

/**
 * Performs a command of several steps on the range that the task names, then ends it with what
 * `steps` returns.
 * @param exclusive nothing else may touch the range meanwhile.
 */
export function runSteps(task: ScsiTask, unit: LogicalUnit, steps: Steps, exclusive = false): void {
  task.state = steps;
  task.exclusive = exclusive;
  if (!exclusive && unit.ranges.count === 0) {
    task.touching = true;
    beginSteps(task);
  } else {
    task.afterRange = beginSteps;
    unit.ranges.enter(task);
  }
}

function beginSteps(task: ScsiTask): void {
  void performSteps(task, task.state as Steps);
}

async function performSteps(task: ScsiTask, steps: Steps): Promise<void> {
  const reason = await steps(task, task.itl!.unit);
  finishReason(task, reason);
}
