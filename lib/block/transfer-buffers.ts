/**
 * Pool of page-aligned transfer buffers under one server-wide budget. A buffer has room for a PDU
 * header right before its data and for a data digest right behind it, so that a response leaves as
 * one piece of memory.
 */
import { assert, KIB, MIB } from '../base/index.ts';
import type { TransferMemory } from './transfer-memory.ts';

const PAGE_BYTES = 4096;
/** Room before the data: the last bytes of the page before it. */
export const HEADROOM_BYTES = 512;
/** Room behind the data: the first bytes of the page after it. */
export const TAILROOM_BYTES = 64;
const SMALLEST_CLASS_BYTES = 4 * KIB;
const SLAB_BYTES_MIN = 1 * MIB;

export class TransferBuffer {
  readonly memory: TransferMemory;
  /** First byte of the data in `memory.bytes`; page-aligned. */
  readonly start: number;
  readonly capacityBytes: number;
  /** The data area, for code that wants a Buffer. */
  readonly data: Buffer;
  /** @internal */ inUse = false;
  readonly #pool: TransferBuffers;
  #frame: Buffer | null = null;
  #frameHead = 0;
  #frameEnd = 0;

  constructor(pool: TransferBuffers, memory: TransferMemory, start: number, capacityBytes: number) {
    this.#pool = pool;
    this.memory = memory;
    this.start = start;
    this.capacityBytes = capacityBytes;
    this.data = memory.bytes.subarray(start, start + capacityBytes);
  }

  /**
   * View from `headBytes` before the data to `endBytes` after its start; cached, as one kind of I/O
   * repeats.
   */
  frame(headBytes: number, endBytes: number): Buffer {
    if (this.#frame === null || this.#frameHead !== headBytes || this.#frameEnd !== endBytes) {
      this.#frame = this.memory.bytes.subarray(this.start - headBytes, this.start + endBytes);
      this.#frameHead = headBytes;
      this.#frameEnd = endBytes;
    }
    return this.#frame;
  }

  release(): void {
    this.#pool.release(this);
  }
}

export class TransferBuffers {
  readonly budgetBytes: number;
  /** Sum of the capacities handed out now. */
  usedBytes = 0;
  /** Memory ever taken from the system; slabs are kept. */
  slabBytes = 0;
  readonly #allocate: (bytes: number) => TransferMemory;
  readonly #free = new Map<number, TransferBuffer[]>();
  readonly #waiters: (() => void)[] = [];

  /** @param allocate page-aligned memory, zeroed, of a multiple of 4096 bytes. */
  constructor(allocate: (bytes: number) => TransferMemory, budgetBytes: number) {
    this.#allocate = allocate;
    this.budgetBytes = budgetBytes;
  }

  static classBytes(bytes: number): number {
    let size = SMALLEST_CLASS_BYTES;
    while (size < bytes) size *= 2;
    return size;
  }

  /**
   * @returns undefined where the budget doesn't hold it now; `whenReleased` tells when to ask
   * again.
   */
  acquire(bytes: number): TransferBuffer | undefined {
    const size = TransferBuffers.classBytes(bytes);
    if (this.usedBytes + size > this.budgetBytes && this.usedBytes > 0) return undefined;
    let free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, (free = []));
    let buffer = free.pop();
    if (buffer === undefined) {
      this.#grow(size, free);
      buffer = free.pop()!;
    }
    buffer.inUse = true;
    this.usedBytes += size;
    return buffer;
  }

  release(buffer: TransferBuffer): void {
    assert(buffer.inUse, 'transfer buffer released twice');
    buffer.inUse = false;
    this.usedBytes -= buffer.capacityBytes;
    this.#free.get(buffer.capacityBytes)!.push(buffer);
    if (this.#waiters.length > 0) this.#waiters.shift()!();
  }

  /** Calls once, after some buffer came back; first come, first served. */
  whenReleased(retry: () => void): void {
    this.#waiters.push(retry);
  }

  #grow(size: number, free: TransferBuffer[]): void {
    const stride = size + PAGE_BYTES;
    const count = Math.max(1, Math.floor(SLAB_BYTES_MIN / stride));
    const memory = this.#allocate(count * stride + PAGE_BYTES);
    this.slabBytes += memory.bytes.length;
    for (let index = count - 1; index >= 0; index--) {
      free.push(new TransferBuffer(this, memory, PAGE_BYTES + index * stride, size));
    }
  }
}
