/**
 * A sanitize operation of a logical unit (SBC-3): overwrites or erases every block. It belongs to
 * the unit, not to the command that asked for it: aborts, resets and the end of the session don't
 * stop it.
 */
import { KIB, MIB } from '../../base/index.ts';
import { BlockOp, BlockOutcome, BlockRequest } from '../../block/index.ts';
import type { TransferBuffer } from '../../block/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import type { RangeClaim } from '../range-locks.ts';

/** Requests in flight. */
const DEPTH = 4;
const OVERWRITE_STEP_BYTES = 1 * MIB;
const ERASE_STEP_BYTES = 64 * MIB;
/** Of `notReadyProgress`. */
const PROGRESS_WHOLE = 65_536;
/**
 * An overwrite takes at least this long, evenly: a small unit would be done before anybody could
 * see the operation, and writing it in one burst would crowd out the units beside it.
 */
const OVERWRITE_SPREAD_MS = 8_000;

export interface SanitizePlan {
  /** Null: erase (write zeros, giving storage back where the device can). */
  readonly pattern: Buffer | null;
  /** Times every block is overwritten. */
  readonly passes: number;
  /** The pattern is inverted on every second pass. */
  readonly invert: boolean;
}

export class SanitizeOperation implements RangeClaim {
  readonly lba = 0;
  readonly blocks: number;
  readonly exclusive = true;
  touching = false;
  readonly #unit: LogicalUnit;
  readonly #plan: SanitizePlan;
  readonly #ended: (failed: boolean) => void;
  readonly #passBytes: number;
  readonly #stepBytes: number;
  readonly #idle: BlockRequest[] = [];
  #memory: TransferBuffer | null = null;
  #pass = 0;
  #nextByte = 0;
  #doneBytes = 0;
  #inFlight = 0;
  #failed = false;
  #startedMs = 0;
  #pausing = false;
  #finished = false;
  readonly #stopWaiters: (() => void)[] = [];

  /** @param ended called once, when the last pass is durable or something has failed. */
  constructor(unit: LogicalUnit, plan: SanitizePlan, ended: (failed: boolean) => void) {
    this.#unit = unit;
    this.#plan = plan;
    this.#ended = ended;
    this.blocks = unit.capacityBlocks;
    this.#passBytes = unit.capacityBlocks * unit.blockSizeBytes;
    this.#stepBytes = plan.pattern === null ? ERASE_STEP_BYTES : OVERWRITE_STEP_BYTES;
    for (let count = 0; count < DEPTH; count++) this.#idle.push(this.#makeRequest());
  }

  /** Waits for whatever touches the medium now, then begins. */
  start(): void {
    this.#startedMs = this.#unit.timers.nowMs();
    this.#tellProgress();
    this.#unit.ranges.enter(this);
  }

