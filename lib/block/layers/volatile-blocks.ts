/**
 * The blocks that a volatile write cache holds, with every version since the last flush: any of
 * them may survive a crash.
 */
import type { Random } from '../../base/index.ts';

export interface BlockVersion {
  /** Order of the writes. */
  readonly sequence: number;
  /** Null: zeros. */
  readonly data: Buffer | null;
  /** Zeros whose storage may go. */
  readonly unmapped: boolean;
}

/** Adjacent blocks with what they hold, to be written in one piece. */
export interface BlockRun {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly data: Buffer | null;
  readonly unmapped: boolean;
}

/** The versions that existed at some moment. */
export interface Snapshot {
  readonly runs: BlockRun[];
  readonly lastSequence: number;
}

export class VolatileBlocks {
  readonly #blockSizeBytes: number;
  /** By block index; oldest version first, never empty. */
  readonly #versions = new Map<number, BlockVersion[]>();
  #sequence = 0;

  constructor(blockSizeBytes: number) {
    this.#blockSizeBytes = blockSizeBytes;
  }

  /** Blocks that a crash may lose. */
  get count(): number {
    return this.#versions.size;
  }

  /** @param data null writes zeros. @returns the sequence of this write. */
  write(offsetBytes: number, lengthBytes: number, data: Buffer | null, unmapped = false): number {
    const size = this.#blockSizeBytes;
    const sequence = ++this.#sequence;
    const copy = data === null ? null : Buffer.from(data);
    for (let at = 0; at < lengthBytes; at += size) {
      const index = (offsetBytes + at) / size;
      const version = { sequence, data: copy?.subarray(at, at + size) ?? null, unmapped };
      const versions = this.#versions.get(index);
      if (versions === undefined) this.#versions.set(index, [version]);
      else versions.push(version);
    }
    return sequence;
  }

  /** The newest versions of a range, each with its place in it. */
  newest(offsetBytes: number, lengthBytes: number): { at: number; data: Buffer | null }[] {
    const size = this.#blockSizeBytes;
    const found: { at: number; data: Buffer | null }[] = [];
    for (let at = 0; at < lengthBytes; at += size) {
      const version = this.#versions.get((offsetBytes + at) / size)?.at(-1);
      if (version !== undefined) found.push({ at, data: version.data });
    }
    return found;
  }

  snapshot(): Snapshot {
    const chosen = new Map<number, BlockVersion>();
    for (const [index, versions] of this.#versions) chosen.set(index, versions.at(-1)!);
    return { runs: this.#runs(chosen), lastSequence: this.#sequence };
  }

  /** Versions up to `sequence` are durable or superseded by what is, in the range or everywhere. */
  forget(sequence: number, offsetBytes = 0, lengthBytes = Infinity): void {
    const size = this.#blockSizeBytes;
    const first = offsetBytes / size;
    const end = (offsetBytes + lengthBytes) / size;
    for (const [index, versions] of this.#versions) {
      if (index < first || index >= end) continue;
      const later = versions.filter((version) => version.sequence > sequence);
      if (later.length === 0) this.#versions.delete(index);
      else this.#versions.set(index, later);
    }
  }

  /**
   * What a crash leaves: each atomic unit as it was at some moment since the last flush, on its
   * own. So writes are dropped, torn between units and reordered.
   */
  survivors(random: Random, atomicBytes: number): BlockRun[] {
    const blocksPerUnit = atomicBytes / this.#blockSizeBytes;
    const units = new Map<number, number[]>();
    for (const index of [...this.#versions.keys()].sort((left, right) => left - right)) {
      const unit = Math.floor(index / blocksPerUnit);
      const blocks = units.get(unit);
      if (blocks === undefined) units.set(unit, [index]);
      else blocks.push(index);
    }
    const chosen = new Map<number, BlockVersion>();
    for (const blocks of units.values()) this.#chooseUnit(blocks, random, chosen);
    return this.#runs(chosen);
  }

  #chooseUnit(blocks: number[], random: Random, chosen: Map<number, BlockVersion>): void {
    const moments = new Set<number>();
    for (const index of blocks) {
      for (const version of this.#versions.get(index)!) moments.add(version.sequence);
    }
    // 0: nothing of it had arrived
    const choices = [0, ...moments].sort((left, right) => left - right);
    const moment = choices[random.below(choices.length)]!;
    for (const index of blocks) {
      const version = this.#versions.get(index)!.findLast((one) => one.sequence <= moment);
      if (version !== undefined) chosen.set(index, version);
    }
  }

  #runs(chosen: ReadonlyMap<number, BlockVersion>): BlockRun[] {
    const size = this.#blockSizeBytes;
    const runs: BlockRun[] = [];
    const indexes = [...chosen.keys()].sort((left, right) => left - right);
    let at = 0;
    while (at < indexes.length) {
      const first = chosen.get(indexes[at]!)!;
      const group = [first];
      while (at + group.length < indexes.length) {
        const index = indexes[at + group.length]!;
        const version = chosen.get(index)!;
        const joins = (version.data === null) === (first.data === null);
        if (index !== indexes[at]! + group.length || !joins) break;
        if (version.unmapped !== first.unmapped) break;
        group.push(version);
      }
      runs.push({
        offsetBytes: indexes[at]! * size,
        lengthBytes: group.length * size,
        data: first.data === null ? null : Buffer.concat(group.map((version) => version.data!)),
        unmapped: first.unmapped,
      });
      at += group.length;
    }
    return runs;
  }
}
