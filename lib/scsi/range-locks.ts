/**
 * Commands that are one step for all nexuses (COMPARE AND WRITE, ORWRITE, WRITE ATOMIC, the
 * destination of a copy) hold their block range exclusively: they wait for everything that touches
 * it, and whatever comes later waits for them. In ordinary service the queue is empty and costs the
 * read and write path one comparison.
 */

/** What wants to touch blocks `lba` to `lba + blocks`. */
export interface RangeClaim {
  lba: number;
  blocks: number;
  /** Nothing else may touch the range meanwhile. */
  exclusive: boolean;
  /**
   * Has the range; set by RangeLocks, or by its owner where `RangeLocks.count` is 0 and the claim
   * isn't exclusive.
   */
  touching: boolean;
  /** Called once for each `enter`, from inside it or later. */
  rangeGranted(): void;
}

const overlap = (one: RangeClaim, other: RangeClaim): boolean =>
  one.lba < other.lba + other.blocks && other.lba < one.lba + one.blocks;

export class RangeLocks {
  /**
   * Exclusive claims, held and waiting, and the others that wait for them. 0: a shared claim may
   * begin at once.
   */
  count = 0;
  /** In the order in which they came. */
  readonly #queue: RangeClaim[] = [];
  readonly #shared: () => Iterable<RangeClaim>;

  /**
   * @param shared claims that may touch the medium without standing in the queue: the commands of
   * the task set.
   */
  constructor(shared: () => Iterable<RangeClaim>) {
    this.#shared = shared;
  }

  /** Gives the range now or when everything before it has left. */
  enter(claim: RangeClaim): void {
    this.#queue.push(claim);
    this.count++;
    this.#grant();
  }

  /** The claim ends or gives up waiting. To be called for every claim while `count` isn't 0. */
  leave(claim: RangeClaim): void {
    claim.touching = false;
    const index = this.#queue.indexOf(claim);
    if (index >= 0) {
      this.#queue.splice(index, 1);
      this.count--;
    }
    this.#grant();
  }

  /** The claim stands in the queue without having its range. */
  waits(claim: RangeClaim): boolean {
    return this.count !== 0 && !claim.touching && this.#queue.includes(claim);
  }

  #grant(): void {
    const granted: RangeClaim[] = [];
    for (let index = 0; index < this.#queue.length; index++) {
      const claim = this.#queue[index]!;
      if (claim.touching || this.#blocked(claim, index)) continue;
      claim.touching = true;
      granted.push(claim);
    }
    for (const claim of granted) {
      if (!claim.exclusive) this.#forget(claim);
    }
    for (const claim of granted) claim.rangeGranted();
  }

  #forget(claim: RangeClaim): void {
    this.#queue.splice(this.#queue.indexOf(claim), 1);
    this.count--;
  }

  #blocked(claim: RangeClaim, index: number): boolean {
    for (let before = 0; before < index; before++) {
      const other = this.#queue[before]!;
      if ((other.exclusive || claim.exclusive) && overlap(other, claim)) return true;
    }
    if (!claim.exclusive) return false;
    for (const other of this.#shared()) {
      if (other !== claim && other.touching && overlap(other, claim)) return true;
    }
    return false;
  }
}
