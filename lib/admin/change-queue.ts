/** One change at a time: each sees what the one before it left. */
export class ChangeQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs after everything queued before has ended, well or badly. */
  run<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(change, change);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when everything queued so far has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
