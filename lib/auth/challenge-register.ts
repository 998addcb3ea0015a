/**
 * The challenges that one side has sent and not yet seen the end of, over all its connections: a
 * peer that hands one of them back wants us to compute its answer. @source RFC 7143 §9.2.1
 */
import type { Random } from '../base/index.ts';

/** Bytes of a challenge; RFC 7143 §12.1.3 allows up to 1024. */
const CHALLENGE_BYTES = 32;
/** More than the logins that can be under way at once; beyond it the oldest is forgotten. */
const OUTSTANDING_MAX = 8192;

export interface Challenge {
  readonly identifier: number;
  readonly bytes: Buffer;
}

export class ChallengeRegister {
  readonly #random: Random;
  readonly #outstanding = new Set<string>();

  /** @param random unpredictable wherever the answers are worth anything. */
  constructor(random: Random) {
    this.#random = random;
  }

  get outstanding(): number {
    return this.#outstanding.size;
  }

  /** A challenge never given before, with an identifier as fresh. */
  issue(): Challenge {
    const bytes = this.#random.bytes(CHALLENGE_BYTES);
    this.#outstanding.add(bytes.toString('hex'));
    if (this.#outstanding.size > OUTSTANDING_MAX) this.#forgetOldest();
    return { identifier: this.#random.bytes(1)[0]!, bytes };
  }

  isOurs(challenge: Buffer): boolean {
    return this.#outstanding.has(challenge.toString('hex'));
  }

  retire(challenge: Challenge): void {
    this.#outstanding.delete(challenge.bytes.toString('hex'));
  }

  #forgetOldest(): void {
    for (const oldest of this.#outstanding) {
      this.#outstanding.delete(oldest);
      return;
    }
  }
}
