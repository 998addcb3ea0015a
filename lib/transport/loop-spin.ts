/**
 * A short spin of the event loop after work, instead of sleep: at depth 1 every hop otherwise pays
 * for waking an idle processor, which costs more than the I/O. Bounded by time, and given up where
 * it doesn't pay: a spin that ends without work doubles the number of chances that are let pass
 * before the next one is tried.
 */
import { performance } from 'node:perf_hooks';

const CHANCES_SKIPPED_MAX = 256;

export class LoopSpin {
  readonly #spinMs: number;
  #untilMs = 0;
  #spinning = false;
  #worked = false;
  #skip = 0;
  #skipNext = 1;
  readonly #turn = (): void => this.#again();

  /** @param spinMs longest time without work that is spun away; 0: none. */
  constructor(spinMs: number) {
    this.#spinMs = spinMs;
  }

  /**
   * Work was done, more may follow at once.
   * @param shallow little is outstanding. With much of it under way there is always something to
   * do, and a processor that spins is one that the peer or the disk's interrupts may want.
   */
  touch(shallow: boolean): void {
    if (this.#spinMs === 0) return;
    if (!shallow) {
      this.#untilMs = 0;
      return;
    }
    if (this.#spinning) {
      this.#worked = true;
      return;
    }
    if (this.#skip > 0) {
      this.#skip--;
      return;
    }
    this.#spinning = true;
    this.#worked = false;
    this.#untilMs = performance.now() + this.#spinMs;
    setImmediate(this.#turn);
  }

  #again(): void {
    const nowMs = performance.now();
    if (this.#worked) {
      this.#worked = false;
      this.#skipNext = 1;
      this.#untilMs = nowMs + this.#spinMs;
    } else if (nowMs >= this.#untilMs) {
      this.#spinning = false;
      this.#skip = this.#skipNext;
      this.#skipNext = Math.min(this.#skipNext * 2, CHANCES_SKIPPED_MAX);
      return;
    }
    setImmediate(this.#turn);
  }
}
