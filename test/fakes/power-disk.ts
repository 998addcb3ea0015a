/**
 * Disks that lose power. Writes stay in a cache until a flush; at a chosen operation everything
 * stops answering, and what was in the caches survives, vanishes or tears by sectors, from a seed.
 * Any request can be tampered with on the way.
 */
import type { Random } from '../../lib/base/index.ts';
import { BlockOp, BlockOutcome, CompletionQueue, refuseRequest } from '../../lib/block/index.ts';
import type {
  BlockDevice,
  BlockExtent,
  BlockFeatures,
  BlockRequest,
} from '../../lib/block/index.ts';

const PAGE_BYTES = 4096;
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);
/** Copied on write, so that images share pages. */
type Pages = Map<number, Buffer>;

interface CachedWrite {
  readonly offsetBytes: number;
  /** null: zeros. */
  readonly bytes: Buffer | null;
  readonly lengthBytes: number;
}

/**
 * `pretend`: answered and not done; a number: done at that offset instead; an outcome: answered
 * with it, not done.
 */
export type Tampering = 'pretend' | { moveTo: number } | { outcome: BlockOutcome } | undefined;

/** How the caches fare: `killed` is the end of the program only, they stay as they are. */
export type Survival = 'none' | 'all' | 'writes' | 'sectors' | 'killed';
export const SURVIVALS: readonly Survival[] = ['none', 'all', 'writes', 'sectors', 'killed'];

