/**
 * An open disk array: its partitions, who may reach them, and the devices that serve them. Every
 * change is durable on every member before its promise resolves, and was not made when it rejects.
 */
import { assert, Failure } from '../base/index.ts';
import type { Clock, Random } from '../base/index.ts';
import { CompletionQueue, Listeners } from '../block/index.ts';
import { arraySpace } from './array-space.ts';
import type { ArraySpace } from './array-space.ts';
import {
  assignHost,
  confirmAssignments,
  setSharing,
  takeOver,
  unassignHost,
} from './assignment-changes.ts';
import { agree } from './bring-up.ts';
import type { Catalogue, PartitionRecord, Rights, Sharing } from './catalogue.ts';
import type { CatalogueChange, CatalogueStore } from './catalogue-store.ts';
import { EXTENT_UNIT_BYTES } from './limits.ts';
import { makeUuid } from './names.ts';
import { PartitionDevice } from './partition-device.ts';
import {
  addPartition,
  growPartition,
  isSettled,
  keepReservations,
  recordOf,
  removePartition,
  renamePartition,
} from './partition-changes.ts';
import { recordWith, SpacePreparer } from './space-preparer.ts';
import { TransferPool } from './transfers.ts';
import { arrayView, exportedPartitions, partitionView } from './views.ts';
import type { ArrayState, ArrayView, PartitionSettings, PartitionView } from './views.ts';

export interface DiskArrayOptions {
  readonly store: CatalogueStore;
  /** This storage server; an array of another owner is not served before its import. */
  readonly serverId: string;
  readonly random: Random;
  readonly clock: Clock;
}

export interface CreateOptions {
  readonly name: string;
  /** In whole blocks, at least 1 MiB; space is taken in units of 1 MiB. */
  readonly sizeBytes: number;
  /** Default 512, or what the disks demand. */
  readonly blockSizeBytes?: 512 | 4096 | undefined;
  /** Default: the lowest free one. */
  readonly lun?: number | undefined;
  /** Default `none`. */
  readonly shared?: Sharing | undefined;
  /** Who may reach it from the beginning; default: nobody. */
  readonly hosts?: Readonly<Record<string, Rights>> | undefined;
}

/**
 * Where a partition's persistent reservations outlive power loss; what the bytes mean is the SCSI
 * layer's.
 */
export interface PartitionReservations {
  load(): Buffer | null;
  /** Durable when resolved; empty bytes forget. */
  save(bytes: Uint8Array): Promise<void>;
}

export class DiskArray {
  readonly #store: CatalogueStore;
  readonly #serverId: string;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #completions = new CompletionQueue();
  readonly #transfers = new TransferPool(this.#completions);
  readonly #devices = new Map<string, PartitionDevice>();
  readonly #preparer: SpacePreparer;
  readonly #listeners = new Listeners<void>();
  #space: ArraySpace;
  #served = false;
  #closing: Promise<void> | null = null;

  /** @internal Made by `openArray`. */
  constructor({ store, serverId, random, clock }: DiskArrayOptions) {
    this.#store = store;
    this.#serverId = serverId;
    this.#random = random;
    this.#clock = clock;
    this.#space = spaceOf(store.catalogue);
    this.#preparer = new SpacePreparer(store);
    store.onCommit = (catalogue) => this.#adopt(catalogue);
    for (const member of store.members) {
      member.onFailure = () => {
        store.failure ??= member.failure;
        this.#listeners.emit();
      };
    }
  }

  get uuid(): string {
    return this.#store.catalogue.arrayUuid;
  }

