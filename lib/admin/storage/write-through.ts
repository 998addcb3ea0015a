/**
 * `io.writeCache: off`: the device says that it has no write cache, so every write of a host is
 * made durable first.
 */
import type { BlockDevice, BlockFeatures, BlockRequest } from '../../block/index.ts';

export class WriteThrough implements BlockDevice {
  readonly blockSizeBytes: number;
  readonly physicalBlockSizeBytes: number;
  readonly features: BlockFeatures;
  readonly #next: BlockDevice;

  constructor(next: BlockDevice) {
    this.#next = next;
    this.blockSizeBytes = next.blockSizeBytes;
    this.physicalBlockSizeBytes = next.physicalBlockSizeBytes;
    this.features = { ...next.features, volatileWriteCache: false };
  }

  get name(): string {
    return this.#next.name;
  }

  get capacityBytes(): number {
    return this.#next.capacityBytes;
  }

  /** The device server forces durability itself where there is no cache (WCE 0). */
  submit(request: BlockRequest): void {
    this.#next.submit(request);
  }

  cancel(request: BlockRequest): void {
    this.#next.cancel(request);
  }

  extents(...range: Parameters<BlockDevice['extents']>): ReturnType<BlockDevice['extents']> {
    return this.#next.extents(...range);
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
}
