import type { Timer, Timers } from '../../base/index.ts';
import { BlockOutcome } from '../block-device.ts';
import type { BlockDevice, BlockRequest } from '../block-device.ts';
import { ChildRequests } from '../child-requests.ts';
import type { ChildRequest } from '../child-requests.ts';
import { CompletionQueue } from '../completion-queue.ts';
import { Layer } from './layer.ts';

/** Milliseconds that a request waits; Infinity: until it is cancelled or `release` is called. */
export type DelayOf = (request: BlockRequest) => number;

/** Holds requests back before they reach the device, as a slow or hanging disk does. */
export class DelayLayer extends Layer {
  delayOf: DelayOf;
  readonly #timers: Timers;
  readonly #children: ChildRequests;
  readonly #cancelled = new CompletionQueue();
  readonly #held = new Map<ChildRequest, Timer | null>();

  constructor(next: BlockDevice, timers: Timers, delay: number | DelayOf) {
    super(next);
    this.#timers = timers;
    this.delayOf = typeof delay === 'number' ? () => delay : delay;
    this.#children = new ChildRequests(next);
  }

  /** Requests held back now. */
  get heldCount(): number {
    return this.#held.size;
  }

  override submit(request: BlockRequest): void {
    const child = this.#children.begin(request);
    const delayMs = this.delayOf(request);
    if (delayMs <= 0) return this.#children.submit(child);
    const timer = Number.isFinite(delayMs)
      ? this.#timers.after(delayMs, () => this.#release(child))
      : null;
    this.#held.set(child, timer);
  }

  override cancel(request: BlockRequest): void {
    const child = this.#children.find(request);
    if (child === undefined) return;
    if (!this.#held.has(child)) return this.#children.cancel(request);
    this.#held.get(child)?.cancel();
    this.#held.delete(child);
    // the queue ends the child, the child its parent
    this.#cancelled.push(child, BlockOutcome.cancelled);
  }

  /** Lets everything go that is held back. */
  release(): void {
    for (const child of [...this.#held.keys()]) this.#release(child);
  }

  override async drain(): Promise<void> {
    await this.#children.inFlight.drained();
    await this.next.drain();
  }

  /** Waits for what is held back. */
  override async close(): Promise<void> {
    await this.drain();
    await this.next.close();
  }

  #release(child: ChildRequest): void {
    this.#held.get(child)?.cancel();
    this.#held.delete(child);
    this.#children.submit(child);
  }
}
