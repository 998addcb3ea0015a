/** Commands waiting for transfer memory, first come, first served, over all sessions of a node. */
import type { TransferBuffers } from '../block/index.ts';
import type { TargetTask } from './target-task.ts';

export class MemoryQueue {
  readonly #buffers: TransferBuffers;
  readonly #waiting = new Set<TargetTask>();
  readonly #granted: (task: TargetTask) => void;
  #asked = false;

  constructor(buffers: TransferBuffers, granted: (task: TargetTask) => void) {
    this.#buffers = buffers;
    this.#granted = granted;
  }

  get length(): number {
    return this.#waiting.size;
  }

  /** @returns whether the task got its memory at once; otherwise `granted` is called later. */
  provide(task: TargetTask): boolean {
    if (this.#waiting.size === 0) {
      const buffer = this.#buffers.acquire(task.scsi.bufferBytes);
      if (buffer !== undefined) {
        task.scsi.buffer = buffer;
        return true;
      }
    }
    this.#waiting.add(task);
    this.#ask();
    return false;
  }

  forget(task: TargetTask): void {
    this.#waiting.delete(task);
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
    for (const task of this.#waiting) {
      const buffer = this.#buffers.acquire(task.scsi.bufferBytes);
      if (buffer === undefined) break;
      this.#waiting.delete(task);
      task.scsi.buffer = buffer;
      this.#granted(task);
    }
    if (this.#waiting.size > 0) this.#ask();
  }
}
