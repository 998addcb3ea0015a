/**
 * Commands waiting for transfer memory, first come, first served, over all sessions of a node. No
 * connection holds more than its share, so that a peer which doesn't take its answers can't starve
 * the others.
 */
import type { TransferBuffers } from '../block/index.ts';
import type { TargetTask } from './target-task.ts';

/** Part of the budget that one connection's commands and unsent answers may hold. */
const CONNECTION_SHARE = 1 / 4;

export class MemoryQueue {
  /** The budget is used up: some command waits for others, not only for its own connection's. */
  short = false;
  readonly #buffers: TransferBuffers;
  readonly #shareBytes: number;
  readonly #waiting = new Set<TargetTask>();
  readonly #granted: (task: TargetTask) => void;
  #asked = false;
  #serving = false;

  constructor(buffers: TransferBuffers, granted: (task: TargetTask) => void) {
    this.#buffers = buffers;
    this.#shareBytes = buffers.budgetBytes * CONNECTION_SHARE;
    this.#granted = granted;
  }

  get length(): number {
    return this.#waiting.size;
  }

  /** @returns whether the task got its memory at once; otherwise `granted` is called later. */
  provide(task: TargetTask): boolean {
    if (!this.short && !this.#overShare(task) && this.#acquire(task)) return true;
    this.#waiting.add(task);
    if (this.short) this.#ask();
    return false;
  }

  forget(task: TargetTask): void {
    if (this.#waiting.delete(task) && this.#waiting.size === 0) this.short = false;
  }

  /** A connection holds less than before: commands that waited for that may go on. */
  shareFreed(): void {
    if (this.#waiting.size === 0 || this.#serving) return;
    this.#serving = true;
    // once for all that is given back in this turn
    queueMicrotask(() => {
      this.#serving = false;
      this.#serve();
    });
  }

  /** A connection may have one command whatever its size, else it would never go on. */
  #overShare({ scsi, connection }: TargetTask): boolean {
    const heldBytes = connection!.memoryBytes;
    return heldBytes > 0 && heldBytes + scsi.bufferBytes > this.#shareBytes;
  }

  #acquire(task: TargetTask): boolean {
    const buffer = this.#buffers.acquire(task.scsi.bufferBytes);
    if (buffer === undefined) {
      this.short = true;
      return false;
    }
    task.scsi.buffer = buffer;
    task.memoryBytes = buffer.capacityBytes;
    task.connection!.memoryBytes += buffer.capacityBytes;
    return true;
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#buffers.whenReleased(() => {
      this.#asked = false;
      this.#serve();
    });
  }

  #serve(): void {
    this.short = false;
    for (const task of this.#waiting) {
      if (this.#overShare(task)) continue;
      if (!this.#acquire(task)) break;
      this.#waiting.delete(task);
      this.#granted(task);
    }
    if (this.short) this.#ask();
  }
}
