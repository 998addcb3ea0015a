/**
 * Counts requests so that a drain waits for those before it and not for those that keep coming.
 * Requests belong to eras; a drain closes the current era and waits until it and all older ones are
 * empty.
 */
import { assert } from '../base/index.ts';

export class Era {
  /** @internal */ count = 0;
  /** @internal */ waiters: (() => void)[] = [];
}

export class InFlight {
  #current = new Era();
  /** Closed eras, oldest first. */
  readonly #closed: Era[] = [];
  #total = 0;

  get count(): number {
    return this.#total;
  }

  /** @returns what `end` wants back. */
  begin(): Era {
    this.#total++;
    this.#current.count++;
    return this.#current;
  }

  end(era: Era): void {
    assert(era.count > 0, 'a request ended twice');
    this.#total--;
    if (--era.count === 0 && era !== this.#current) this.#settle();
  }

  /** Resolves when everything begun before has ended. */
  drained(): Promise<void> {
    if (this.#total === 0) return Promise.resolve();
    const era = this.#current;
    this.#closed.push(era);
    this.#current = new Era();
    return new Promise((resolve) => {
      era.waiters.push(resolve);
      this.#settle();
    });
  }

  #settle(): void {
    while (this.#closed.length > 0 && this.#closed[0]!.count === 0) {
      for (const resolve of this.#closed.shift()!.waiters) resolve();
    }
  }
}
