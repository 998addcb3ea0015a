/**
 * Tags of what is outstanding. A tag is a slot number and the count of its uses, so that an answer
 * to an earlier user of the slot is recognized, and finding the owner is one array access.
 */
import { assert } from '../base/index.ts';

const SLOT_BITS = 12;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
/** Most tasks that a session can have outstanding. */
export const TASKS_OUTSTANDING_MAX = 1 << SLOT_BITS;
/** Reserved by RFC 7143; never given out. */
export const RESERVED_TAG = 0xffff_ffff;
/** One use fewer than fit, so that no tag is all ones. */
const USES_MAX = 2 ** (32 - SLOT_BITS) - 1;

export class TaskTable<T> {
  readonly #owners: (T | null)[] = [];
  readonly #tags: number[] = [];
  readonly #free: number[] = [];
  outstanding = 0;

  get full(): boolean {
    return this.outstanding === TASKS_OUTSTANDING_MAX;
  }

  add(owner: T): number {
    assert(!this.full, 'task table full');
    const slot = this.#free.length > 0 ? this.#free.pop()! : this.#grow();
    this.#owners[slot] = owner;
    this.outstanding++;
    return this.#tags[slot]!;
  }

  find(tag: number): T | null {
    const slot = tag & SLOT_MASK;
    return slot < this.#tags.length && this.#tags[slot] === tag ? this.#owners[slot]! : null;
  }

  remove(tag: number): void {
    const slot = tag & SLOT_MASK;
    assert(this.#tags[slot] === tag && this.#owners[slot] !== null, 'tag is not outstanding');
    this.#owners[slot] = null;
    const uses = ((tag >>> SLOT_BITS) + 1) % USES_MAX;
    this.#tags[slot] = ((uses << SLOT_BITS) | slot) >>> 0;
    this.#free.push(slot);
    this.outstanding--;
  }

  /** A copy of what is outstanding, in no order. */
  all(): T[] {
    return this.#owners.filter((owner): owner is T & {} => owner !== null);
  }

  #grow(): number {
    const slot = this.#tags.length;
    this.#tags.push(slot);
    this.#owners.push(null);
    return slot;
  }
}
