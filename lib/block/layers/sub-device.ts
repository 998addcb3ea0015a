import { assert } from '../../base/index.ts';
import { BlockOp, BlockOutcome } from '../block-device.ts';
import type { BlockDevice, BlockExtent, BlockRequest } from '../block-device.ts';
import { ChildRequests } from '../child-requests.ts';
import { CompletionQueue } from '../completion-queue.ts';
import { promiseFace } from '../promise-face.ts';
import { rangeFits, refuseRequest } from '../refusal.ts';
import { Layer } from './layer.ts';

/** A part of a device as a device of its own. Closing it leaves the whole open. */
class SubDevice extends Layer {
  readonly #offsetBytes: number;
  readonly #lengthBytes: number;
  readonly #name: string;
  readonly #children: ChildRequests;
  readonly #refused = new CompletionQueue();
  #closed = false;

  constructor(next: BlockDevice, offsetBytes: number, lengthBytes: number, name: string) {
    super(next);
    assert(rangeFits(next, offsetBytes, lengthBytes), 'part lies outside the device');
    this.#offsetBytes = offsetBytes;
    this.#lengthBytes = lengthBytes;
    this.#name = name;
    this.#children = new ChildRequests(next);
  }

  override get capacityBytes(): number {
    return this.#lengthBytes;
  }

  override get name(): string {
    return this.#name;
  }

  override submit(request: BlockRequest): void {
    const refusal = this.#closed ? BlockOutcome.notReady : refuseRequest(this, request);
    if (refusal !== BlockOutcome.ok) return this.#refused.push(request, refusal);
    const child = this.#children.begin(request);
    if (request.op !== BlockOp.flush) child.offsetBytes += this.#offsetBytes;
    this.#children.submit(child);
  }

  override cancel(request: BlockRequest): void {
    this.#children.cancel(request);
  }

  override async extents(offset: number, length: number, limit?: number): Promise<BlockExtent[]> {
    assert(rangeFits(this, offset, length), 'extents outside the part');
    const list = await this.next.extents(offset + this.#offsetBytes, length, limit);
    return list.map((extent) => ({
      ...extent,
      offsetBytes: extent.offsetBytes - this.#offsetBytes,
    }));
  }

  /** A part never changes its size. */
  override onCapacityChange(_listener: (capacityBytes: number) => void): () => void {
    return () => undefined;
  }

  override async drain(): Promise<void> {
    await this.#refused.drained();
    await this.#children.inFlight.drained();
  }

  override async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.drain();
    await promiseFace(this.next).flush();
  }
}

/** A view of [offsetBytes, offsetBytes + lengthBytes) of a device. */
export const subDevice = (
  device: BlockDevice,
  offsetBytes: number,
  lengthBytes: number,
  name = `${device.name}@${offsetBytes}`,
): BlockDevice => new SubDevice(device, offsetBytes, lengthBytes, name);
