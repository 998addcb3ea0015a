/** Memory for headers and short responses, shared by all connections of a node. */
import { assert } from '../base/index.ts';
import type { Releasable } from './outbox.ts';

/** BHS, header digest, length of sense data, sense data, pad and data digest. */
export const HEADER_SLOT_BYTES = 256;
const SLOTS_PER_SLAB = 64;

export class HeaderSlot implements Releasable {
  readonly bytes: Buffer;
  readonly #pool: HeaderPool;
  #frame: Buffer;

  constructor(pool: HeaderPool, bytes: Buffer) {
    this.#pool = pool;
    this.bytes = bytes;
    this.#frame = bytes.subarray(0, 48);
  }

  /** The first `lengthBytes` bytes; cached, as most responses are equally long. */
  frame(lengthBytes: number): Buffer {
    if (this.#frame.length !== lengthBytes) this.#frame = this.bytes.subarray(0, lengthBytes);
    return this.#frame;
  }

  release(): void {
    this.#pool.give(this);
  }
}

export class HeaderPool {
  readonly #free: HeaderSlot[] = [];

  take(): HeaderSlot {
    const slot = this.#free.pop();
    if (slot !== undefined) return slot;
    const slab = Buffer.alloc(HEADER_SLOT_BYTES * SLOTS_PER_SLAB);
    for (let index = 0; index < SLOTS_PER_SLAB; index++) {
      const at = index * HEADER_SLOT_BYTES;
      this.#free.push(new HeaderSlot(this, slab.subarray(at, at + HEADER_SLOT_BYTES)));
    }
    return this.#free.pop()!;
  }

  give(slot: HeaderSlot): void {
    assert(this.#free.length < 1 << 20, 'header slots given back more often than taken');
    this.#free.push(slot);
  }
}
