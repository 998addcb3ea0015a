/**
 * A volatile write cache whose power can be cut. Writes are kept back until a flush; `crash` leaves
 * an arbitrary mixture of what was not flushed on the next device, which is the medium to start
 * anew from.
 */
import { assert } from '../../base/index.ts';
import type { Random } from '../../base/index.ts';
import { BlockOp, BlockOutcome } from '../block-device.ts';
import type { BlockDevice, BlockExtent, BlockFeatures, BlockRequest } from '../block-device.ts';
import { CompletionQueue } from '../completion-queue.ts';
import { ChildRequests } from '../child-requests.ts';
import type { ChildRequest } from '../child-requests.ts';
import { allData } from '../extents.ts';
import { InFlight } from '../in-flight.ts';
import { BlockError } from '../outcome.ts';
import { promiseFace } from '../promise-face.ts';
import type { BlockPromises } from '../promise-face.ts';
import { rangeFits, refuseRequest } from '../refusal.ts';
import { Layer } from './layer.ts';
import { VolatileBlocks } from './volatile-blocks.ts';
import type { BlockRun } from './volatile-blocks.ts';

export interface CrashLayerOptions {
  /**
   * Unit that the medium writes whole or not at all; a multiple of the block size, which is the
   * default.
   */
  readonly atomicBytes?: number;
}

type Overlay = ReturnType<VolatileBlocks['newest']>;

export class CrashLayer extends Layer {
  readonly #features: BlockFeatures;
  readonly #atomicBytes: number;
  readonly #cache: VolatileBlocks;
  readonly #medium: BlockPromises;
  readonly #reads: ChildRequests;
  readonly #completions = new CompletionQueue();
  readonly #durableInFlight = new InFlight();
  /** What makes data durable runs one after the other. */
  #lastDurable: Promise<void> = Promise.resolve();
  #dead = false;
  #closing: Promise<void> | null = null;

  constructor(next: BlockDevice, options: CrashLayerOptions = {}) {
    super(next);
    this.#atomicBytes = options.atomicBytes ?? next.blockSizeBytes;
    assert(this.#atomicBytes % next.blockSizeBytes === 0, 'atomic unit is no multiple of a block');
    this.#features = { ...next.features, volatileWriteCache: true, thin: false };
    this.#cache = new VolatileBlocks(next.blockSizeBytes);
    this.#medium = promiseFace(next);
    this.#reads = new ChildRequests(next, (child) => this.#readEnded(child));
  }

  override get features(): BlockFeatures {
    return this.#features;
  }

  /** Blocks that a crash may lose now. */
  get unflushedBlocks(): number {
    return this.#cache.count;
  }

  override submit(request: BlockRequest): void {
    const gone = this.#dead || this.#closing !== null;
    const refusal = gone ? BlockOutcome.notReady : refuseRequest(this, request);
    if (refusal !== BlockOutcome.ok) this.#completions.push(request, refusal);
    else if (request.op === BlockOp.read) this.#read(request);
    else if (request.op === BlockOp.flush) this.#durably(request, () => this.#flush());
    else this.#write(request);
  }

  /** What is kept back can't be told from what was written. */
  override cancel(_request: BlockRequest): void {}

  /** What is kept back isn't known to the medium, so all counts as data. */
  override extents(offset: number, length: number, limit = Infinity): Promise<BlockExtent[]> {
    assert(rangeFits(this, offset, length), 'extents outside the device');
    return Promise.resolve(allData(offset, length).slice(0, limit));
  }

  override async drain(): Promise<void> {
    await this.#completions.drained();
    await this.#reads.inFlight.drained();
    await this.#durableInFlight.drained();
  }

  override close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /**
   * Cuts the power: what was not flushed is dropped, torn and reordered as `random` has it. This
   * layer is dead afterwards; the next device holds what survived.
   */
  async crash(random: Random): Promise<void> {
    this.#dead = true;
    await this.drain();
    for (const run of this.#cache.survivors(random, this.#atomicBytes)) await this.#persist(run);
    this.#cache.forget(Infinity);
  }

  async #close(): Promise<void> {
    await Promise.resolve();
    await this.drain();
    if (!this.#dead && !this.features.readOnly) await this.#flush();
    await this.next.close();
  }

  #read(request: BlockRequest): void {
    const child = this.#reads.begin(request);
    // taken now: a flush may move blocks to the medium behind this read
    child.owner = this.#cache.newest(request.offsetBytes, request.lengthBytes);
    this.#reads.submit(child);
  }

  #readEnded(child: ChildRequest): void {
    const { bytes } = child.memory!;
    for (const { at, data } of child.owner as Overlay) {
      const start = child.memoryStart + at;
      if (data === null) bytes.fill(0, start, start + this.blockSizeBytes);
      else data.copy(bytes, start);
    }
    child.owner = null;
    this.#reads.end(child);
  }

  #write(request: BlockRequest): void {
    const { op, offsetBytes, lengthBytes, memory, memoryStart } = request;
    const data =
      op === BlockOp.write ? memory!.bytes.subarray(memoryStart, memoryStart + lengthBytes) : null;
    const unmapped = op === BlockOp.unmap || request.mayUnmap;
    const sequence = this.#cache.write(offsetBytes, lengthBytes, data, unmapped);
    if (!request.fua) return this.#completions.push(request);
    const run: BlockRun = { offsetBytes, lengthBytes, data, unmapped };
    this.#durably(request, async () => {
      await this.#persist(run);
      await this.#medium.flush();
      this.#cache.forget(sequence, offsetBytes, lengthBytes);
    });
  }

  /** Ends the request with what became of `work`, after everything durable before it. */
  #durably(request: BlockRequest, work: () => Promise<void>): void {
    const era = this.#durableInFlight.begin();
    const run = async (): Promise<void> => {
      let outcome: BlockOutcome = this.#dead ? BlockOutcome.notReady : BlockOutcome.ok;
      let detail = '';
      try {
        if (!this.#dead) await work();
      } catch (error) {
        if (!(error instanceof BlockError)) throw error;
        ({ outcome, detail } = error);
      }
      this.#completions.push(request, outcome, detail);
      this.#durableInFlight.end(era);
    };
    this.#lastDurable = this.#lastDurable.then(run);
  }

  async #flush(): Promise<void> {
    const { runs, lastSequence } = this.#cache.snapshot();
    for (const run of runs) await this.#persist(run);
    await this.#medium.flush();
    this.#cache.forget(lastSequence);
  }

  #persist(run: BlockRun): Promise<void> {
    const { offsetBytes, lengthBytes, data, unmapped } = run;
    if (data !== null) return this.#medium.write(offsetBytes, data);
    return this.#medium.writeZeroes(offsetBytes, lengthBytes, { mayUnmap: unmapped });
  }
}
