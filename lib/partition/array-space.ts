/**
 * The array's address space laid over its members: bytes 0 up to `sizeBytes`, gap-free. Extents of
 * partitions are cut from it; the layouts differ only here.
 */
import { assert, roundDown } from '../base/index.ts';
import { DATA_OFFSET_BYTES, dataBytes } from './geometry.ts';
import { EXTENT_UNIT_BYTES } from './limits.ts';

/**
 * A place on one member and how far it goes on in one piece; reused by the caller, so that lookups
 * allocate nothing.
 */
export class Run {
  member = 0;
  offsetBytes = 0;
  lengthBytes = 0;
}

export interface ArraySpace {
  readonly sizeBytes: number;
  readonly memberCount: number;
  /** Transfer that keeps all members busy; 0: no preference. */
  readonly optimalBytes: number;
  /**
   * Sets `run` to the place of an array offset; its length may reach beyond the end of an extent.
   */
  locate(offsetBytes: number, run: Run): void;
  /**
   * Sets `run` to what of `[startBytes, endBytes)` lies on `member`, always one piece; length 0
   * where nothing does.
   */
  share(member: number, startBytes: number, endBytes: number, run: Run): void;
}

export interface SpaceShape {
  readonly layout: 'linear' | 'stripe';
  readonly chunkBytes: number;
  /** Sizes of the members, metadata included, in order. */
  readonly memberBytes: readonly number[];
}

export function arraySpace(shape: SpaceShape): ArraySpace {
  const dataSizes = shape.memberBytes.map(dataBytes);
  return shape.layout === 'stripe' && dataSizes.length > 1
    ? new StripeSpace(dataSizes, shape.chunkBytes)
    : new LinearSpace(dataSizes);
}

/** Members one after another. */
class LinearSpace implements ArraySpace {
  readonly sizeBytes: number;
  readonly memberCount: number;
  readonly optimalBytes = 0;
  /** Array offset at which each member begins, and the end. */
  readonly #starts: readonly number[];

  constructor(dataSizes: readonly number[]) {
    const starts = [0];
    for (const size of dataSizes) starts.push(starts.at(-1)! + size);
    this.#starts = starts;
    this.sizeBytes = starts.at(-1)!;
    this.memberCount = dataSizes.length;
  }

  locate(offsetBytes: number, run: Run): void {
    assert(offsetBytes >= 0 && offsetBytes < this.sizeBytes);
    let member = this.memberCount - 1;
    while (this.#starts[member]! > offsetBytes) member--;
    run.member = member;
    run.offsetBytes = DATA_OFFSET_BYTES + offsetBytes - this.#starts[member]!;
    run.lengthBytes = this.#starts[member + 1]! - offsetBytes;
  }

  share(member: number, startBytes: number, endBytes: number, run: Run): void {
    const start = Math.max(startBytes, this.#starts[member]!);
    const end = Math.min(endBytes, this.#starts[member + 1]!);
    run.member = member;
    run.offsetBytes = DATA_OFFSET_BYTES + start - this.#starts[member]!;
    run.lengthBytes = Math.max(0, end - start);
  }
}

/** Chunks dealt to the members in turn; the smallest member bounds all. */
class StripeSpace implements ArraySpace {
  readonly sizeBytes: number;
  readonly memberCount: number;
  readonly optimalBytes: number;
  readonly #chunkBytes: number;

  constructor(dataSizes: readonly number[], chunkBytes: number) {
    this.memberCount = dataSizes.length;
    this.sizeBytes = roundDown(Math.min(...dataSizes) * this.memberCount, EXTENT_UNIT_BYTES);
    this.optimalBytes = chunkBytes * this.memberCount;
    this.#chunkBytes = chunkBytes;
  }

  locate(offsetBytes: number, run: Run): void {
    const chunk = Math.floor(offsetBytes / this.#chunkBytes);
    const row = Math.floor(chunk / this.memberCount);
    const within = offsetBytes - chunk * this.#chunkBytes;
    run.member = chunk - row * this.memberCount;
    run.offsetBytes = DATA_OFFSET_BYTES + row * this.#chunkBytes + within;
    run.lengthBytes = this.#chunkBytes - within;
  }

  share(member: number, startBytes: number, endBytes: number, run: Run): void {
    const start = this.#filled(member, startBytes);
    run.member = member;
    run.offsetBytes = DATA_OFFSET_BYTES + start;
    run.lengthBytes = this.#filled(member, endBytes) - start;
  }

  /** Bytes of the first `bytes` of the array that lie on `member`. */
  #filled(member: number, bytes: number): number {
    const rowBytes = this.#chunkBytes * this.memberCount;
    const rows = Math.floor(bytes / rowBytes);
    const rest = bytes - rows * rowBytes - member * this.#chunkBytes;
    return rows * this.#chunkBytes + Math.min(Math.max(rest, 0), this.#chunkBytes);
  }
}
