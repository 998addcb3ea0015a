/**
 * The twin of the native engines over node:fs, for tests, tools and machines without the addon.
 * Takes no locks.
 */
import { constants as fsConstants } from 'node:fs';
import * as fs from 'node:fs';
import { constants as osConstants } from 'node:os';
import { assert, MIB } from '../../base/index.ts';
import { alignedMemory } from '../aligned-memory.ts';
import type { FileFacts } from '../native-binding.ts';
import { EngineOp } from './engine.ts';
import type { Engine, EngineOpenOptions, EngineTransfer } from './engine.ts';

/** Right for every disk that exists; node:fs can't ask. */
const DIRECT_ALIGNMENT_BYTES = 4096;
const SECTOR_BYTES = 512;
const ZERO_PIECE_BYTES = 1 * MIB;
const { EIO, EOPNOTSUPP, ECANCELED, EINVAL } = osConstants.errno;

type Code = (error: NodeJS.ErrnoException | null, bytes: number) => void;

export class JsEngine implements Engine {
  readonly kind = 'js';
  readonly needsSlabs = false;
  readonly findsHoles = false;
  readonly fallbackReason = '';
  #waiting: EngineTransfer[] = [];
  readonly #started = new Set<EngineTransfer>();
  #zeros: Buffer | null = null;
  readonly #start = (): void => this.#startAll();

  open(path: string, options: EngineOpenOptions): FileFacts {
    const access = options.readOnly ? fsConstants.O_RDONLY : fsConstants.O_RDWR;
    const flags = access | (options.create ? fsConstants.O_CREAT : 0);
    const opened = openDirect(path, flags, options.direct);
    const status = fs.fstatSync(opened.fd);
    const block = opened.direct ? DIRECT_ALIGNMENT_BYTES : SECTOR_BYTES;
    return {
      fd: opened.fd,
      bytes: status.size,
      allocatedBytes: status.blocks * SECTOR_BYTES,
      logicalBlockBytes: block,
      physicalBlockBytes: status.blksize,
      memoryAlignBytes: opened.direct ? DIRECT_ALIGNMENT_BYTES : 1,
      deviceMajor: 0,
      deviceMinor: 0,
      inode: status.ino,
      blockDevice: status.isBlockDevice(),
      direct: opened.direct,
      punchesHoles: false,
    };
  }

  sizeBytes(fd: number): number {
    return fs.fstatSync(fd).size;
  }

  preallocate(fd: number, bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.ftruncate(fd, bytes, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  dataRanges(_fd: number, offset: number, length: number): Promise<Float64Array> {
    return Promise.resolve(Float64Array.of(offset, offset + length));
  }

  closeFile(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.close(fd, (error) => (error ? reject(error) : resolve()));
    });
  }

  queue(transfer: EngineTransfer): void {
    if (this.#waiting.length === 0) queueMicrotask(this.#start);
    this.#waiting.push(transfer);
  }

  cancel(transfer: EngineTransfer): void {
    const index = this.#waiting.indexOf(transfer);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.#started.add(transfer);
    queueMicrotask(() => this.#end(transfer, -ECANCELED));
  }

  inFlight(): number {
    return this.#waiting.length + this.#started.size;
  }

  close(): void {
    assert(this.inFlight() === 0, 'engine closed with transfers in flight');
  }

  #startAll(): void {
    const transfers = this.#waiting;
    this.#waiting = [];
    for (const transfer of transfers) {
      this.#started.add(transfer);
      this.#perform(transfer);
    }
  }

  #perform(transfer: EngineTransfer): void {
    switch (transfer.op) {
      case EngineOp.read:
      case EngineOp.write:
      case EngineOp.writeDurable:
        return this.#move(transfer, 0);
      case EngineOp.sync:
        return this.#sync(transfer);
      case EngineOp.zeroRange:
        return this.#zero(transfer, 0);
      default:
        queueMicrotask(() => this.#end(transfer, -EOPNOTSUPP));
    }
  }

  /** Reads and writes may move less than asked for; the rest follows. */
  #move(transfer: EngineTransfer, done: number): void {
    const { fd, op } = transfer;
    const left = transfer.lengthBytes - done;
    if (left === 0) return this.#moved(transfer);
    const next: Code = (error, bytes) => {
      if (error) this.#end(transfer, done > 0 ? -EIO : errnoOf(error));
      // the file ends inside the range
      else if (bytes === 0) this.#end(transfer, -EIO);
      else this.#move(transfer, done + bytes);
    };
    const { bytes } = transfer.memory!;
    const start = transfer.memoryStart + done;
    const offset = transfer.offsetBytes + done;
    if (op === EngineOp.read) fs.read(fd, bytes, start, left, offset, next);
    else fs.write(fd, bytes, start, left, offset, next);
  }

  #moved(transfer: EngineTransfer): void {
    if (transfer.op === EngineOp.writeDurable) this.#sync(transfer);
    else if (transfer.lengthBytes === 0) queueMicrotask(() => this.#end(transfer, 0));
    else this.#end(transfer, 0);
  }

  #sync(transfer: EngineTransfer): void {
    fs.fdatasync(transfer.fd, (error) => this.#end(transfer, error ? errnoOf(error) : 0));
  }

  #zero(transfer: EngineTransfer, done: number): void {
    this.#zeros ??= alignedMemory(ZERO_PIECE_BYTES);
    const left = Math.min(transfer.lengthBytes - done, ZERO_PIECE_BYTES);
    const at = transfer.offsetBytes + done;
    fs.write(transfer.fd, this.#zeros, 0, left, at, (error, bytes) => {
      if (error) this.#end(transfer, errnoOf(error));
      else if (done + bytes < transfer.lengthBytes) this.#zero(transfer, done + bytes);
      else this.#end(transfer, 0);
    });
  }

  #end(transfer: EngineTransfer, result: number): void {
    this.#started.delete(transfer);
    transfer.result = result;
    transfer.onDone(transfer);
  }
}

const errnoOf = (error: NodeJS.ErrnoException): number => error.errno ?? -EIO;

function openDirect(path: string, flags: number, direct: boolean): { fd: number; direct: boolean } {
  if (direct) {
    try {
      return { fd: fs.openSync(path, flags | fsConstants.O_DIRECT, 0o600), direct };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).errno !== -EINVAL) throw error;
    }
  }
  return { fd: fs.openSync(path, flags, 0o600), direct: false };
}
