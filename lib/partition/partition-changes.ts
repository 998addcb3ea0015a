/**
 * Changes to partitions as pure steps from one catalogue to the next. Each refuses what it can't do
 * with the reason.
 */
import { assert, Failure, MIB, roundUp } from '../base/index.ts';
import { allocate, freeRanges, settled, unitsOf } from './allocation.ts';
import type { Catalogue, Extent, PartitionRecord, Sharing } from './catalogue.ts';
import type { CatalogueChange } from './catalogue-store.ts';
import {
  EXTENT_UNIT_BYTES,
  EXTENTS_PER_PARTITION_MAX,
  LUN_MAX,
  PARTITIONS_MAX,
  RESERVATION_BYTES_MAX,
} from './limits.ts';
import { checkName } from './names.ts';

export interface NewPartition {
  readonly uuid: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly blockSizeBytes: 512 | 4096;
  /** undefined: the lowest free one. */
  readonly lun?: number | undefined;
  readonly sharing: Sharing;
  readonly createdMs: number;
}

/** @throws Failure `notFound` */
export function recordOf(catalogue: Catalogue, name: string): PartitionRecord {
  const record = catalogue.partitions.find((partition) => partition.name === name);
  if (record !== undefined) return record;
  throw new Failure('notFound', `partition ${JSON.stringify(name)} does not exist`);
}

/** A catalogue with one partition replaced; the same catalogue where the partition is the same. */
export function withPartition(catalogue: Catalogue, next: PartitionRecord): Catalogue {
  const partitions = catalogue.partitions.map((partition) =>
    partition.uuid === next.uuid ? next : partition,
  );
  const same = partitions.every((partition, index) => partition === catalogue.partitions[index]);
  return same ? catalogue : { ...catalogue, partitions };
}

/** Applies to the partition of this identity, whatever its name is by then. */
export const changePartition =
  (uuid: string, change: (record: PartitionRecord, catalogue: Catalogue) => PartitionRecord) =>
  (catalogue: Catalogue): Catalogue => {
    const record = catalogue.partitions.find((partition) => partition.uuid === uuid);
    if (record === undefined) throw new Failure('notFound', 'the partition was deleted meanwhile');
    return withPartition(catalogue, change(record, catalogue));
  };

/** @throws Failure `usage` */
export function checkSize(name: string, sizeBytes: number, blockSizeBytes: number): void {
  if (Number.isSafeInteger(sizeBytes) && sizeBytes >= MIB && sizeBytes % blockSizeBytes === 0) {
    return;
  }
  const rule = `expected at least 1 MiB in whole blocks of ${blockSizeBytes} bytes`;
  throw new Failure('usage', `size of partition ${name}: ${rule}, found ${sizeBytes} bytes`);
}

/** Space is taken and marked as not yet zeroed; nothing of it is served. */
export function addPartition(wanted: NewPartition, totalUnits: number): CatalogueChange {
  checkName('partition', wanted.name);
  checkSize(wanted.name, wanted.sizeBytes, wanted.blockSizeBytes);
  return (catalogue) => {
    refuseTaken(catalogue, wanted.name);
    if (catalogue.partitions.length >= PARTITIONS_MAX) {
      throw new Failure('conflict', `the array holds ${PARTITIONS_MAX} partitions, no more fit`);
    }
    const { uuid, name, blockSizeBytes, sharing, createdMs } = wanted;
    const record: PartitionRecord = {
      ...{ uuid, name, blockSizeBytes, sharing, createdMs },
      lun: freeLun(catalogue, wanted.lun),
      sizeBytes: 0,
      targetBytes: wanted.sizeBytes,
      extents: takeSpace(catalogue, { name, unitCount: unitsFor(wanted.sizeBytes), totalUnits }),
      assignments: [],
      reservations: null,
    };
    return { ...catalogue, partitions: [...catalogue.partitions, record] };
  };
}

const unitsFor = (sizeBytes: number): number =>
  roundUp(sizeBytes, EXTENT_UNIT_BYTES) / EXTENT_UNIT_BYTES;

function refuseTaken({ partitions }: Catalogue, name: string): void {
  if (partitions.every((partition) => partition.name !== name)) return;
  throw new Failure('conflict', `partition ${name} exists already`);
}

function freeLun({ partitions }: Catalogue, wanted: number | undefined): number {
  const taken = new Map(partitions.map(({ lun, name }) => [lun, name]));
  if (wanted === undefined) {
    let lun = 0;
    while (taken.has(lun)) lun++;
    return lun;
  }
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > LUN_MAX) {
    throw new Failure('usage', `LUN ${wanted}: expected a whole number from 0 to ${LUN_MAX}`);
  }
  const owner = taken.get(wanted);
  if (owner === undefined) return wanted;
  throw new Failure('conflict', `LUN ${wanted} is taken by partition ${owner}`);
}

