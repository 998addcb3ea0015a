/**
 * What a connection has to send, in order: pieces of memory, and who gets each piece back once the
 * socket is done with it. The shell takes a whole batch and writes it at once.
 */
export interface Releasable {
  release(): void;
}

export class OutboxBatch {
  readonly pieces: Buffer[] = [];
  readonly owners: Releasable[] = [];
  bytes = 0;

  /** The socket is done with every piece. */
  release(): void {
    for (const owner of this.owners) owner.release();
    this.pieces.length = 0;
    this.owners.length = 0;
    this.bytes = 0;
  }
}

export class Outbox {
  #filling = new OutboxBatch();
  readonly #spare: OutboxBatch[] = [];

  get isEmpty(): boolean {
    return this.#filling.pieces.length === 0;
  }

  get pieceCount(): number {
    return this.#filling.pieces.length;
  }

  /**
   * @param owner told when `piece` and everything pushed before it has left; null where nothing is
   * to be given back.
   */
  push(piece: Buffer, owner: Releasable | null): void {
    const batch = this.#filling;
    batch.pieces.push(piece);
    batch.bytes += piece.length;
    if (owner !== null) batch.owners.push(owner);
  }

  /** `owner` is told when everything pushed before has left. */
  releaseLater(owner: Releasable): void {
    this.#filling.owners.push(owner);
  }

  /** Everything pushed so far; hand it back through `recycle` when the socket is done with it. */
  take(): OutboxBatch {
    const batch = this.#filling;
    this.#filling = this.#spare.pop() ?? new OutboxBatch();
    return batch;
  }

  recycle(batch: OutboxBatch): void {
    batch.release();
    if (this.#spare.length < 4) this.#spare.push(batch);
  }
}
