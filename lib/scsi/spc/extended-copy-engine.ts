/**
 * Carries out the segments of an EXTENDED COPY. Each step is a read or a write in the task set of
 * the logical unit that it touches, on the nexus that asked: rights, reservations, resets and
 * unmapping apply to it as to any command.
 */
import { KIB, MIB } from '../../base/index.ts';
import type { TransferBuffer } from '../../block/index.ts';
import type { CommandRow } from '../command.ts';
import { finishSense } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { startRead, startWrite } from '../media.ts';
import type { ItlNexus } from '../nexus.ts';
import type { SenseReason } from '../sense.ts';
import { ScsiStatus } from '../status.ts';
import { ScsiTask } from '../task.ts';
import type { CopyRecord } from './extended-copy-journal.ts';

/** Steps in flight. */
const LANES = 4;
export const COPY_STEP_BYTES = 1 * MIB;
const COPY_STEP_BYTES_MIN = 64 * KIB;
/** Never the tag of a command. */
const NO_TAG = -1;

export interface CopyExtent {
  readonly source: ItlNexus;
  readonly destination: ItlNexus;
  readonly sourceBytes: number;
  readonly destinationBytes: number;
  readonly lengthBytes: number;
}

interface Step {
  readonly extent: CopyExtent;
  /** From the start of the extent. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** Steps of an extent that overlaps itself go one by one and, where it moves up, from its end. */
const overlapsItself = (extent: CopyExtent): boolean =>
  extent.source.unit === extent.destination.unit &&
  Math.abs(extent.sourceBytes - extent.destinationBytes) < extent.lengthBytes;

export class CopyEngine {
  readonly #task: ScsiTask;
  readonly #extents: readonly CopyExtent[];
  readonly #record: CopyRecord;
  readonly #ended: (reason: SenseReason | undefined) => void;
  readonly #lanes: CopyLane[] = [];
  #stepBytes = 0;
  #extentIndex = 0;
  #stepIndex = 0;
  #busy = 0;
  #advancing = false;
  #failure: SenseReason | undefined;

  /** @param ended called once; undefined: everything is copied. */
  constructor(
    task: ScsiTask,
    extents: readonly CopyExtent[],
    record: CopyRecord,
    ended: (reason: SenseReason | undefined) => void,
  ) {
    this.#task = task;
    this.#extents = extents;
    this.#record = record;
    this.#ended = ended;
  }

  /** Begins as soon as there is memory for one step. */
  start(): void {
    const { buffers } = this.#task.itl!.unit;
    const first = buffers.acquire(COPY_STEP_BYTES) ?? buffers.acquire(COPY_STEP_BYTES_MIN);
    if (first === undefined) {
      buffers.whenReleased(() => this.start());
      return;
    }
    this.#stepBytes = first.data.length;
    this.#addLane(first);
    while (this.#lanes.length < LANES) {
      const more = buffers.acquire(this.#stepBytes);
      if (more === undefined) break;
      this.#addLane(more);
    }
    this.#advance();
  }

  #addLane(buffer: TransferBuffer): void {
    this.#lanes.push(
      new CopyLane(this.#task, buffer, (step, failure) => this.#stepDone(step, failure)),
    );
  }

  #stepDone(step: Step, failure: SenseReason | undefined): void {
    this.#busy--;
    if (failure === undefined) this.#record.bytesCopied += step.lengthBytes;
    else this.#failure ??= failure;
    this.#advance();
  }

