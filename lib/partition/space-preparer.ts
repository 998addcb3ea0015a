/** Zeroes the new space of partitions and makes it theirs; gives it back where a disk refuses. */
import { assert, Failure } from '../base/index.ts';
import { BlockError } from '../block/index.ts';
import type { ArraySpace } from './array-space.ts';
import type { Catalogue, PartitionRecord } from './catalogue.ts';
import type { CatalogueStore } from './catalogue-store.ts';
import { abandonSpace, isSettled, settlePartition } from './partition-changes.ts';
import { progressOf, zeroExtents } from './zeroing.ts';
import type { ZeroingProgress } from './zeroing.ts';

/** The partition of this identity, which is not deleted as long as its space is being prepared. */
export function recordWith({ partitions }: Catalogue, uuid: string): PartitionRecord {
  const record = partitions.find((partition) => partition.uuid === uuid);
  assert(record !== undefined, 'a partition is not deleted while it is being zeroed');
  return record;
}

export class SpacePreparer {
  readonly #store: CatalogueStore;
  readonly #progress = new Map<string, ZeroingProgress>();
  readonly #failures = new Map<string, string>();
  readonly #jobs = new Set<Promise<void>>();
  #stopped = false;

  constructor(store: CatalogueStore) {
    this.#store = store;
  }

  /** undefined: nothing is under way for this partition. */
  progress(uuid: string): ZeroingProgress | undefined {
    return this.#progress.get(uuid);
  }

  /** Why space that waits for its zeros got none; null where nothing is wrong. */
  failure(uuid: string): string | null {
    return this.#failures.get(uuid) ?? null;
  }

  /**
   * Resolves when all space of the partition is served. @throws Failure; the space is given back
   * then.
   */
  async prepare(uuid: string, space: ArraySpace): Promise<void> {
    const job = this.#zeroOrAbandon(uuid, space);
    this.#jobs.add(job);
    try {
      await job;
    } finally {
      this.#jobs.delete(job);
    }
  }

  /**
   * The same for what a crash has left. Where a disk refuses, the space stays unserved and the
   * others are not held up.
   */
  async resume(uuid: string, space: ArraySpace): Promise<void> {
    try {
      await this.#zero(uuid, space);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#failures.set(uuid, error.message);
    }
  }

  /**
   * Ends jobs at their next step; resolves when none runs. What is not zeroed by then starts over
   * at the next opening.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#jobs);
  }

  async #zeroOrAbandon(uuid: string, space: ArraySpace): Promise<void> {
    if (isSettled(recordWith(this.#store.catalogue, uuid))) return;
    try {
      await this.#zero(uuid, space);
    } catch (error) {
      // where this fails too, the array has failed, and the next opening zeroes again
      if (!this.#stopped) await this.#store.change(abandonSpace(uuid)).catch(() => undefined);
      throw error;
    }
  }

  async #zero(uuid: string, space: ArraySpace): Promise<void> {
    const { extents, name } = recordWith(this.#store.catalogue, uuid);
    const progress = progressOf(extents);
    this.#progress.set(uuid, progress);
    try {
      const stopped = (): boolean => this.#stopped;
      const { members } = this.#store;
      await zeroExtents({ members, space, extents, progress, stopped });
      await this.#store.change(settlePartition(uuid));
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      const what = `space for partition ${name} can't be zeroed: ${error.message}`;
      throw new Failure('unexpected', what, { cause: error });
    } finally {
      this.#progress.delete(uuid);
    }
  }
}
