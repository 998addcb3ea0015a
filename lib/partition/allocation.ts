/**
 * Finds free units of the array for partitions. Free is whatever no extent covers: nothing to keep
 * in step.
 */
import { EXTENTS_PER_PARTITION_MAX } from './limits.ts';
import type { Extent, PartitionRecord } from './catalogue.ts';

export interface FreeRange {
  readonly startUnit: number;
  readonly unitCount: number;
}

/** Free ranges in ascending order. */
export function freeRanges(
  partitions: readonly PartitionRecord[],
  totalUnits: number,
): FreeRange[] {
  const extents = partitions.flatMap((partition) => partition.extents);
  extents.sort((left, right) => left.startUnit - right.startUnit);
  const free: FreeRange[] = [];
  let position = 0;
  for (const { startUnit, unitCount } of extents) {
    if (startUnit > position) free.push({ startUnit: position, unitCount: startUnit - position });
    position = startUnit + unitCount;
  }
  if (totalUnits > position) free.push({ startUnit: position, unitCount: totalUnits - position });
  return free;
}

export const unitsOf = (ranges: readonly FreeRange[]): number =>
  ranges.reduce((sum, { unitCount }) => sum + unitCount, 0);

/**
 * Units to add to a partition: right behind its last extent if they are free there, else the first
 * range that holds them in one piece, else the largest ranges, so that extents stay few.
 * @returns undefined where there is no room, or it would take too many extents.
 */
export function allocate(
  free: readonly FreeRange[],
  unitCount: number,
  behind?: Extent,
): Extent[] | undefined {
  const endUnit = behind === undefined ? -1 : behind.startUnit + behind.unitCount;
  const next = free.find(({ startUnit }) => startUnit === endUnit);
  if (next !== undefined && next.unitCount >= unitCount) return [zeroing(endUnit, unitCount)];
  const first = free.find((range) => range.unitCount >= unitCount);
  if (first !== undefined) return [zeroing(first.startUnit, unitCount)];
  return fromLargest(free, unitCount);
}

function fromLargest(free: readonly FreeRange[], unitCount: number): Extent[] | undefined {
  const extents: Extent[] = [];
  let missing = unitCount;
  const largestFirst = [...free].sort((left, right) => right.unitCount - left.unitCount);
  for (const range of largestFirst) {
    if (missing === 0) break;
    const taken = Math.min(missing, range.unitCount);
    extents.push(zeroing(range.startUnit, taken));
    missing -= taken;
  }
  return missing === 0 && extents.length <= EXTENTS_PER_PARTITION_MAX ? extents : undefined;
}

const zeroing = (startUnit: number, unitCount: number): Extent => ({
  startUnit,
  unitCount,
  state: 'zeroing',
});

/** All ready, neighbours joined. Order is the order of the partition's bytes. */
export function settled(extents: readonly Extent[]): Extent[] {
  const joined: Extent[] = [];
  for (const { startUnit, unitCount } of extents) {
    const last = joined.at(-1);
    if (last !== undefined && last.startUnit + last.unitCount === startUnit) {
      joined[joined.length - 1] = { ...last, unitCount: last.unitCount + unitCount };
    } else {
      joined.push({ startUnit, unitCount, state: 'ready' });
    }
  }
  return joined;
}
