/**
 * A partition's bytes laid over the array's address space; immutable, replaced when the partition
 * grows.
 */
import { assert } from '../base/index.ts';
import { Run } from './array-space.ts';
import type { ArraySpace } from './array-space.ts';
import type { PartitionRecord } from './catalogue.ts';
import { EXTENT_UNIT_BYTES } from './limits.ts';

export class PartitionMap {
  /** What is served. */
  readonly sizeBytes: number;
  /** Indexes of the members that hold some of it, ascending. */
  readonly members: readonly number[];
  readonly #space: ArraySpace;
  /** Partition offset at which each extent begins, and the end of the last one. */
  readonly #starts: readonly number[];
  /** Array offset of each extent. */
  readonly #places: readonly number[];

  constructor(space: ArraySpace, record: PartitionRecord) {
    const ready = record.extents.filter(({ state }) => state === 'ready');
    const starts = [0];
    for (const { unitCount } of ready) starts.push(starts.at(-1)! + unitCount * EXTENT_UNIT_BYTES);
    assert(record.sizeBytes <= starts.at(-1)!, 'a partition is not larger than its extents');
    this.sizeBytes = record.sizeBytes;
    this.#space = space;
    this.#starts = starts;
    this.#places = ready.map(({ startUnit }) => startUnit * EXTENT_UNIT_BYTES);
    this.members = this.#holders();
  }

  /** Sets `run` to the place of a partition offset and how far it goes on in one piece. */
  locate(offsetBytes: number, run: Run): void {
    const extent = this.#extentAt(offsetBytes);
    this.#space.locate(this.#places[extent]! + offsetBytes - this.#starts[extent]!, run);
    const leftBytes = this.#starts[extent + 1]! - offsetBytes;
    if (leftBytes < run.lengthBytes) run.lengthBytes = leftBytes;
  }

  /**
   * Calls `take` with each piece of `[offsetBytes, endBytes)` that lies together on one member,
   * extent by extent.
   */
  forEachShare(offsetBytes: number, endBytes: number, run: Run, take: (run: Run) => void): void {
    let position = offsetBytes;
    while (position < endBytes) {
      const extent = this.#extentAt(position);
      const pieceEnd = Math.min(this.#starts[extent + 1]!, endBytes);
      const delta = this.#places[extent]! - this.#starts[extent]!;
      for (let member = 0; member < this.#space.memberCount; member++) {
        this.#space.share(member, position + delta, pieceEnd + delta, run);
        if (run.lengthBytes > 0) take(run);
      }
      position = pieceEnd;
    }
  }

  #extentAt(offsetBytes: number): number {
    let low = 0;
    let high = this.#places.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offsetBytes) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #holders(): number[] {
    const holders = new Set<number>();
    const run = new Run();
    this.forEachShare(0, this.#starts.at(-1)!, run, ({ member }) => holders.add(member));
    return [...holders].sort((left, right) => left - right);
  }
}
