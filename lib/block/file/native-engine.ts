/**
 * io_uring or threads of the addon: one call hands over a batch, one callback brings many
 * completions.
 */
import { assert } from '../../base/index.ts';
import { nativeBinding, NativeOpenFlag } from '../native-binding.ts';
import type { FileFacts, NativeBinding, NativeEngineHandle } from '../native-binding.ts';
import type { Engine, EngineOpenOptions, EngineTransfer } from './engine.ts';

/** Fields of the arrays shared with native/engine_core.h. */
const WORDS_PER_ENTRY = 4;
const NUMBERS_PER_ENTRY = 3;
const WORDS_PER_COMPLETION = 2;
const COMPLETIONS_PER_CALLBACK_MAX = 512;

/**
 * Operations queued in one turn that leave without waiting for its end: a whole queue depth in one
 * batch comes back as one batch, and the disk idles between.
 */
const BATCH_ENTRIES_DEFAULT = 8;
const DEPTH_DEFAULT = 512;
const THREADS_DEFAULT = 8;

export interface NativeEngineTuning {
  readonly batchEntries?: number;
  readonly depth?: number;
  readonly threads?: number;
  readonly fallbackReason?: string;
}

export class NativeEngine implements Engine {
  readonly kind: 'io_uring' | 'threads';
  readonly needsSlabs = true;
  readonly findsHoles = true;
  readonly fallbackReason: string;
  readonly #native: NativeBinding;
  readonly #handle: NativeEngineHandle;
  readonly #batchEntries: number;
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;
  readonly #completions = new Int32Array(COMPLETIONS_PER_CALLBACK_MAX * WORDS_PER_COMPLETION);
  #queued = 0;
  /** By token; tokens are dense. */
  readonly #transfers: (EngineTransfer | null)[] = [];
  readonly #freeTokens: number[] = [];
  #inFlight = 0;
  #flushScheduled = false;
  readonly #flushLater = (): void => {
    this.#flushScheduled = false;
    this.#flush();
  };

  /** @throws Error with `errno` where the kernel refuses io_uring. */
  constructor(kind: 'io_uring' | 'threads', tuning: NativeEngineTuning = {}) {
    this.kind = kind;
    this.fallbackReason = tuning.fallbackReason ?? '';
    this.#batchEntries = tuning.batchEntries ?? BATCH_ENTRIES_DEFAULT;
    this.#words = new Int32Array(this.#batchEntries * WORDS_PER_ENTRY);
    this.#numbers = new Float64Array(this.#batchEntries * NUMBERS_PER_ENTRY);
    this.#native = nativeBinding();
    this.#handle = new this.#native.Engine({
      kind,
      depth: tuning.depth ?? DEPTH_DEFAULT,
      threads: tuning.threads ?? THREADS_DEFAULT,
      words: this.#words,
      numbers: this.#numbers,
      completions: this.#completions,
      onCompletions: (count) => this.#onCompletions(count),
    });
  }

  open(path: string, options: EngineOpenOptions): FileFacts {
    const flags =
      (options.readOnly ? NativeOpenFlag.readOnly : 0) |
      (options.direct ? NativeOpenFlag.direct : 0) |
      (options.create ? NativeOpenFlag.create : 0);
    return this.#native.openFile(path, flags);
  }

  sizeBytes(fd: number): number {
    return this.#native.fileSize(fd);
  }

  preallocate(fd: number, bytes: number): Promise<void> {
    return this.#native.preallocate(fd, bytes);
  }

  dataRanges(fd: number, offset: number, length: number, limit: number): Promise<Float64Array> {
    return this.#native.dataRanges(fd, offset, length, limit);
  }

  closeFile(fd: number): Promise<void> {
    return this.#native.closeFile(fd);
  }

  queue(transfer: EngineTransfer): void {
    const token = this.#freeTokens.pop() ?? this.#transfers.length;
    this.#transfers[token] = transfer;
    transfer.token = token;
    this.#inFlight++;
    const word = this.#queued * WORDS_PER_ENTRY;
    const number = this.#queued * NUMBERS_PER_ENTRY;
    this.#words[word] = token;
    this.#words[word + 1] = transfer.op;
    this.#words[word + 2] = transfer.fd;
    this.#words[word + 3] = transfer.memory === null ? -1 : transfer.memory.nativeId;
    this.#numbers[number] = transfer.memoryStart;
    this.#numbers[number + 1] = transfer.lengthBytes;
    this.#numbers[number + 2] = transfer.offsetBytes;
    if (++this.#queued === this.#batchEntries) this.#flush();
    else if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      queueMicrotask(this.#flushLater);
    }
  }

  cancel(transfer: EngineTransfer): void {
    if (transfer.token < 0 || this.#transfers[transfer.token] !== transfer) return;
    this.#flush();
    this.#handle.cancel(transfer.token);
  }

  inFlight(): number {
    return this.#inFlight;
  }

  close(): void {
    assert(this.#inFlight === 0, 'engine closed with transfers in flight');
    this.#handle.close();
  }

  #flush(): void {
    if (this.#queued === 0) return;
    const count = this.#queued;
    this.#queued = 0;
    this.#handle.submit(count);
  }

  #onCompletions(count: number): void {
    for (let index = 0; index < count; index++) {
      const token = this.#completions[index * WORDS_PER_COMPLETION]!;
      const transfer = this.#transfers[token]!;
      transfer.result = this.#completions[index * WORDS_PER_COMPLETION + 1]!;
      this.#transfers[token] = null;
      transfer.token = -1;
      this.#freeTokens.push(token);
      this.#inFlight--;
      transfer.onDone(transfer);
    }
  }
}