  get state(): ArrayState {
    if (this.#closing !== null) return 'closed';
    if (!this.#served) return 'foreign';
    return this.#store.failure === null ? 'online' : 'failed';
  }

  /** In the order of their creation. */
  get partitions(): readonly PartitionView[] {
    return this.#store.catalogue.partitions.map((record) => this.#view(record));
  }

  find(name: string): PartitionView | undefined {
    return this.partitions.find((partition) => partition.name === name);
  }

  /** @throws Failure `notFound` */
  partition(name: string): PartitionView {
    return this.#view(recordOf(this.#store.catalogue, name));
  }

  status(): ArrayView {
    return arrayView({
      store: this.#store,
      state: this.state,
      totalBytes: this.#space.sizeBytes,
      blockSizeBytes: this.#blockSizeBytes,
    });
  }

  /** Partitions and assignments by name, as a configuration file has them. */
  export(): Record<string, PartitionSettings> {
    return exportedPartitions(this.#store.catalogue);
  }

  /** Called after every committed change and when a disk fails. @returns ends the subscription. */
  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /**
   * The device that serves a partition: one for all, until it is closed or the partition deleted.
   */
  device(name: string): PartitionDevice {
    this.#refuseUnserved();
    const record = recordOf(this.#store.catalogue, name);
    if (record.sizeBytes === 0) {
      throw new Failure('inUse', `partition ${name} is still being zeroed`);
    }
    const open = this.#devices.get(record.uuid);
    if (open !== undefined && !open.closed) return open;
    const device = new PartitionDevice({
      record,
      members: this.#store.members,
      space: this.#space,
      transfers: this.#transfers,
      completions: this.#completions,
    });
    this.#devices.set(record.uuid, device);
    return device;
  }

  /** Resolves when the partition can be served; all of it reads as zeros. */
  async create(options: CreateOptions): Promise<PartitionView> {
    this.#refuseUnserved();
    const uuid = makeUuid(this.#random);
    const { name, sizeBytes, lun, shared: sharing = 'none' } = options;
    const blockSizeBytes = this.#checkedBlockSize(name, options.blockSizeBytes);
    const createdMs = this.#clock.wallMs();
    const wanted = { uuid, name, sizeBytes, blockSizeBytes, lun, sharing, createdMs };
    const made = addPartition(wanted, this.#totalUnits);
    const given = Object.entries(options.hosts ?? {}).map(([host, rights]) =>
      assignHost(name, host, rights),
    );
    await this.#store.change(inOne([made, ...given]));
    return this.#prepare(uuid);
  }

  /** Resolves when the new size is served; hosts are told by the device's capacity event. */
  async grow(name: string, sizeBytes: number): Promise<PartitionView> {
    this.#refuseUnserved();
    const { uuid } = recordOf(this.#store.catalogue, name);
    await this.#store.change(growPartition(name, sizeBytes, this.#totalUnits));
    return this.#prepare(uuid);
  }

  async rename(name: string, newName: string): Promise<PartitionView> {
    await this.#change(renamePartition(name, newName));
    return this.partition(newName);
  }

  /** The caller has ended the hosts' I/O; what still comes ends as notReady. */
  async remove(name: string): Promise<void> {
    this.#refuseUnserved();
    const { uuid } = recordOf(this.#store.catalogue, name);
    if (this.#preparer.progress(uuid) !== undefined) {
      throw new Failure('inUse', `partition ${name} is still being zeroed`);
    }
    const device = this.#devices.get(uuid);
    await device?.suspend();
    try {
      await this.#store.change((catalogue) => {
        // it may have another name by now, or another partition its name
        if (recordOf(catalogue, name).uuid === uuid) return removePartition(uuid)(catalogue);
        throw new Failure('conflict', `partition ${name} was replaced meanwhile`);
      });
    } catch (error) {
      device?.resume();
      throw error;
    }
  }

  /** @param sharing becomes that of the partition in the same step; left out: stays. */
  async assign(
    name: string,
    host: string,
    rights: Rights,
    sharing?: Sharing,
  ): Promise<PartitionView> {
    const shared = sharing === undefined ? [] : [setSharing(name, sharing)];
    return this.#changeOf(name, inOne([...shared, assignHost(name, host, rights)]));
  }

  async unassign(name: string, host: string): Promise<PartitionView> {
    return this.#changeOf(name, unassignHost(name, host));
  }

  async setShared(name: string, sharing: Sharing): Promise<PartitionView> {
    return this.#changeOf(name, setSharing(name, sharing));
  }

  /**
   * Gives access again to assignments that an import suspended: of one host, or all of the
   * partition.
   */
  async confirm(name: string, host?: string): Promise<PartitionView> {
    return this.#changeOf(name, confirmAssignments(name, host));
  }

  /**
   * Takes over an array of another server. Its assignments stay, suspended until confirmed one by
   * one.
   */
  async importArray(uuid: string): Promise<void> {
    if (uuid !== this.uuid) {
      throw new Failure('notFound', `array ${uuid} is not here; the disks hold array ${this.uuid}`);
    }
    if (this.state !== 'foreign') throw new Failure('conflict', `array ${uuid} is served already`);
    await agree(this.#store);
    await this.#store.change(takeOver(this.#serverId));
    await this.#serve();
  }

  /** @throws Failure `notFound` */
  reservationStore(name: string): PartitionReservations {
    const { uuid } = recordOf(this.#store.catalogue, name);
    return {
      load: () => {
        const { partitions } = this.#store.catalogue;
        const kept = partitions.find((record) => record.uuid === uuid)?.reservations ?? null;
        return kept === null ? null : Buffer.from(kept, 'base64');
      },
      save: async (bytes) => {
        await this.#change(keepReservations(uuid, bytes));
      },
    };
  }

  /** Ends all devices, then flushes and closes the disks. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** @internal Last step of opening. */
  async start(): Promise<void> {
    if (this.#store.catalogue.owner !== this.#serverId) return;
    await agree(this.#store);
    await this.#serve();
  }

  /** What a crash left half zeroed starts over before anything is served. */
  async #serve(): Promise<void> {
    this.#space = spaceOf(this.#store.catalogue);
    this.#served = true;
    for (const record of this.#store.catalogue.partitions) {
      if (!isSettled(record)) await this.#preparer.resume(record.uuid, this.#space);
    }
    this.#listeners.emit();
  }

  async #prepare(uuid: string): Promise<PartitionView> {
    await this.#preparer.prepare(uuid, this.#space);
    return this.#view(recordWith(this.#store.catalogue, uuid));
  }

  /** A committed catalogue becomes what is served, in the same turn. */
  #adopt(catalogue: Catalogue): void {
    const records = new Map(catalogue.partitions.map((record) => [record.uuid, record]));
    for (const [uuid, device] of this.#devices) {
      const record = records.get(uuid);
      if (record !== undefined) device.update(record);
      else {
        this.#devices.delete(uuid);
        void device.suspend();
      }
    }
    this.#listeners.emit();
  }

  async #changeOf(name: string, change: CatalogueChange): Promise<PartitionView> {
    await this.#change(change);
    return this.partition(name);
  }

  async #change(change: CatalogueChange): Promise<void> {
    this.#refuseUnserved();
    await this.#store.change(change);
  }

  async #close(): Promise<void> {
    await this.#preparer.stop();
    await this.#store.idle();
    const devices = await Promise.allSettled([...this.#devices.values()].map((one) => one.close()));
    const disks = await Promise.allSettled(this.#store.members.map(({ device }) => device.close()));
    for (const result of [...devices, ...disks])
      if (result.status === 'rejected') throw result.reason;
  }

  #view(record: PartitionRecord): PartitionView {
    const { uuid } = record;
    return partitionView(record, {
      progress: this.#preparer.progress(uuid),
      failure: this.#preparer.failure(uuid),
    });
  }

  get #totalUnits(): number {
    return this.#space.sizeBytes / EXTENT_UNIT_BYTES;
  }

  get #blockSizeBytes(): number {
    return Math.max(...this.#store.members.map(({ device }) => device.blockSizeBytes));
  }

  #checkedBlockSize(name: string, wanted: number | undefined): 512 | 4096 {
    const least = this.#blockSizeBytes;
    const blockSizeBytes = wanted ?? least;
    if (blockSizeBytes !== 512 && blockSizeBytes !== 4096) {
      throw new Failure('usage', `block size of ${name}: expected 512 or 4096, found ${wanted}`);
    }
    if (blockSizeBytes >= least) return blockSizeBytes;
    const found = `the disks have blocks of ${least} bytes, asked for ${blockSizeBytes}`;
    throw new Failure('usage', `block size of ${name} is below that of the disks: ${found}`);
  }

  #refuseUnserved(): void {
    if (this.#closing !== null) throw new Failure('inUse', `array ${this.uuid} is closed`);
    if (this.#served) return;
    const { owner } = this.#store.catalogue;
    const advice = `take it over with "hawser array import ${this.uuid}"`;
    throw new Failure('notAllowed', `array ${this.uuid} belongs to ${owner}: ${advice}`);
  }
}

/** Several changes as one: all of them are made, or none. */
const inOne =
  (changes: readonly CatalogueChange[]): CatalogueChange =>
  (catalogue) =>
    changes.reduce((next, change) => change(next), catalogue);

const spaceOf = ({ layout, chunkBytes, members }: Catalogue): ArraySpace => {
  assert(layout !== 'mirror', 'refused when the array was opened');
  return arraySpace({ layout, chunkBytes, memberBytes: members.map(({ sizeBytes }) => sizeBytes) });
};