  #advance(): void {
    // a step may end from inside its beginning
    if (this.#advancing) return;
    this.#advancing = true;
    for (;;) {
      if (this.#task.stopping) this.#failure ??= 'commandAborted';
      const lane = this.#lanes.find(({ busy }) => !busy);
      const step = lane === undefined ? undefined : this.#nextStep();
      if (lane === undefined || step === undefined) break;
      this.#busy++;
      lane.begin(step);
    }
    this.#advancing = false;
    if (this.#busy > 0) return;
    for (const lane of this.#lanes) lane.release();
    this.#lanes.length = 0;
    this.#ended(this.#failure);
  }

  /**
   * @returns undefined where nothing can begin now: all has begun, something failed, or the order
   * asks to wait.
   */
  #nextStep(): Step | undefined {
    while (this.#failure === undefined && this.#extentIndex < this.#extents.length) {
      const extent = this.#extents[this.#extentIndex]!;
      const steps = Math.ceil(extent.lengthBytes / this.#stepBytes);
      if (this.#stepIndex < steps) {
        if (this.#busy > 0 && overlapsItself(extent)) return undefined;
        return this.#stepOf(extent, steps);
      }
      // a later segment may read what an earlier one wrote
      if (this.#busy > 0) return undefined;
      this.#extentIndex++;
      this.#stepIndex = 0;
      this.#record.segmentsProcessed++;
    }
    return undefined;
  }

  #stepOf(extent: CopyExtent, steps: number): Step {
    const movesUp = overlapsItself(extent) && extent.destinationBytes > extent.sourceBytes;
    const index = movesUp ? steps - 1 - this.#stepIndex : this.#stepIndex;
    this.#stepIndex++;
    const offsetBytes = index * this.#stepBytes;
    const lengthBytes = Math.min(this.#stepBytes, extent.lengthBytes - offsetBytes);
    return { extent, offsetBytes, lengthBytes };
  }
}

/** One step at a time: read, then write, through one buffer. */
class CopyLane {
  busy = false;
  readonly #task: ScsiTask;
  readonly #part = new ScsiTask();
  readonly #buffer: TransferBuffer;
  readonly #done: (step: Step, failure: SenseReason | undefined) => void;
  #step: Step | null = null;

  constructor(
    task: ScsiTask,
    buffer: TransferBuffer,
    done: (step: Step, failure: SenseReason | undefined) => void,
  ) {
    this.#task = task;
    this.#buffer = buffer;
    this.#done = done;
    this.#part.onDone = () => this.#partDone();
  }

  begin(step: Step): void {
    this.busy = true;
    this.#step = step;
    const { source, sourceBytes } = step.extent;
    this.#start(source, copyRead, sourceBytes + step.offsetBytes);
  }

  release(): void {
    this.#buffer.release();
  }

  #start(itl: ItlNexus, row: CommandRow, offsetBytes: number): void {
    const part = this.#part;
    const { unit } = itl;
    part.reset();
    part.nexus = this.#task.nexus;
    part.itl = itl;
    part.row = row;
    part.tag = NO_TAG;
    part.lba = offsetBytes / unit.blockSizeBytes;
    part.blocks = this.#step!.lengthBytes / unit.blockSizeBytes;
    part.buffer = this.#buffer;
    part.startedMs = unit.timers.nowMs();
    if (itl.detached) {
      this.#stepDone('copyTargetNotReachable');
      return;
    }
    unit.tasks.enter(part);
    unit.tasks.startNow(part);
  }

  /** The part has left the task set of its unit. */
  #partDone(): void {
    const part = this.#part;
    const step = this.#step!;
    const failed = part.aborted || part.status !== ScsiStatus.good;
    if (failed) this.#stepDone('copyThirdPartyFailure');
    else if (this.#task.stopping) this.#stepDone('commandAborted');
    else if (part.row === copyWrite) this.#stepDone(undefined);
    else {
      const { destination, destinationBytes } = step.extent;
      this.#start(destination, copyWrite, destinationBytes + step.offsetBytes);
    }
  }

  #stepDone(failure: SenseReason | undefined): void {
    const step = this.#step!;
    this.#step = null;
    this.busy = false;
    this.#done(step, failure);
  }
}

/** The unit may have shrunk, or been replaced under the copy, since the plan was made. */
const fits = (part: ScsiTask, unit: LogicalUnit): boolean =>
  part.lba + part.blocks <= unit.capacityBlocks;

function runRead(part: ScsiTask, unit: LogicalUnit): void {
  if (fits(part, unit)) startRead(part, unit);
  else finishSense(part, 'lbaOutOfRange');
}

function runWrite(part: ScsiTask, unit: LogicalUnit): void {
  if (fits(part, unit)) startWrite(part, unit, false);
  else finishSense(part, 'lbaOutOfRange');
}

const common = {
  // no command of its own: only the copy manager makes these
  opcode: 0x83,
  cdbBytes: 16,
  usage: [],
} as const;

const copyRead: CommandRow = {
  ...common,
  name: 'EXTENDED COPY, read of a source',
  reservation: 'read',
  media: 'read',
  run: runRead,
};

const copyWrite: CommandRow = {
  ...common,
  name: 'EXTENDED COPY, write of a destination',
  reservation: 'write',
  media: 'write',
  writes: true,
  run: runWrite,
};
