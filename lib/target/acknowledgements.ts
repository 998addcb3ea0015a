/**
 * Who waits for the peer to acknowledge responses, by the ExpStatSN that its requests carry (RFC
 * 7143 §4.2.2.2).
 */
import type { Timers } from '../base/index.ts';
import { serialBefore } from '../wire/index.ts';

/** Place of ExpStatSN in the BHS of every request. */
const EXP_STAT_SN_AT = 28;

interface Wait {
  readonly statSn: number;
  readonly resolve: () => void;
}

export class Acknowledgements {
  #waits: Wait[] = [];

  /** The header of a request has come. */
  upTo(header: Buffer, at: number): void {
    if (this.#waits.length === 0) return;
    const expStatSn = header.readUInt32BE(at + EXP_STAT_SN_AT);
    this.#end(({ statSn }) => !serialBefore(expStatSn, statSn));
  }

  /** Nobody will acknowledge anything any more. */
  give(): void {
    this.#end(() => true);
  }

  /**
   * Resolves when every response before `statSn` is acknowledged, at the latest after `limitMs`.
   */
  until(statSn: number, timers: Timers, limitMs: number): Promise<void> {
    return new Promise((done) => {
      const wait = { statSn, resolve: done };
      const timer = timers.after(limitMs, () => this.#end((other) => other === wait));
      wait.resolve = () => {
        timer.cancel();
        done();
      };
      this.#waits.push(wait);
    });
  }

  #end(isOver: (wait: Wait) => boolean): void {
    if (this.#waits.length === 0) return;
    const over = this.#waits.filter(isOver);
    this.#waits = this.#waits.filter((wait) => !isOver(wait));
    for (const { resolve } of over) resolve();
  }
}
