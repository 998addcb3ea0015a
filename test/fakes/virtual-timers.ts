/** Timers whose time passes only when a test says so. */
import type { Timer, Timers } from '../../lib/base/index.ts';

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

export class VirtualTimers implements Timers {
  #nowMs = 0;
  #order = 0;
  readonly #entries = new Set<Entry>();

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return Date.UTC(2026, 10, 20) + this.#nowMs;
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#entries.size;
  }

  after(delayMs: number, fire: () => void): Timer {
    const entry = { atMs: this.#nowMs + delayMs, order: this.#order++, fire };
    this.#entries.add(entry);
    return { cancel: () => this.#entries.delete(entry) };
  }

  /** Fires what is due within the next `durationMs`, in order. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#entries.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fire();
    }
    this.#nowMs = endMs;
  }

  #next(endMs: number): Entry | undefined {
    return [...this.#entries]
      .filter(({ atMs }) => atMs <= endMs)
      .sort((left, right) => left.atMs - right.atMs || left.order - right.order)[0];
  }
}
