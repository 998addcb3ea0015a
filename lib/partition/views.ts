/**
 * Array and partitions as plain objects: what API, CLI and console show. Fields are only ever
 * added.
 */
import { freeRanges, unitsOf } from './allocation.ts';
import type { Assignment, Catalogue, Layout, PartitionRecord, Sharing } from './catalogue.ts';
import type { CatalogueStore } from './catalogue-store.ts';
import { EXTENT_UNIT_BYTES } from './limits.ts';
import type { Member } from './member.ts';
import { isSettled } from './partition-changes.ts';
import type { ZeroingProgress } from './zeroing.ts';

export interface PartitionView {
  readonly uuid: string;
  readonly name: string;
  /** What hosts see; 0 while a new partition is being zeroed. */
  readonly sizeBytes: number;
  /** `sizeBytes` once zeroing is over. */
  readonly targetBytes: number;
  readonly allocatedBytes: number;
  readonly blockSizeBytes: 512 | 4096;
  readonly lun: number;
  readonly shared: Sharing;
  readonly state: 'ready' | 'zeroing';
  /** How far zeroing is; null when none is under way. */
  readonly zeroing: { readonly doneBytes: number; readonly totalBytes: number } | null;
  /** Why new space could not be zeroed; null where nothing is wrong. */
  readonly failure: string | null;
  readonly hosts: readonly Assignment[];
  /** Holds persistent reservations that survive power loss. */
  readonly reservations: boolean;
  readonly extentCount: number;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
}

/**
 * `foreign`: belongs to another server, waits for import. `failed`: a disk failed, no changes until
 * it is opened again.
 */
export type ArrayState = 'online' | 'foreign' | 'failed' | 'closed';

export interface MemberView {
  readonly uuid: string;
  readonly path: string;
  readonly state: 'ok' | 'failed';
  /** Why it failed; null when it did not. */
  readonly failure: string | null;
  readonly sizeBytes: number;
  readonly ioErrors: number;
  /**
   * Generation it had when the array was opened, where that was behind; its data may be old if the
   * gap is large.
   */
  readonly foundBehind: number | null;
}

export interface ArrayView {
  readonly uuid: string;
  readonly layout: Layout;
  readonly chunkBytes: number;
  readonly state: ArrayState;
  readonly failure: string | null;
  readonly owner: string;
  readonly generation: number;
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly largestFreeBytes: number;
  readonly volatile: boolean;
  /** The smallest block size that a partition here can have. */
  readonly blockSizeBytes: number;
  readonly partitionCount: number;
  readonly createdMs: number;
  readonly members: readonly MemberView[];
}

/** How far a partition's space is. */
export interface Preparation {
  readonly progress: ZeroingProgress | undefined;
  readonly failure: string | null;
}

export function partitionView(
  record: PartitionRecord,
  { progress, failure }: Preparation,
): PartitionView {
  const units = record.extents.reduce((sum, { unitCount }) => sum + unitCount, 0);
  return {
    uuid: record.uuid,
    name: record.name,
    sizeBytes: record.sizeBytes,
    targetBytes: record.targetBytes,
    allocatedBytes: units * EXTENT_UNIT_BYTES,
    blockSizeBytes: record.blockSizeBytes,
    lun: record.lun,
    shared: record.sharing,
    state: isSettled(record) ? 'ready' : 'zeroing',
    zeroing: progress === undefined ? null : { ...progress },
    failure,
    hosts: record.assignments,
    reservations: record.reservations !== null,
    extentCount: record.extents.length,
    createdMs: record.createdMs,
  };
}

export interface ArrayFacts {
  readonly store: CatalogueStore;
  readonly state: ArrayState;
  readonly totalBytes: number;
  readonly blockSizeBytes: number;
}

export function arrayView({ store, state, totalBytes, blockSizeBytes }: ArrayFacts): ArrayView {
  const { catalogue, members, generation, failure } = store;
  const { arrayUuid: uuid, layout, chunkBytes, owner, createdMs, partitions } = catalogue;
  const free = freeRanges(partitions, totalBytes / EXTENT_UNIT_BYTES);
  const largest = Math.max(0, ...free.map(({ unitCount }) => unitCount));
  return {
    ...{ uuid, layout, chunkBytes, state, failure, owner, generation, totalBytes },
    freeBytes: unitsOf(free) * EXTENT_UNIT_BYTES,
    largestFreeBytes: largest * EXTENT_UNIT_BYTES,
    volatile: members.some(({ device }) => device.features.volatile),
    blockSizeBytes,
    partitionCount: partitions.length,
    createdMs,
    members: members.map(memberView),
  };
}

const memberView = (member: Member): MemberView => ({
  uuid: member.uuid,
  path: member.path,
  state: member.failure === null ? 'ok' : 'failed',
  failure: member.failure,
  sizeBytes: member.sizeBytes,
  ioErrors: member.ioErrors,
  foundBehind: member.foundBehind,
});

/** Partitions and assignments as a configuration file has them. */
export interface PartitionSettings {
  readonly sizeBytes: number;
  readonly lun: number;
  readonly blockSizeBytes: 512 | 4096;
  readonly shared: Sharing;
  readonly hosts: Readonly<Record<string, 'rw' | 'ro'>>;
}

export const exportedPartitions = ({ partitions }: Catalogue): Record<string, PartitionSettings> =>
  Object.fromEntries(
    partitions.map(({ name, targetBytes, lun, blockSizeBytes, sharing, assignments }) => [
      name,
      {
        ...{ sizeBytes: targetBytes, lun, blockSizeBytes, shared: sharing },
        hosts: Object.fromEntries(assignments.map(({ host, rights }) => [host, rights])),
      },
    ]),
  );
