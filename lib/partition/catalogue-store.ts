/**
 * The array's catalogue in memory and on its members, always the same. Changes that come together
 * leave together; one write is under way at a time; a change is done when every member holds it
 * durably, and otherwise was never made.
 */
import { assert, Failure } from '../base/index.ts';
import { BlockError, BlockOutcome } from '../block/index.ts';
import type { Catalogue } from './catalogue.ts';
import { encodeCopy } from './catalogue-codec.ts';
import { REGION_SIDES } from './geometry.ts';
import { PENDING_CHANGES_MAX } from './limits.ts';
import type { Member } from './member.ts';

/**
 * Pure: the next catalogue, or the same where there is nothing to do. Refuses by throwing a
 * Failure.
 */
export type CatalogueChange = (catalogue: Catalogue) => Catalogue;

interface PendingChange {
  readonly apply: CatalogueChange;
  readonly resolve: (catalogue: Catalogue) => void;
  readonly reject: (reason: unknown) => void;
}

export interface CatalogueStoreOptions {
  readonly members: readonly Member[];
  readonly catalogue: Catalogue;
  readonly generation: number;
}

export class CatalogueStore {
  /** All that hold copies, in the catalogue's order; joining ones last. */
  readonly members: readonly Member[];
  /** Why nothing can be changed any more, until the array is opened again. */
  failure: string | null = null;
  /** Told of each committed catalogue before the change that made it resolves. */
  onCommit: ((catalogue: Catalogue) => void) | null = null;
  #catalogue: Catalogue;
  #generation: number;
  #queue: PendingChange[] = [];
  #running: Promise<void> | null = null;

  constructor({ members, catalogue, generation }: CatalogueStoreOptions) {
    this.members = members;
    this.#catalogue = catalogue;
    this.#generation = generation;
  }

  /** What every member holds. */
  get catalogue(): Catalogue {
    return this.#catalogue;
  }

  get generation(): number {
    return this.#generation;
  }

  /**
   * @returns the catalogue in which the change is durable.
   * @throws Failure: the change's own, or `unexpected` where a disk did not take it, and then it
   * was not made.
   */
  change(apply: CatalogueChange): Promise<Catalogue> {
    if (this.#queue.length >= PENDING_CHANGES_MAX) {
      const found = `${PENDING_CHANGES_MAX} changes are waiting`;
      return Promise.reject(new Failure('inUse', `too many changes at once: ${found}; try again`));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ apply, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when no change is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /**
   * Brings labels and copies of every member to the present state and makes sure that this state is
   * durable: what was read may so far be in a cache only, and must not vanish after it has been
   * served.
   * @throws Failure `unexpected` naming the disk.
   */
  async repair(): Promise<void> {
    const copy = encodeCopy(this.#catalogue, this.#generation);
    const results = await Promise.allSettled(
      this.members.map((member) => this.#repairMember(member, copy)),
    );
    const refusal = this.#refusalOf(results);
    if (refusal !== undefined) throw new Failure('unexpected', `${refusal}; nothing is served`);
  }

  async #repairMember(member: Member, copy: Buffer): Promise<void> {
    const behind = REGION_SIDES.filter(
      (side) => member.regions[side].generation < this.#generation,
    );
    for (const side of behind) await member.writeCopy(side, copy);
    await member.io.flush();
    for (const side of behind) member.settleCopy(side, this.#generation);
  }

  async #run(): Promise<void> {
    // changes of the same turn make one batch
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      await this.#commitBatch(batch);
    }
    this.#running = null;
  }

  async #commitBatch(batch: readonly PendingChange[]): Promise<void> {
    const accepted: PendingChange[] = [];
    let next = this.#catalogue;
    for (const change of batch) {
      try {
        next = this.#refuseWhenFailed(change)(next);
        accepted.push(change);
      } catch (error) {
        change.reject(error);
      }
    }
    try {
      if (next !== this.#catalogue) await this.#commit(next);
      for (const { resolve } of accepted) resolve(this.#catalogue);
    } catch (error) {
      if (accepted.length > 1 && this.failure === null) {
        // one of them may be at fault: alone, each gets its own answer
        for (const change of accepted) await this.#commitBatch([change]);
      } else for (const { reject } of accepted) reject(error);
    }
  }

  #refuseWhenFailed({ apply }: PendingChange): CatalogueChange {
    if (this.failure === null) return apply;
    throw new Failure('inUse', `the array takes no changes: ${this.failure}`);
  }

  async #commit(next: Catalogue): Promise<void> {
    assert(next.arrayUuid === this.#catalogue.arrayUuid);
    const refusal = await this.#writeEverywhere(next);
    if (refusal !== undefined) {
      await this.#rollBack(refusal);
      throw new Failure('unexpected', `${refusal}; the change was not made`);
    }
    this.#catalogue = next;
    this.onCommit?.(next);
  }

  /** @returns undefined once durable on every member, else the first refusal in words. */
  async #writeEverywhere(catalogue: Catalogue): Promise<string | undefined> {
    const copy = encodeCopy(catalogue, this.#generation + 1);
    this.#generation++;
    const results = await Promise.allSettled(
      this.members.map((member) => writeMember(member, copy)),
    );
    const refusal = this.#refusalOf(results);
    if (refusal === undefined) for (const member of this.members) this.#settle(member);
    return refusal;
  }

  /**
   * A refused change may stand on some member already. The old state goes out again under a higher
   * generation, over the refused copy: once one member holds it, no restart can bring the refused
   * change back.
   */
  async #rollBack(refusal: string): Promise<void> {
    const copy = encodeCopy(this.#catalogue, ++this.#generation);
    const results = await Promise.allSettled(
      this.members.map((member) => writeMember(member, copy)),
    );
    this.#refusalOf(results);
    const restored = this.members.filter((_, index) => results[index]!.status === 'fulfilled');
    for (const member of restored) this.#settle(member);
    if (restored.length > 0) return;
    this.failure = `${refusal}, and no disk took the old state back: open the array again`;
  }

  #settle(member: Member): void {
    for (const side of REGION_SIDES) member.settleCopy(side, this.#generation);
  }

  /** Marks the members that failed. */
  #refusalOf(results: readonly PromiseSettledResult<void>[]): string | undefined {
    let first: string | undefined;
    for (const [index, result] of results.entries()) {
      if (result.status === 'fulfilled') continue;
      const error: unknown = result.reason;
      if (!(error instanceof BlockError)) throw error;
      const member = this.members[index]!;
      if (error.outcome === BlockOutcome.ioError && member.failure === null) {
        member.recordError(true, error.detail);
      }
      this.failure ??= member.failure;
      first ??= `${member.words} did not take the catalogue: ${error.message}`;
    }
    return first;
  }
}

/** Both regions, into the slots without the last committed copy, then durable. */
async function writeMember(member: Member, copy: Buffer): Promise<void> {
  if (member.failure !== null) {
    throw new BlockError('catalogue', BlockOutcome.ioError, member.failure);
  }
  await Promise.all(REGION_SIDES.map((side) => member.writeCopy(side, copy)));
  await member.io.flush();
}
