/**
 * The face for everything that is not the hot path: one promise per transfer, any bytes, any
 * length.
 */
import { assert } from '../base/index.ts';
import { BlockOp, BlockOutcome, BlockRequest } from './block-device.ts';
import type { BlockDevice } from './block-device.ts';
import { BlockError, opName } from './outcome.ts';
import { wrapMemory } from './transfer-memory.ts';
import type { TransferMemory } from './transfer-memory.ts';

export interface DurabilityOptions {
  /** Durable before the promise resolves. */
  readonly fua?: boolean;
}

export interface WriteZeroesOptions extends DurabilityOptions {
  /** The device may drop the storage behind the range; it reads as zeros either way. */
  readonly mayUnmap?: boolean;
}

/**
 * All reject with BlockError. Transfers longer than the device's maxTransferBytes go in several
 * requests.
 */
export interface BlockPromises {
  read(offsetBytes: number, into: Uint8Array): Promise<void>;
  write(offsetBytes: number, from: Uint8Array, options?: DurabilityOptions): Promise<void>;
  flush(): Promise<void>;
  unmap(offsetBytes: number, lengthBytes: number, options?: DurabilityOptions): Promise<void>;
  writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options?: WriteZeroesOptions,
  ): Promise<void>;
}

interface Pending {
  resolve(): void;
  reject(error: BlockError): void;
}

interface Transfer {
  readonly op: BlockOp;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly memory: TransferMemory | null;
  readonly fua?: boolean | undefined;
  readonly mayUnmap?: boolean | undefined;
}

class PromiseFace implements BlockPromises {
  readonly #device: BlockDevice;
  readonly #idle: BlockRequest[] = [];

  constructor(device: BlockDevice) {
    this.#device = device;
  }

  read(offsetBytes: number, into: Uint8Array): Promise<void> {
    const memory = wrapMemory(into);
    return this.#transfer({ op: BlockOp.read, offsetBytes, lengthBytes: into.length, memory });
  }

  write(offsetBytes: number, from: Uint8Array, options: DurabilityOptions = {}): Promise<void> {
    const memory = wrapMemory(from);
    const lengthBytes = from.length;
    return this.#transfer({ op: BlockOp.write, offsetBytes, lengthBytes, memory, ...options });
  }

  flush(): Promise<void> {
    return this.#one({ op: BlockOp.flush, offsetBytes: 0, lengthBytes: 0, memory: null }, 0, 0);
  }

  unmap(offset: number, length: number, options: DurabilityOptions = {}): Promise<void> {
    const range = { offsetBytes: offset, lengthBytes: length, memory: null };
    return this.#transfer({ op: BlockOp.unmap, ...range, ...options });
  }

  writeZeroes(offset: number, length: number, options: WriteZeroesOptions = {}): Promise<void> {
    const range = { offsetBytes: offset, lengthBytes: length, memory: null };
    return this.#transfer({ op: BlockOp.writeZeroes, ...range, ...options });
  }

  async #transfer(transfer: Transfer): Promise<void> {
    const pieceBytes = this.#device.features.maxTransferBytes;
    assert(pieceBytes > 0, 'device without maxTransferBytes');
    let done = 0;
    do {
      const length = Math.min(transfer.lengthBytes - done, pieceBytes);
      await this.#one(transfer, done, length);
      done += length;
    } while (done < transfer.lengthBytes);
  }

  #one(transfer: Transfer, start: number, lengthBytes: number): Promise<void> {
    const request = this.#idle.pop() ?? this.#make();
    request.op = transfer.op;
    request.offsetBytes = transfer.offsetBytes + start;
    request.lengthBytes = lengthBytes;
    request.memory = transfer.memory;
    request.memoryStart = start;
    request.fua = transfer.fua ?? false;
    request.mayUnmap = transfer.mayUnmap ?? false;
    return new Promise((resolve, reject) => {
      request.owner = { resolve, reject } satisfies Pending;
      this.#device.submit(request);
    });
  }

  #make(): BlockRequest {
    const request = new BlockRequest();
    request.onDone = (ended) => this.#done(ended);
    return request;
  }

  #done(request: BlockRequest): void {
    const pending = request.owner as Pending;
    const { outcome } = request;
    if (outcome === BlockOutcome.ok) pending.resolve();
    else pending.reject(new BlockError(describe(this.#device, request), outcome, request.detail));
    request.owner = null;
    request.memory = null;
    this.#idle.push(request);
  }
}

function describe(device: BlockDevice, request: BlockRequest): string {
  const what = `${opName(request.op)} on ${device.name}`;
  if (request.op === BlockOp.flush) return what;
  return `${what}, ${request.lengthBytes} bytes at ${request.offsetBytes}`;
}

export const promiseFace = (device: BlockDevice): BlockPromises => new PromiseFace(device);