export class PowerWorld {
  readonly disks: PowerDisk[] = [];
  /** Writes, zeroings, unmaps and flushes so far. */
  operations = 0;
  /** The operation that still reaches the cache but is never answered. */
  cutAt = Infinity;
  powered = true;
  tamper: ((disk: PowerDisk, request: BlockRequest) => Tampering) | null = null;
  #lost!: () => void;
  /** Resolves when the power goes. */
  lost = new Promise<void>((resolve) => (this.#lost = resolve));

  add(sizeBytes: number, blockSizeBytes = 512): PowerDisk {
    const disk = new PowerDisk(this, `disk${this.disks.length}`, sizeBytes, blockSizeBytes);
    this.disks.push(disk);
    return disk;
  }

  /** @internal @returns false: there is no answer. */
  count(): boolean {
    if (!this.powered) return false;
    this.operations++;
    if (this.operations < this.cutAt) return true;
    this.powered = false;
    this.#lost();
    return false;
  }

  /** Power comes back; programs of before never hear of it. */
  restart(survival: Survival, random: Random): void {
    if (survival !== 'killed') this.disks.forEach((disk) => disk.settle(survival, random));
    this.resume();
  }

  /** The program died, the disks' caches did not. */
  resume(): void {
    this.disks.forEach((disk) => disk.disconnect());
    this.powered = true;
    this.cutAt = Infinity;
    this.operations = 0;
    this.tamper = null;
    this.lost = new Promise<void>((resolve) => (this.#lost = resolve));
  }

  snapshot(): Pages[] {
    return this.disks.map((disk) => disk.image());
  }

  restore(images: readonly Pages[]): void {
    this.disks.forEach((disk, index) => disk.load(images[index]!));
    this.resume();
  }
}

const features: BlockFeatures = {
  readOnly: false,
  volatileWriteCache: true,
  volatile: false,
  unmap: true,
  unmapReadsZeroes: true,
  thin: false,
  unmapGranularityBytes: PAGE_BYTES,
  optimalTransferBytes: 0,
  maxTransferBytes: 32 * 1024 * 1024,
  rotational: false,
};

export class PowerDisk implements BlockDevice {
  readonly physicalBlockSizeBytes = PAGE_BYTES;
  readonly features = features;
  readonly name: string;
  readonly capacityBytes: number;
  readonly blockSizeBytes: number;
  closed = false;
  readonly #world: PowerWorld;
  /** Replaced when the program that used it is gone: its answers never come. */
  #completions = new CompletionQueue();
  #cache: Pages = new Map();
  #medium: Pages = new Map();
  #unflushed: CachedWrite[] = [];

  constructor(world: PowerWorld, name: string, capacityBytes: number, blockSizeBytes: number) {
    this.#world = world;
    this.name = name;
    this.capacityBytes = capacityBytes;
    this.blockSizeBytes = blockSizeBytes;
  }

  submit(request: BlockRequest): void {
    const refusal = refuseRequest(this, request);
    if (refusal !== BlockOutcome.ok) return this.#completions.push(request, refusal);
    if (!this.#world.powered) return;
    const tampering = this.#world.tamper?.(this, request);
    const offsetBytes =
      typeof tampering === 'object' && 'moveTo' in tampering
        ? tampering.moveTo
        : request.offsetBytes;
    const done = tampering === undefined || offsetBytes !== request.offsetBytes;
    if (done && request.op !== BlockOp.flush) this.#perform(request, offsetBytes);
    if (request.op !== BlockOp.read && !this.#world.count()) return;
    if (done && (request.op === BlockOp.flush || request.fua)) this.#flush();
    const outcome = typeof tampering === 'object' && 'outcome' in tampering && tampering.outcome;
    this.#completions.push(request, outcome || BlockOutcome.ok, outcome ? 'injected' : '');
  }

  cancel(): void {}

  extents(offsetBytes: number, lengthBytes: number): Promise<BlockExtent[]> {
    return Promise.resolve([{ offsetBytes, lengthBytes, kind: 'data' }]);
  }

  onCapacityChange(): () => void {
    return () => undefined;
  }

  drain(): Promise<void> {
    return this.#completions.drained();
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** What a read sees now, outside of requests. */
  peek(offsetBytes: number, lengthBytes: number): Buffer {
    const into = Buffer.alloc(lengthBytes);
    readPages(this.#cache, offsetBytes, into);
    return into;
  }

  /** Damage or copy of content, durable at once. */
  poke(offsetBytes: number, bytes: Buffer): void {
    writePages(this.#cache, offsetBytes, bytes);
    writePages(this.#medium, offsetBytes, bytes);
  }

  image(): Pages {
    return new Map(this.#medium);
  }

  load(image: Pages): void {
    this.#medium = new Map(image);
    this.#cache = new Map(image);
    this.#unflushed = [];
  }

  /** @internal */
  settle(survival: Survival, random: Random): void {
    for (const write of this.#unflushed) keepSome(this.#medium, write, survival, random);
    this.load(this.#medium);
  }

  /** @internal */
  disconnect(): void {
    this.#completions = new CompletionQueue();
  }

  #flush(): void {
    this.#unflushed = [];
    this.#medium = new Map(this.#cache);
  }

  #perform(request: BlockRequest, offsetBytes: number): void {
    const { op, lengthBytes, memoryStart } = request;
    const bytes = request.memory?.bytes.subarray(memoryStart, memoryStart + lengthBytes) ?? null;
    if (op === BlockOp.read) return readPages(this.#cache, offsetBytes, bytes!);
    const write = { offsetBytes, lengthBytes, bytes: bytes && Buffer.from(bytes) };
    this.#unflushed.push(write);
    if (bytes === null) zeroPages(this.#cache, offsetBytes, lengthBytes);
    else writePages(this.#cache, offsetBytes, bytes);
  }
}

function keepSome(pages: Pages, write: CachedWrite, survival: Survival, random: Random): void {
  const { offsetBytes, lengthBytes, bytes } = write;
  if (survival === 'none' || (survival === 'writes' && random.next() < 0.5)) return;
  if (survival !== 'sectors') {
    if (bytes === null) zeroPages(pages, offsetBytes, lengthBytes);
    else writePages(pages, offsetBytes, bytes);
    return;
  }
  // long zeroings tear at a few places only, for speed
  const stepBytes = bytes === null ? Math.max(512, Math.ceil(lengthBytes / 16 / 512) * 512) : 512;
  for (let at = 0; at < lengthBytes; at += stepBytes) {
    if (random.next() < 0.5) continue;
    const end = Math.min(at + stepBytes, lengthBytes);
    if (bytes === null) zeroPages(pages, offsetBytes + at, end - at);
    else writePages(pages, offsetBytes + at, bytes.subarray(at, end));
  }
}

function readPages(pages: Pages, offsetBytes: number, into: Buffer): void {
  for (let at = 0; at < into.length;) {
    const page = Math.floor((offsetBytes + at) / PAGE_BYTES);
    const start = (offsetBytes + at) % PAGE_BYTES;
    at += (pages.get(page) ?? ZERO_PAGE).copy(into, at, start);
  }
}

function writePages(pages: Pages, offsetBytes: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) {
    const page = Math.floor((offsetBytes + at) / PAGE_BYTES);
    const start = (offsetBytes + at) % PAGE_BYTES;
    const next = Buffer.from(pages.get(page) ?? ZERO_PAGE);
    at += bytes.copy(next, start, at, at + PAGE_BYTES - start);
    pages.set(page, next);
  }
}

function zeroPages(pages: Pages, offsetBytes: number, lengthBytes: number): void {
  const end = offsetBytes + lengthBytes;
  const first = Math.ceil(offsetBytes / PAGE_BYTES);
  const last = Math.floor(end / PAGE_BYTES);
  for (const page of [...pages.keys()]) if (page >= first && page < last) pages.delete(page);
  if (first > last) return writePages(pages, offsetBytes, Buffer.alloc(lengthBytes));
  const head = first * PAGE_BYTES - offsetBytes;
  const tail = end - last * PAGE_BYTES;
  if (head > 0) writePages(pages, offsetBytes, Buffer.alloc(head));
  if (tail > 0) writePages(pages, end - tail, Buffer.alloc(tail));
}
