/** A device out of a few async functions: what a user writes to serve something of their own. */
import { assert, MIB } from '../base/index.ts';
import { BlockOp, BlockOutcome } from './block-device.ts';
import type { BlockDevice, BlockExtent, BlockFeatures, BlockRequest } from './block-device.ts';
import { CompletionQueue } from './completion-queue.ts';
import { allData } from './extents.ts';
import { InFlight } from './in-flight.ts';
import { BlockError } from './outcome.ts';
import { rangeFits, refuseRequest } from './refusal.ts';

/**
 * What there is to write. Rejecting with BlockError says how a request ended; any other rejection
 * is an I/O error. Several calls may be under way at once.
 */
export interface PromiseDevice {
  readonly capacityBytes: number;
  /** 512 where left out. */
  readonly blockSizeBytes?: 512 | 4096;
  readonly name?: string;
  /** Fills `into`, which is this call's until it resolves. */
  read(offsetBytes: number, into: Buffer): Promise<void>;
  /** Left out: the device is read-only. */
  write?(offsetBytes: number, from: Buffer): Promise<void>;
  /** Left out: a write is durable when it resolves. */
  flush?(): Promise<void>;
  /** The range reads as zeros afterwards. Left out: not offered. */
  unmap?(offsetBytes: number, lengthBytes: number): Promise<void>;
  close?(): Promise<void>;
}

const ZERO_PIECE_BYTES = 1 * MIB;
const MAX_TRANSFER_BYTES = 4 * MIB;

class DeviceFromPromises implements BlockDevice {
  readonly blockSizeBytes: number;
  readonly physicalBlockSizeBytes: number;
  readonly capacityBytes: number;
  readonly features: BlockFeatures;
  readonly name: string;
  readonly #device: PromiseDevice;
  readonly #completions = new CompletionQueue();
  readonly #inFlight = new InFlight();
  #closing: Promise<void> | null = null;

  constructor(device: PromiseDevice) {
    this.#device = device;
    this.blockSizeBytes = device.blockSizeBytes ?? 512;
    this.physicalBlockSizeBytes = this.blockSizeBytes;
    this.capacityBytes = device.capacityBytes;
    this.name = device.name ?? 'custom';
    this.features = featuresOf(device, this.blockSizeBytes);
    const whole = Number.isSafeInteger(this.capacityBytes) && this.capacityBytes > 0;
    assert(whole && this.capacityBytes % this.blockSizeBytes === 0, 'capacity is not whole blocks');
  }

  submit(request: BlockRequest): void {
    const refusal = this.#closing === null ? refuseRequest(this, request) : BlockOutcome.notReady;
    if (refusal !== BlockOutcome.ok) this.#completions.push(request, refusal);
    else void this.#run(request);
  }

  /** The functions know no way to stop. */
  cancel(_request: BlockRequest): void {}

  extents(offsetBytes: number, lengthBytes: number, limit = Infinity): Promise<BlockExtent[]> {
    assert(rangeFits(this, offsetBytes, lengthBytes), 'extents outside the device');
    return Promise.resolve(allData(offsetBytes, lengthBytes).slice(0, limit));
  }

  onCapacityChange(_listener: (capacityBytes: number) => void): () => void {
    return () => undefined;
  }

  async drain(): Promise<void> {
    await this.#completions.drained();
    await this.#inFlight.drained();
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await Promise.resolve();
    await this.drain();
    await this.#device.flush?.();
    await this.#device.close?.();
  }

  async #run(request: BlockRequest): Promise<void> {
    const era = this.#inFlight.begin();
    let outcome: BlockOutcome = BlockOutcome.ok;
    let detail = '';
    try {
      // never inside submit, whatever the user's function does
      await Promise.resolve();
      await this.#perform(request);
    } catch (error) {
      outcome = error instanceof BlockError ? error.outcome : BlockOutcome.ioError;
      detail = error instanceof Error ? error.message : String(error);
    }
    this.#completions.push(request, outcome, detail);
    this.#inFlight.end(era);
  }

  async #perform(request: BlockRequest): Promise<void> {
    const { op, offsetBytes, lengthBytes } = request;
    if (op === BlockOp.flush) return this.#device.flush?.();
    if (lengthBytes === 0) return;
    if (op === BlockOp.read) return this.#device.read(offsetBytes, bytesOf(request));
    if (op === BlockOp.write) await this.#device.write!(offsetBytes, bytesOf(request));
    else await this.#zero(request);
    if (request.fua) await this.#device.flush?.();
  }

  async #zero(request: BlockRequest): Promise<void> {
    const { op, offsetBytes, lengthBytes } = request;
    const drop = op === BlockOp.unmap || request.mayUnmap;
    if (drop && this.#device.unmap) return this.#device.unmap(offsetBytes, lengthBytes);
    const zeros = Buffer.alloc(Math.min(lengthBytes, ZERO_PIECE_BYTES));
    for (let at = 0; at < lengthBytes; at += zeros.length) {
      const piece = zeros.subarray(0, Math.min(zeros.length, lengthBytes - at));
      await this.#device.write!(offsetBytes + at, piece);
    }
  }
}

const bytesOf = ({ memory, memoryStart, lengthBytes }: BlockRequest): Buffer =>
  memory!.bytes.subarray(memoryStart, memoryStart + lengthBytes);

const featuresOf = (device: PromiseDevice, blockSizeBytes: number): BlockFeatures => ({
  readOnly: device.write === undefined,
  volatileWriteCache: device.flush !== undefined,
  volatile: false,
  unmap: device.unmap !== undefined && device.write !== undefined,
  unmapReadsZeroes: device.unmap !== undefined,
  thin: false,
  unmapGranularityBytes: blockSizeBytes,
  optimalTransferBytes: 0,
  maxTransferBytes: MAX_TRANSFER_BYTES,
  rotational: false,
});

export const fromPromises = (device: PromiseDevice): BlockDevice => new DeviceFromPromises(device);
