/**
 * Chance as it is handed to everything that needs it: the kernel's in a service, seeded in tests
 * and simulation.
 */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, end). */
  below(end: number): number;
  /**
   * Fresh bytes: CHAP challenges, UUIDs, ISIDs. Unpredictable only where the implementation says
   * so.
   */
  bytes(length: number): Buffer;
}

/**
 * xoshiro128** by Blackman and Vigna: the same seed gives the same run on every machine. Never for
 * secrets.
 */
export class SeededRandom implements Random {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    let mix = seed >>> 0;
    for (let index = 0; index < 4; index++) {
      // splitmix32 spreads a small seed over the whole state
      mix = (mix + 0x9e3779b9) >>> 0;
      let word = mix;
      word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
      this.#state[index] = (word ^ (word >>> 15)) >>> 0;
    }
  }

  #word(): number {
    const state = this.#state;
    const [a, b, c, d] = [state[0]!, state[1]!, state[2]!, state[3]!];
    const scaled = Math.imul(b, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0;
    state[2] = c ^ a;
    state[3] = d ^ b;
    state[1] = b ^ state[2];
    state[0] = a ^ state[3];
    state[2] ^= b << 9;
    state[3] = (state[3] << 11) | (state[3] >>> 21);
    return result;
  }

  next(): number {
    return this.#word() / 2 ** 32;
  }

  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  bytes(length: number): Buffer {
    const result = Buffer.alloc(length);
    for (let index = 0; index < length; index++) result[index] = this.#word() & 0xff;
    return result;
  }
}
