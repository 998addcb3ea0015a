import type { BlockDevice, BlockExtent, BlockFeatures, BlockRequest } from '../block-device.ts';

/** A device over another: everything goes through until a subclass has something to say. */
export abstract class Layer implements BlockDevice {
  readonly next: BlockDevice;

  constructor(next: BlockDevice) {
    this.next = next;
  }

  get blockSizeBytes(): number {
    return this.next.blockSizeBytes;
  }

  get physicalBlockSizeBytes(): number {
    return this.next.physicalBlockSizeBytes;
  }

  get capacityBytes(): number {
    return this.next.capacityBytes;
  }

  get features(): BlockFeatures {
    return this.next.features;
  }

  get name(): string {
    return this.next.name;
  }

  submit(request: BlockRequest): void {
    this.next.submit(request);
  }

  cancel(request: BlockRequest): void {
    this.next.cancel(request);
  }

  extents(offsetBytes: number, lengthBytes: number, limit?: number): Promise<BlockExtent[]> {
    return this.next.extents(offsetBytes, lengthBytes, limit);
  }

  onCapacityChange(listener: (capacityBytes: number) => void): () => void {
    return this.next.onCapacityChange(listener);
  }

  drain(): Promise<void> {
    return this.next.drain();
  }

  close(): Promise<void> {
    return this.next.close();
  }
}
