/**
 * Where label and catalogue copies lie on a member disk: one region at its start, one at its end.
 */
import { assert, roundDown } from '../base/index.ts';
import {
  EXTENT_UNIT_BYTES,
  LABEL_AREA_BYTES,
  METADATA_BLOCK_BYTES,
  METADATA_BYTES,
  SLOT_BYTES,
} from './limits.ts';

export type RegionSide = 'start' | 'end';
export const REGION_SIDES: readonly RegionSide[] = ['start', 'end'];
/** The two alternating copies of a region. */
export type Slot = 0 | 1;
export const SLOTS: readonly Slot[] = [0, 1];

/** What of a disk of this capacity the array uses. */
export const memberBytes = (capacityBytes: number): number =>
  roundDown(capacityBytes, METADATA_BLOCK_BYTES);

export const regionOffset = (side: RegionSide, sizeBytes: number): number =>
  side === 'start' ? 0 : sizeBytes - METADATA_BYTES;

/**
 * The label is the first block of the disk and the last one: found without knowing anything else.
 */
export const labelOffset = (side: RegionSide, sizeBytes: number): number =>
  side === 'start' ? 0 : sizeBytes - METADATA_BLOCK_BYTES;

export function slotOffset(side: RegionSide, slot: Slot, sizeBytes: number): number {
  assert(sizeBytes % METADATA_BLOCK_BYTES === 0);
  const firstSlot = side === 'start' ? LABEL_AREA_BYTES : 0;
  return regionOffset(side, sizeBytes) + firstSlot + slot * SLOT_BYTES;
}

/** First byte of partition data; the same on every member. */
export const DATA_OFFSET_BYTES = METADATA_BYTES;

/** Whole allocation units between the two regions. */
export const dataBytes = (sizeBytes: number): number =>
  roundDown(sizeBytes - 2 * METADATA_BYTES, EXTENT_UNIT_BYTES);
