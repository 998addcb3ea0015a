/**
 * Flushes of one file: those that come while one runs share the next, and a failed one is final.
 */
import type { BlockRequest } from '../block-device.ts';
import type { Era } from '../in-flight.ts';
import { EngineOp, EngineTransfer } from './engine.ts';
import type { Engine } from './engine.ts';

interface WaitingFlush {
  readonly request: BlockRequest;
  readonly era: Era;
}

export interface FlushGroupOptions {
  readonly engine: Engine;
  readonly fd: number;
  /** `result`: 0 or a negative errno of the sync. */
  readonly onSynced: (result: number) => void;
  readonly onEnd: (request: BlockRequest, era: Era, result: number) => void;
  readonly onCancelled: (request: BlockRequest, era: Era) => void;
}

export class FlushGroup {
  readonly #options: FlushGroupOptions;
  readonly #transfer = new EngineTransfer();
  #running: WaitingFlush[] = [];
  #waiting: WaitingFlush[] = [];
  #isRunning = false;

  constructor(options: FlushGroupOptions) {
    this.#options = options;
    this.#transfer.op = EngineOp.sync;
    this.#transfer.fd = options.fd;
    this.#transfer.onDone = () => this.#synced();
  }

  add(request: BlockRequest, era: Era): void {
    // a sync that has begun need not cover what ended after its beginning
    this.#waiting.push({ request, era });
    if (!this.#isRunning) this.#start();
  }

  /** @returns true where the flush had not begun; it ends as cancelled. */
  cancel(request: BlockRequest): boolean {
    const index = this.#waiting.findIndex((waiting) => waiting.request === request);
    if (index < 0) return false;
    const [waiting] = this.#waiting.splice(index, 1);
    this.#options.onCancelled(waiting!.request, waiting!.era);
    return true;
  }

  #start(): void {
    this.#isRunning = true;
    this.#running = this.#waiting;
    this.#waiting = [];
    this.#options.engine.queue(this.#transfer);
  }

  #synced(): void {
    const ended = this.#running;
    const { result } = this.#transfer;
    this.#running = [];
    this.#isRunning = false;
    this.#options.onSynced(result);
    if (this.#waiting.length > 0) this.#start();
    for (const { request, era } of ended) this.#options.onEnd(request, era, result);
  }
}
