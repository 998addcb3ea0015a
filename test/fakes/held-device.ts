/** A device whose requests wait for the test: to hold, to fail and to look at them. */
import { BlockOutcome } from '../../lib/block/index.ts';
import type {
  BlockDevice,
  BlockExtent,
  BlockFeatures,
  BlockRequest,
} from '../../lib/block/index.ts';

export interface SeenRequest {
  readonly op: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly fua: boolean;
  readonly mayUnmap: boolean;
}

export class HeldDevice implements BlockDevice {
  /** Requests are kept back until `release`. */
  holding = false;
  readonly held: BlockRequest[] = [];
  readonly seen: SeenRequest[] = [];
  /** How requests end, by operation; without an entry as the device below says. */
  readonly outcomes = new Map<number, BlockOutcome>();
  /** `cancel` ends a held request. */
  cancels = true;
  readonly features: BlockFeatures;
  readonly #next: BlockDevice;

  constructor(next: BlockDevice, features: Partial<BlockFeatures> = {}) {
    this.#next = next;
    this.features = { ...next.features, ...features };
  }

  get blockSizeBytes(): number {
    return this.#next.blockSizeBytes;
  }

  get physicalBlockSizeBytes(): number {
    return this.#next.physicalBlockSizeBytes;
  }

  get capacityBytes(): number {
    return this.#next.capacityBytes;
  }

  get name(): string {
    return 'held';
  }

  submit(request: BlockRequest): void {
    const { op, offsetBytes, lengthBytes, fua, mayUnmap } = request;
    this.seen.push({ op, offsetBytes, lengthBytes, fua, mayUnmap });
    if (this.holding) this.held.push(request);
    else this.#perform(request);
  }

  /** Lets the oldest held request go on, or all. */
  release(count = this.held.length): void {
    for (const request of this.held.splice(0, count)) this.#perform(request);
  }

  cancel(request: BlockRequest): void {
    const index = this.held.indexOf(request);
    if (index < 0 || !this.cancels) return;
    this.held.splice(index, 1);
    this.#end(request, BlockOutcome.cancelled);
  }

  extents(offsetBytes: number, lengthBytes: number, limit?: number): Promise<BlockExtent[]> {
    return this.#next.extents(offsetBytes, lengthBytes, limit);
  }

  onCapacityChange(listener: (capacityBytes: number) => void): () => void {
    return this.#next.onCapacityChange(listener);
  }

  drain(): Promise<void> {
    return this.#next.drain();
  }

  close(): Promise<void> {
    return this.#next.close();
  }

  #perform(request: BlockRequest): void {
    const outcome = this.outcomes.get(request.op);
    if (outcome === undefined) this.#next.submit(request);
    else this.#end(request, outcome);
  }

  #end(request: BlockRequest, outcome: BlockOutcome): void {
    queueMicrotask(() => {
      request.outcome = outcome;
      request.onDone(request);
    });
  }
}
