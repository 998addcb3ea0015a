/**
 * Bytes of one connection on their way out. Headers and short data are written into arenas that are
 * used again once the network has taken them; long data leaves from the caller's memory. Everything
 * of one turn goes out as one batch.
 */
import { assert, KIB } from '../base/index.ts';

const ARENA_BYTES = 128 * KIB;
/** Data up to this length is copied: cheaper than one more piece in the gathered write. */
const COPY_BYTES_MAX = 8 * KIB;

/** What leaves in one gathered write, in order. */
export class SendBatch {
  readonly pieces: Buffer[] = [];
  bytes = 0;
  /** Counts from 1; the network takes batches in this order. */
  number = 0;
}

interface Arena {
  readonly bytes: Buffer;
  used: number;
  /** Number of the last batch that has pieces of it. */
  lastBatch: number;
}

const newArena = (): Arena => ({ bytes: Buffer.alloc(ARENA_BYTES), used: 0, lastBatch: 0 });

export class SendQueue {
  /** Every batch up to this number has left our memory. */
  sentBatch = 0;
  #batch = new SendBatch();
  readonly #spareBatches: SendBatch[] = [];
  #arena = newArena();
  /** Start of the run in the arena that isn't a piece yet. */
  #runStart = 0;
  readonly #retired: Arena[] = [];
  readonly #spareArenas: Arena[] = [];

  constructor() {
    this.#batch.number = 1;
  }

  /** Number of the batch being filled. */
  get batchNumber(): number {
    return this.#batch.number;
  }

  /** The arena that `reserve` last put its bytes into. */
  get bytes(): Buffer {
    return this.#arena.bytes;
  }

  /** Takes room in the arena. @returns its start in `bytes`; the content is whatever was there. */
  reserve(lengthBytes: number): number {
    assert(lengthBytes <= ARENA_BYTES, 'longer than an arena');
    if (this.#arena.used + lengthBytes > ARENA_BYTES) this.#turnArena();
    const start = this.#arena.used;
    this.#arena.used = start + lengthBytes;
    return start;
  }

  /**
   * Queues the caller's memory; where true is returned it must stay as it is until the batch has
   * left.
   */
  append(memory: Buffer, start: number, lengthBytes: number): boolean {
    if (lengthBytes <= COPY_BYTES_MAX) {
      const at = this.reserve(lengthBytes);
      memory.copy(this.#arena.bytes, at, start, start + lengthBytes);
      return false;
    }
    this.#endRun();
    this.#addPiece(memory.subarray(start, start + lengthBytes));
    return true;
  }

  /**
   * Ends the batch; hand it back through `done`. @returns undefined where there is nothing to send.
   */
  take(): SendBatch | undefined {
    this.#endRun();
    const batch = this.#batch;
    if (batch.pieces.length === 0) return undefined;
    this.#arena.lastBatch = batch.number;
    this.#batch = this.#spareBatches.pop() ?? new SendBatch();
    this.#batch.number = batch.number + 1;
    return batch;
  }

  /** The oldest batch taken has left our memory, or never will. */
  done(batch: SendBatch): void {
    assert(batch.number === this.sentBatch + 1, 'batches leave in order');
    this.sentBatch = batch.number;
    batch.pieces.length = 0;
    batch.bytes = 0;
    this.#spareBatches.push(batch);
    while (this.#retired.length > 0 && this.#retired[0]!.lastBatch <= this.sentBatch) {
      this.#spareArenas.push(this.#retired.shift()!);
    }
    const nothingPending = this.#batch.number === this.sentBatch + 1;
    if (nothingPending && this.#batch.pieces.length === 0 && this.#runStart === this.#arena.used) {
      this.#arena.used = 0;
      this.#runStart = 0;
    }
  }

  #turnArena(): void {
    this.#endRun();
    this.#arena.lastBatch = this.#batch.number;
    this.#retired.push(this.#arena);
    this.#arena = this.#spareArenas.pop() ?? newArena();
    this.#arena.used = 0;
    this.#runStart = 0;
  }

  #endRun(): void {
    const { bytes, used } = this.#arena;
    if (used > this.#runStart) this.#addPiece(bytes.subarray(this.#runStart, used));
    this.#runStart = used;
  }

  #addPiece(piece: Buffer): void {
    this.#batch.pieces.push(piece);
    this.#batch.bytes += piece.length;
  }
}