interface SpaceWish {
  readonly name: string;
  readonly unitCount: number;
  readonly totalUnits: number;
  /** Last extent of a partition that grows. */
  readonly behind?: Extent | undefined;
}

function takeSpace({ partitions }: Catalogue, wish: SpaceWish): Extent[] {
  const { name, unitCount, totalUnits, behind } = wish;
  const free = freeRanges(partitions, totalUnits);
  const extents = allocate(free, unitCount, behind);
  if (extents !== undefined) return extents;
  const found = `${unitsOf(free)} MiB are free`;
  throw new Failure('conflict', `partition ${name} needs ${unitCount} MiB more, ${found}`);
}

/**
 * Takes what is missing for a larger size. Sizes that the last unit still holds need no new space.
 */
export const growPartition =
  (name: string, sizeBytes: number, totalUnits: number): CatalogueChange =>
  (catalogue) => {
    const record = recordOf(catalogue, name);
    checkSize(name, sizeBytes, record.blockSizeBytes);
    refuseUnsettled(record);
    if (sizeBytes === record.sizeBytes) return catalogue;
    if (sizeBytes < record.sizeBytes) {
      const found = `${record.sizeBytes} bytes, asked for ${sizeBytes}`;
      throw new Failure('usage', `partition ${name} can't shrink: it has ${found}`);
    }
    const have = record.extents.reduce((sum, { unitCount }) => sum + unitCount, 0);
    const missing = unitsFor(sizeBytes) - have;
    if (missing <= 0)
      return withPartition(catalogue, { ...record, sizeBytes, targetBytes: sizeBytes });
    const behind = record.extents.at(-1);
    const more = takeSpace(catalogue, { name, unitCount: missing, totalUnits, behind });
    const extents = [...record.extents, ...more];
    if (extents.length > EXTENTS_PER_PARTITION_MAX) {
      throw new Failure(
        'conflict',
        `partition ${name} would be in more than ${EXTENTS_PER_PARTITION_MAX} pieces`,
      );
    }
    return withPartition(catalogue, { ...record, targetBytes: sizeBytes, extents });
  };

export const isSettled = (record: PartitionRecord): boolean =>
  record.extents.every(({ state }) => state === 'ready');

function refuseUnsettled(record: PartitionRecord): void {
  if (isSettled(record)) return;
  throw new Failure('inUse', `new space of partition ${record.name} is still being zeroed`);
}

/** All space is zeroed durably: the size that was asked for is served from now on. */
export const settlePartition = (uuid: string): CatalogueChange =>
  changePartition(uuid, (record) => ({
    ...record,
    sizeBytes: record.targetBytes,
    extents: settled(record.extents),
  }));

/** Gives back space that could not be zeroed; a partition that has no other goes with it. */
export const abandonSpace =
  (uuid: string): CatalogueChange =>
  (catalogue) => {
    const record = catalogue.partitions.find((partition) => partition.uuid === uuid);
    assert(record !== undefined);
    const extents = record.extents.filter(({ state }) => state === 'ready');
    if (extents.length === 0) return removePartition(uuid)(catalogue);
    return withPartition(catalogue, { ...record, targetBytes: record.sizeBytes, extents });
  };

export const removePartition =
  (uuid: string): CatalogueChange =>
  (catalogue) => ({
    ...catalogue,
    partitions: catalogue.partitions.filter((partition) => partition.uuid !== uuid),
  });

export function renamePartition(name: string, newName: string): CatalogueChange {
  checkName('partition', newName);
  return (catalogue) => {
    const record = recordOf(catalogue, name);
    if (newName === name) return catalogue;
    refuseTaken(catalogue, newName);
    return withPartition(catalogue, { ...record, name: newName });
  };
}

/** Keeps the bytes unread. @throws Failure `usage` where they exceed their limit. */
export function keepReservations(uuid: string, bytes: Uint8Array): CatalogueChange {
  if (bytes.length > RESERVATION_BYTES_MAX) {
    const found = `${bytes.length} bytes, at most ${RESERVATION_BYTES_MAX} are kept`;
    throw new Failure('conflict', `too many persistent reservations: ${found}`);
  }
  const reservations = bytes.length === 0 ? null : Buffer.from(bytes).toString('base64');
  return changePartition(uuid, (record) =>
    record.reservations === reservations ? record : { ...record, reservations },
  );
}
