/**
 * The logical units of the partitions that can be served: one each, by identity, so that a rename
 * changes nothing.
 */
import type { Timers } from '../../base/index.ts';
import type { TransferBuffers } from '../../block/index.ts';
import type { DiskArray, PartitionView } from '../../partition/index.ts';
import { LogicalUnit } from '../../scsi/index.ts';
import { WriteThrough } from './write-through.ts';

export interface UnitSetOptions {
  readonly buffers: TransferBuffers;
  readonly timers: Timers;
  /** False: hosts' writes are made durable before they are answered. */
  readonly writeCache: boolean;
}

export class UnitSet {
  readonly #options: UnitSetOptions;
  readonly #units = new Map<string, LogicalUnit>();

  constructor(options: UnitSetOptions) {
    this.#options = options;
  }

  /** By UUID of the partition. */
  get(uuid: string): LogicalUnit | undefined {
    return this.#units.get(uuid);
  }

  get all(): IterableIterator<[string, LogicalUnit]> {
    return this.#units.entries();
  }

  /** Makes units for partitions that have become ready. */
  addReady(array: DiskArray): void {
    for (const partition of array.partitions) {
      if (partition.sizeBytes > 0 && !this.#units.has(partition.uuid)) {
        this.#units.set(partition.uuid, this.#makeUnit(array, partition));
      }
    }
  }

  #makeUnit(array: DiskArray, { name, uuid, blockSizeBytes }: PartitionView): LogicalUnit {
    const { buffers, timers, writeCache } = this.#options;
    const device = array.device(name);
    return new LogicalUnit({
      device: writeCache ? device : new WriteThrough(device),
      uuid,
      name,
      blockSizeBytes,
      buffers,
      timers,
      reservationStore: array.reservationStore(name),
    });
  }

  /** Resolves when no command can reach the partition any more. */
  async close(uuid: string): Promise<void> {
    const unit = this.#units.get(uuid);
    this.#units.delete(uuid);
    await unit?.close();
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#units.keys()].map((uuid) => this.close(uuid)));
  }
}