  /** Gives up. Resolves when the medium isn't touched any more. */
  stop(): Promise<void> {
    this.#failed = true;
    return new Promise((resolve) => {
      this.#stopWaiters.push(resolve);
      if (!this.touching || this.#inFlight === 0) this.#end();
    });
  }

  rangeGranted(): void {
    if (this.#failed) return;
    if (this.#plan.pattern === null) this.#advance();
    else this.#findMemory();
  }

  #findMemory(): void {
    if (this.#finished) {
      // the turn goes to whoever waits next
      this.#unit.buffers.acquire(1)?.release();
      return;
    }
    const { buffers, blockSizeBytes } = this.#unit;
    this.#memory =
      buffers.acquire(this.#stepBytes) ??
      buffers.acquire(Math.max(4 * KIB, blockSizeBytes)) ??
      null;
    if (this.#memory === null) {
      buffers.whenReleased(() => this.#findMemory());
      return;
    }
    this.#fillPattern();
    this.#advance();
  }

  /** Repeats the pattern over each block, cut at the block's end, and the block over the memory. */
  #fillPattern(): void {
    const { blockSizeBytes } = this.#unit;
    const { pattern, invert } = this.#plan;
    const block = Buffer.alloc(blockSizeBytes, pattern!);
    if (invert && this.#pass % 2 === 1)
      for (let at = 0; at < block.length; at++) block[at]! ^= 0xff;
    const { data } = this.#memory!;
    for (let at = 0; at < data.length; at += blockSizeBytes) block.copy(data, at);
  }

  #advance(): void {
    if (this.#finished) return;
    while (!this.#failed && this.#nextByte < this.#passBytes && this.#idle.length > 0) {
      if (this.#tooEarly()) return;
      this.#submitNext();
    }
    if (this.#inFlight > 0 || this.#pausing) return;
    if (this.#failed) this.#end();
    else this.#flush();
  }

  #submitNext(): void {
    const request = this.#idle.pop()!;
    const memory = this.#memory;
    const stepBytes = memory === null ? this.#stepBytes : memory.data.length;
    request.op = memory === null ? BlockOp.writeZeroes : BlockOp.write;
    request.offsetBytes = this.#nextByte;
    request.lengthBytes = Math.min(stepBytes, this.#passBytes - this.#nextByte);
    request.memory = memory === null ? null : memory.memory;
    request.memoryStart = memory === null ? 0 : memory.start;
    request.mayUnmap = memory === null && this.#unit.device.features.unmap;
    this.#nextByte += request.lengthBytes;
    this.#inFlight++;
    this.#unit.device.submit(request);
  }

  /** Only what is durable has been sanitized. */
  #flush(): void {
    const request = this.#idle.pop()!;
    request.op = BlockOp.flush;
    request.offsetBytes = request.lengthBytes = 0;
    request.memory = null;
    this.#inFlight++;
    this.#unit.device.submit(request);
  }

  #requestDone(request: BlockRequest): void {
    this.#inFlight--;
    this.#idle.push(request);
    if (request.outcome !== BlockOutcome.ok) this.#failed = true;
    if (request.op !== BlockOp.flush) {
      this.#doneBytes += request.lengthBytes;
      this.#tellProgress();
    } else if (!this.#failed && !this.#beginPass()) {
      this.#end();
      return;
    }
    this.#advance();
  }

  /** @returns false where that was the last pass. */
  #beginPass(): boolean {
    this.#pass++;
    if (this.#pass >= this.#plan.passes) return false;
    this.#nextByte = 0;
    this.#fillPattern();
    return true;
  }

  /** Holds the next step back until its share of the spread has passed. */
  #tooEarly(): boolean {
    if (this.#pausing) return true;
    if (this.#plan.pattern === null) return false;
    const { timers } = this.#unit;
    const submittedBytes = this.#pass * this.#passBytes + this.#nextByte;
    // the first byte of the operation is due at its start, the end of the last at the end of the
    // spread
    const dueMs =
      this.#startedMs +
      (OVERWRITE_SPREAD_MS * (submittedBytes + this.#nextStepBytes())) / this.#allBytes();
    const waitMs = dueMs - timers.nowMs();
    if (waitMs <= 0) return false;
    this.#pausing = true;
    timers.after(waitMs, () => {
      this.#pausing = false;
      this.#advance();
    });
    return true;
  }

  #nextStepBytes(): number {
    return Math.min(this.#memory!.data.length, this.#passBytes - this.#nextByte);
  }

  #allBytes(): number {
    return this.#plan.passes * this.#passBytes;
  }

  #tellProgress(): void {
    const done = Math.floor((this.#doneBytes / this.#allBytes()) * PROGRESS_WHOLE);
    this.#unit.notReadyProgress = Math.min(done, PROGRESS_WHOLE - 1);
  }

  #end(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#memory?.release();
    this.#memory = null;
    this.#unit.ranges.leave(this);
    this.#ended(this.#failed);
    for (const resolve of this.#stopWaiters) resolve();
  }

  #makeRequest(): BlockRequest {
    const request = new BlockRequest();
    request.onDone = (done) => this.#requestDone(done);
    return request;
  }
}
