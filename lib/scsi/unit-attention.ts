/**
 * Unit attention conditions of one I_T_L nexus: each told once, in order, resets before everything
 * else (SAM-5).
 */
import { senseTable } from './sense.ts';
import type { SenseReason } from './sense.ts';

const RESET_ASC = 0x29;
const isReset = (reason: SenseReason): boolean => senseTable[reason].asc === RESET_ASC;

export class UnitAttentionQueue {
  /** Bounded: a reason stands in it at most once. */
  readonly #reasons: SenseReason[] = [];

  get length(): number {
    return this.#reasons.length;
  }

  /** @returns false where the condition is pending already. */
  add(reason: SenseReason): boolean {
    if (this.#reasons.includes(reason)) return false;
    const firstOther = this.#reasons.findIndex((pending) => !isReset(pending));
    if (isReset(reason) && firstOther >= 0) this.#reasons.splice(firstOther, 0, reason);
    else this.#reasons.push(reason);
    return true;
  }

  peek(): SenseReason | undefined {
    return this.#reasons[0];
  }

  take(): SenseReason | undefined {
    return this.#reasons.shift();
  }

  /** Drops a condition that another command has told by its data. */
  remove(reason: SenseReason): void {
    const index = this.#reasons.indexOf(reason);
    if (index >= 0) this.#reasons.splice(index, 1);
  }
}
