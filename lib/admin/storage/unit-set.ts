/**
 * The logical units of the partitions that can be served: one each, by identity, so that a rename
 * changes nothing.
 */
import type { Timers } from '../../base/index.ts';
import type { TransferBuffers } from '../../block/index.ts';
import type { DiskArray, PartitionView } from '../../partition/index.ts';
import { LogicalUnit } from '../../scsi/index.ts';

export interface UnitSetOptions {
  readonly buffers: TransferBuffers;
  readonly timers: Timers;
  /** False: hosts' writes are made durable before they are answered. */
  readonly writeCache: boolean;
}

export class UnitSet {
  readonly #options: UnitSetOptions;
  readonly #units = new Map<string, LogicalUnit>();
  /** Units of partitions that are being deleted: nobody sees them any more. */
  readonly #leaving = new Map<string, LogicalUnit | undefined>();

  constructor(options: UnitSetOptions) {
    this.#options = options;
  }

  /** By UUID of the partition; undefined also while it is being deleted. */
  get(uuid: string): LogicalUnit | undefined {
    return this.#units.get(uuid);
  }

  isLeaving(uuid: string): boolean {
    return this.#leaving.has(uuid);
  }

  /** Makes units for partitions that have become ready. */
  addReady(array: DiskArray): void {
    for (const partition of array.partitions) {
      const { uuid, sizeBytes } = partition;
      if (sizeBytes > 0 && !this.#units.has(uuid) && !this.#leaving.has(uuid)) {
        this.#units.set(uuid, this.#makeUnit(array, partition));
      }
    }
  }

  #makeUnit(array: DiskArray, { name, uuid, blockSizeBytes }: PartitionView): LogicalUnit {
    const { buffers, timers, writeCache } = this.#options;
    return new LogicalUnit({
      device: array.device(name),
      uuid,
      name,
      blockSizeBytes,
      buffers,
      timers,
      writeCache,
      reservationStore: array.reservationStore(name),
    });
  }

  /** The partition is on its way out: nobody is shown its unit from now on. */
  beginLeaving(uuid: string): void {
    this.#leaving.set(uuid, this.#units.get(uuid));
    this.#units.delete(uuid);
  }

  /** Resolves when no command can reach it any more. */
  async closeLeaving(uuid: string): Promise<void> {
    await this.#leaving.get(uuid)?.close();
  }

  /** It is gone, or has to be served again after all: `addReady` makes it a new unit then. */
  endLeaving(uuid: string): void {
    this.#leaving.delete(uuid);
  }

  async closeAll(): Promise<void> {
    const units = [...this.#units.values()];
    this.#units.clear();
    await Promise.all(units.map((unit) => unit.close()));
  }
}
