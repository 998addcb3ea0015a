/**
 * Blocks in memory: for tests, benchmarks and volatile disks. Storage is taken on the first write
 * to a chunk.
 */
import { assert, KIB, MIB, roundDown, roundUp } from '../base/index.ts';
import { BlockOp, BlockOutcome } from './block-device.ts';
import type { BlockDevice, BlockExtent, BlockFeatures, BlockRequest } from './block-device.ts';
import { CompletionQueue } from './completion-queue.ts';
import { appendExtent } from './extents.ts';
import { Listeners } from './listeners.ts';
import { rangeFits, refuseRequest } from './refusal.ts';

const CHUNK_BYTES = 1 * MIB;
/** Unit in which storage is told from holes. */
const PAGE_BYTES = 4 * KIB;
const PAGES_PER_CHUNK = CHUNK_BYTES / PAGE_BYTES;

export interface MemoryDeviceOptions {
  /** A multiple of the block size. */
  readonly capacityBytes: number;
  readonly blockSizeBytes?: 512 | 4096;
  readonly name?: string;
}

interface Chunk {
  readonly bytes: Buffer;
  /** 1: the page has been written since it was last unmapped. */
  readonly written: Uint8Array;
}

const features: BlockFeatures = {
  readOnly: false,
  volatileWriteCache: false,
  volatile: true,
  unmap: true,
  unmapReadsZeroes: true,
  thin: true,
  unmapGranularityBytes: PAGE_BYTES,
  optimalTransferBytes: 0,
  maxTransferBytes: 32 * MIB,
  rotational: false,
};

export class MemoryDevice implements BlockDevice {
  readonly blockSizeBytes: number;
  readonly physicalBlockSizeBytes: number;
  readonly features = features;
  readonly name: string;
  readonly #chunks: (Chunk | undefined)[] = [];
  readonly #completions = new CompletionQueue();
  readonly #capacityListeners = new Listeners<number>();
  #capacityBytes: number;
  #closed = false;

  constructor(options: MemoryDeviceOptions) {
    const { capacityBytes } = options;
    this.blockSizeBytes = options.blockSizeBytes ?? 512;
    this.physicalBlockSizeBytes = this.blockSizeBytes;
    assert(Number.isSafeInteger(capacityBytes) && capacityBytes > 0, 'capacity is not a size');
    assert(capacityBytes % this.blockSizeBytes === 0, 'capacity is not a multiple of the block');
    this.name = options.name ?? 'memory';
    this.#capacityBytes = capacityBytes;
    this.#chunks.length = Math.ceil(capacityBytes / CHUNK_BYTES);
  }

  get capacityBytes(): number {
    return this.#capacityBytes;
  }

  submit(request: BlockRequest): void {
    const refusal = this.#closed ? BlockOutcome.notReady : refuseRequest(this, request);
    if (refusal === BlockOutcome.ok) this.#perform(request);
    this.#completions.push(request, refusal);
  }

  /** Everything is performed when it is submitted, so nothing is ever cancelled. */
  cancel(_request: BlockRequest): void {}

  extents(offsetBytes: number, lengthBytes: number, limit = Infinity): Promise<BlockExtent[]> {
    const list: BlockExtent[] = [];
    assert(rangeFits(this, offsetBytes, lengthBytes), 'extents outside the device');
    const end = offsetBytes + lengthBytes;
    let at = offsetBytes;
    while (at < end && list.length <= limit) {
      const chunk = this.#chunks[Math.floor(at / CHUNK_BYTES)];
      const step = chunk === undefined ? CHUNK_BYTES : PAGE_BYTES;
      const next = Math.min(roundDown(at, step) + step, end);
      const page = Math.floor((at % CHUNK_BYTES) / PAGE_BYTES);
      appendExtent(list, at, next - at, chunk?.written[page] === 1 ? 'data' : 'zero');
      at = next;
    }
    return Promise.resolve(list.slice(0, limit));
  }

  onCapacityChange(listener: (capacityBytes: number) => void): () => void {
    return this.#capacityListeners.add(listener);
  }

  /** Grows the device; the new space reads as zeros. */
  grow(capacityBytes: number): void {
    assert(capacityBytes >= this.#capacityBytes, 'a memory device does not shrink');
    assert(capacityBytes % this.blockSizeBytes === 0, 'capacity is not a multiple of the block');
    this.#chunks.length = Math.ceil(capacityBytes / CHUNK_BYTES);
    this.#capacityBytes = capacityBytes;
    this.#capacityListeners.emit(capacityBytes);
  }

  drain(): Promise<void> {
    return this.#completions.drained();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.drain();
    this.#chunks.fill(undefined);
  }

  #perform(request: BlockRequest): void {
    const { op, offsetBytes } = request;
    if (op === BlockOp.flush) return;
    const end = offsetBytes + request.lengthBytes;
    let at = offsetBytes;
    while (at < end) {
      const index = Math.floor(at / CHUNK_BYTES);
      const start = at % CHUNK_BYTES;
      const pieceBytes = Math.min(CHUNK_BYTES - start, end - at);
      if (op === BlockOp.read) this.#read(request, at, pieceBytes);
      else if (op === BlockOp.write) this.#write(request, at, pieceBytes);
      else this.#zero(index, start, pieceBytes, op === BlockOp.unmap || request.mayUnmap);
      at += pieceBytes;
    }
  }

  /** The piece lies in one chunk. */
  #read(request: BlockRequest, at: number, pieceBytes: number): void {
    const { bytes } = request.memory!;
    const into = request.memoryStart + at - request.offsetBytes;
    const start = at % CHUNK_BYTES;
    const chunk = this.#chunks[Math.floor(at / CHUNK_BYTES)];
    if (chunk === undefined) bytes.fill(0, into, into + pieceBytes);
    else chunk.bytes.copy(bytes, into, start, start + pieceBytes);
  }

  #write(request: BlockRequest, at: number, pieceBytes: number): void {
    const from = request.memoryStart + at - request.offsetBytes;
    const start = at % CHUNK_BYTES;
    const chunk = this.#chunk(Math.floor(at / CHUNK_BYTES));
    request.memory!.bytes.copy(chunk.bytes, start, from, from + pieceBytes);
    const pageEnd = Math.ceil((start + pieceBytes) / PAGE_BYTES);
    for (let page = Math.floor(start / PAGE_BYTES); page < pageEnd; page++) chunk.written[page] = 1;
  }

  #zero(index: number, start: number, length: number, drop: boolean): void {
    if (drop && length === CHUNK_BYTES) {
      this.#chunks[index] = undefined;
      return;
    }
    const chunk = drop ? this.#chunks[index] : this.#chunk(index);
    if (chunk === undefined) return;
    chunk.bytes.fill(0, start, start + length);
    if (drop) {
      // a page that is only partly in the range keeps its storage
      const pageEnd = Math.floor((start + length) / PAGE_BYTES);
      chunk.written.fill(0, roundUp(start, PAGE_BYTES) / PAGE_BYTES, pageEnd);
    } else {
      const pageEnd = Math.ceil((start + length) / PAGE_BYTES);
      chunk.written.fill(1, Math.floor(start / PAGE_BYTES), pageEnd);
    }
  }

  #chunk(index: number): Chunk {
    return (this.#chunks[index] ??= {
      bytes: Buffer.alloc(CHUNK_BYTES),
      written: new Uint8Array(PAGES_PER_CHUNK),
    });
  }
}
