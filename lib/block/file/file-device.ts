/**
 * A regular file or a block device as blocks, past the page cache where the file system can. Locked
 * while it is open.
 *
 * A failed sync, or a failed write that had to be durable, is final: the kernel forgets the error
 * once it has told it, and a later sync would call lost data safe. So every later flush fails until
 * the device is opened anew.
 */
import { errnoName } from './errno.ts';
import { assert, Failure, roundDown, roundUp } from '../../base/index.ts';
import { BlockOp, BlockOutcome } from '../block-device.ts';
import type { BlockDevice, BlockExtent, BlockFeatures, BlockRequest } from '../block-device.ts';
import { CompletionQueue } from '../completion-queue.ts';
import { allData, appendExtent } from '../extents.ts';
import { InFlight } from '../in-flight.ts';
import type { Era } from '../in-flight.ts';
import { Listeners } from '../listeners.ts';
import type { FileFacts } from '../native-binding.ts';
import { BlockError, opName } from '../outcome.ts';
import { rangeFits, refuseRequest } from '../refusal.ts';
import { sharedEngine } from './create-engine.ts';
import { EngineOp, EngineTransfer } from './engine.ts';
import type { Engine } from './engine.ts';
import { fileAbilities } from './file-features.ts';
import { FileTransfers } from './file-transfers.ts';
import { FlushGroup } from './flush-group.ts';
import { openFile } from './open-file.ts';

const EXTENTS_PER_CALL_MAX = 65_536;

export interface FileDeviceOptions {
  readonly path: string;
  /** An absent file is made with this size; what exists keeps its own. */
  readonly sizeBytes?: number;
  /** A file that is made gets its storage on write instead of at once. */
  readonly sparse?: boolean;
  /** Past the page cache, where the file system can; true where left out. */
  readonly direct?: boolean;
  readonly readOnly?: boolean;
  /** Not below the logical block size of the medium, which is the default. */
  readonly blockSizeBytes?: 512 | 4096;
  /** Left out: the one that all file devices of the process share. */
  readonly engine?: Engine;
  readonly name?: string;
}

export class FileDevice implements BlockDevice {
  readonly blockSizeBytes: number;
  readonly physicalBlockSizeBytes: number;
  readonly features: BlockFeatures;
  readonly name: string;
  readonly path: string;
  /** False although asked for: the file system has no direct I/O. */
  readonly direct: boolean;
  readonly engine: Engine;
  readonly #facts: FileFacts;
  readonly #transfers: FileTransfers;
  readonly #flushes: FlushGroup;
  readonly #refused = new CompletionQueue();
  readonly #inFlight = new InFlight();
  readonly #capacityListeners = new Listeners<number>();
  readonly #failureListeners = new Listeners<string>();
  #capacityBytes: number;
  #failure = '';
  #closing: Promise<void> | null = null;

  /**
   * @throws (rejects) Failure: absent, locked (names the holder), not permitted, wrong block size,
   * no space.
   */
  static async open(options: FileDeviceOptions): Promise<FileDevice> {
    const { path, sizeBytes, sparse = false, direct = true, readOnly = false } = options;
    const engine = options.engine ?? sharedEngine();
    const facts = await openFile(engine, { path, sizeBytes, sparse, direct, readOnly });
    try {
      return new FileDevice(engine, facts, options);
    } catch (error) {
      await engine.closeFile(facts.fd);
      throw error;
    }
  }

