/** Ends requests outside `submit`, those of one turn together, without allocating for each. */
import { BlockOutcome } from './block-device.ts';
import type { BlockRequest } from './block-device.ts';

export class CompletionQueue {
  #ready: (BlockRequest | undefined)[] = [];
  #readyCount = 0;
  #running: (BlockRequest | undefined)[] = [];
  #drainWaiters: (() => void)[] = [];
  readonly #run = (): void => this.#endAll();

  /** Sets the outcome now and calls `onDone` in a microtask. */
  push(request: BlockRequest, outcome: BlockOutcome = BlockOutcome.ok, detail = ''): void {
    request.outcome = outcome;
    request.detail = detail;
    if (this.#readyCount === 0) queueMicrotask(this.#run);
    this.#ready[this.#readyCount++] = request;
  }

  /** Resolves when all that has been pushed before has ended. */
  drained(): Promise<void> {
    if (this.#readyCount === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }

  #endAll(): void {
    const requests = this.#ready;
    const count = this.#readyCount;
    const waiters = this.#drainWaiters;
    // what onDone submits goes into the other array and ends in the next microtask
    this.#ready = this.#running;
    this.#readyCount = 0;
    this.#running = requests;
    if (waiters.length > 0) this.#drainWaiters = [];
    for (let index = 0; index < count; index++) {
      const request = requests[index]!;
      requests[index] = undefined;
      request.onDone(request);
    }
    for (const resolve of waiters) resolve();
  }
}
