/**
 * Finds out that the target is gone although the network says nothing: silence, then a ping, then
 * the end.
 */
import type { Timer, Timers } from '../base/index.ts';

export interface KeepaliveOptions {
  readonly timers: Timers;
  /** Silence after which a ping goes out; 0: never. */
  readonly intervalMs: number;
  /** Time for any sign of life after the ping. */
  readonly timeoutMs: number;
  ping(): void;
  dead(): void;
}

export class Keepalive {
  readonly #options: KeepaliveOptions;
  #timer: Timer | null = null;
  #heard = false;
  #asked = false;

  constructor(options: KeepaliveOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.intervalMs > 0) this.#wait();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Bytes came. Called for every chunk, so it only notes it. */
  heard(): void {
    this.#heard = true;
  }

  #wait(): void {
    const { timers, intervalMs, timeoutMs } = this.#options;
    this.#heard = false;
    this.#timer = timers.after(this.#asked ? timeoutMs : intervalMs, () => this.#check());
  }

  #check(): void {
    if (this.#heard) this.#asked = false;
    else if (this.#asked) {
      this.#timer = null;
      this.#options.dead();
      return;
    } else {
      this.#asked = true;
      this.#options.ping();
    }
    this.#wait();
  }
}