  private constructor(engine: Engine, facts: FileFacts, options: FileDeviceOptions) {
    const { path, readOnly = false, sparse = false } = options;
    this.path = path;
    this.name = options.name ?? path;
    this.engine = engine;
    this.direct = facts.direct;
    this.#facts = facts;
    this.blockSizeBytes = chooseBlockSize(options, facts);
    // what lies below a file system's block is nothing that a file can tell
    this.physicalBlockSizeBytes = facts.blockDevice
      ? Math.max(facts.physicalBlockBytes, this.blockSizeBytes)
      : this.blockSizeBytes;
    this.#capacityBytes = roundDown(facts.bytes, this.blockSizeBytes);
    const { findsHoles } = engine;
    const abilities = fileAbilities(facts, { readOnly, sparse, findsHoles });
    this.features = abilities.features;
    this.#transfers = new FileTransfers({
      engine,
      fd: facts.fd,
      memoryAlignBytes: facts.memoryAlignBytes,
      abilities,
      onEnd: (request, era, outcome, detail) => this.#transferEnded(request, era, outcome, detail),
    });
    this.#flushes = new FlushGroup({
      engine,
      fd: facts.fd,
      onSynced: (result) => {
        if (result !== 0) this.#fail(`sync: ${errnoName(result)}`);
      },
      onEnd: (request, era) => this.#end(request, era, this.#flushOutcome(), this.#failure),
      onCancelled: (request, era) => this.#refuse(request, era, BlockOutcome.cancelled),
    });
  }

  get capacityBytes(): number {
    return this.#capacityBytes;
  }

  /** Why nothing can be made durable any more; empty while all is well. */
  get failure(): string {
    return this.#failure;
  }

  submit(request: BlockRequest): void {
    const era = this.#inFlight.begin();
    const refusal = this.#closing === null ? refuseRequest(this, request) : BlockOutcome.notReady;
    if (refusal !== BlockOutcome.ok) return this.#refuse(request, era, refusal);
    const durable = request.op === BlockOp.flush || (request.fua && request.op !== BlockOp.read);
    if (durable && this.#failure !== '') {
      return this.#refuse(request, era, BlockOutcome.ioError, this.#failure);
    }
    if (request.op === BlockOp.flush) this.#startFlush(request, era);
    else if (request.lengthBytes === 0) this.#refuse(request, era, BlockOutcome.ok);
    else this.#transfers.start(request, era);
  }

  cancel(request: BlockRequest): void {
    if (request.op !== BlockOp.flush) this.#transfers.cancel(request);
    else this.#flushes.cancel(request);
  }

  async extents(
    offsetBytes: number,
    lengthBytes: number,
    limit = EXTENTS_PER_CALL_MAX,
  ): Promise<BlockExtent[]> {
    assert(rangeFits(this, offsetBytes, lengthBytes), 'extents outside the device');
    if (this.#closing !== null) throw new BlockError(this.name, BlockOutcome.notReady, 'closed');
    if (this.#facts.blockDevice) return allData(offsetBytes, lengthBytes).slice(0, limit);
    const era = this.#inFlight.begin();
    try {
      const { fd } = this.#facts;
      const ranges = await this.engine.dataRanges(fd, offsetBytes, lengthBytes, limit);
      return this.#toExtents(ranges, offsetBytes, offsetBytes + lengthBytes, limit);
    } finally {
      this.#inFlight.end(era);
    }
  }

  onCapacityChange(listener: (capacityBytes: number) => void): () => void {
    return this.#capacityListeners.add(listener);
  }

  /** Calls once, with the reason, when nothing can be made durable any more. */
  onFailed(listener: (reason: string) => void): () => void {
    return this.#failureListeners.add(listener);
  }

  /** Asks for the size anew, after somebody has grown the file or the device. */
  refreshCapacity(): number {
    const bytes = roundDown(this.engine.sizeBytes(this.#facts.fd), this.blockSizeBytes);
    if (bytes !== this.#capacityBytes) {
      this.#capacityBytes = bytes;
      this.#capacityListeners.emit(bytes);
    }
    return bytes;
  }

  drain(): Promise<void> {
    return this.#inFlight.drained();
  }

  /** @throws (rejects) BlockError where the last sync fails; the file is closed all the same. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    // submit sees that we are closing from its next call on
    await Promise.resolve();
    await this.drain();
    const result = this.features.readOnly || this.#failure !== '' ? 0 : await this.#lastSync();
    await this.engine.closeFile(this.#facts.fd);
    if (result === 0) return;
    const reason = errnoName(result);
    this.#fail(`sync: ${reason}`);
    throw new BlockError(`close ${this.name}`, BlockOutcome.ioError, reason);
  }

  #lastSync(): Promise<number> {
    const transfer = new EngineTransfer();
    transfer.op = EngineOp.sync;
    transfer.fd = this.#facts.fd;
    return new Promise((resolve) => {
      transfer.onDone = (ended) => resolve(ended.result);
      this.engine.queue(transfer);
    });
  }

  #startFlush(request: BlockRequest, era: Era): void {
    if (this.features.readOnly) this.#refuse(request, era, BlockOutcome.ok);
    else this.#flushes.add(request, era);
  }

  #flushOutcome(): BlockOutcome {
    return this.#failure === '' ? BlockOutcome.ok : BlockOutcome.ioError;
  }

  #transferEnded(request: BlockRequest, era: Era, outcome: BlockOutcome, detail: string): void {
    const durable = request.fua && request.op !== BlockOp.read;
    if (durable && !leavesNothingBehind(outcome)) {
      this.#fail(`durable ${opName(request.op)}: ${detail}`);
    }
    this.#end(request, era, outcome, detail);
  }

  #refuse(request: BlockRequest, era: Era, outcome: BlockOutcome, detail = ''): void {
    this.#refused.push(request, outcome, detail);
    this.#inFlight.end(era);
  }

  #end(request: BlockRequest, era: Era, outcome: BlockOutcome, detail: string): void {
    this.#inFlight.end(era);
    request.outcome = outcome;
    request.detail = detail;
    request.onDone(request);
  }

  #fail(reason: string): void {
    if (this.#failure !== '') return;
    this.#failure = reason;
    this.#failureListeners.emit(reason);
  }

  #toExtents(ranges: Float64Array, start: number, end: number, limit: number): BlockExtent[] {
    const list: BlockExtent[] = [];
    let at = start;
    for (let index = 0; index < ranges.length; index += 2) {
      const dataStart = Math.max(roundDown(ranges[index]!, this.blockSizeBytes), at);
      const dataEnd = Math.min(roundUp(ranges[index + 1]!, this.blockSizeBytes), end);
      appendExtent(list, at, dataStart - at, 'zero');
      appendExtent(list, dataStart, dataEnd - dataStart, 'data');
      at = Math.max(at, dataEnd);
    }
    // fewer ranges than asked for: what follows is a hole
    if (ranges.length < 2 * limit) appendExtent(list, at, end - at, 'zero');
    return list.slice(0, limit);
  }
}

/** Outcomes after which the write may be repeated: it did nothing. */
const leavesNothingBehind = (outcome: BlockOutcome): boolean =>
  outcome === BlockOutcome.ok ||
  outcome === BlockOutcome.cancelled ||
  outcome === BlockOutcome.unsupported ||
  outcome === BlockOutcome.noSpace;

function chooseBlockSize(options: FileDeviceOptions, facts: FileFacts): number {
  const wanted = options.blockSizeBytes ?? facts.logicalBlockBytes;
  if (wanted >= facts.logicalBlockBytes) return wanted;
  throw new Failure(
    'usage',
    `Disk ${options.path} has blocks of ${facts.logicalBlockBytes} bytes, ` +
      `blocks of ${wanted} bytes were asked for: take ${facts.logicalBlockBytes}`,
  );
}
