/**
 * Every limit of arrays and partitions, with its unit. Those marked "format" are on disks and never
 * change for version 1.
 */
import { assert, isPowerOfTwo, KIB, MIB } from '../base/index.ts';

/** Format: unit of allocation, so that extents stay few and chunks divide them. */
export const EXTENT_UNIT_BYTES = 1 * MIB;
/** Format: what a member gives to label and catalogue at its start, and again at its end. */
export const METADATA_BYTES = 2 * MIB;
/** Format: the label lies in one sector, so that no crash can tear it. */
export const LABEL_BYTES = 512;
/** Unit of metadata transfers; a multiple of every logical block size. */
export const METADATA_BLOCK_BYTES = 4 * KIB;
/**
 * Format: room before the first catalogue slot of a region (or behind the last one at the end of
 * the disk).
 */
export const LABEL_AREA_BYTES = 64 * KIB;
/** Format: two of them make a region. */
export const SLOT_BYTES = (METADATA_BYTES - LABEL_AREA_BYTES) / 2;

export const CHUNK_BYTES_DEFAULT = 64 * KIB;
export const CHUNK_BYTES_MIN = 4 * KIB;
export const CHUNK_BYTES_MAX = EXTENT_UNIT_BYTES;

export const MEMBERS_MAX = 64;
export const PARTITIONS_MAX = 1024;
export const EXTENTS_PER_PARTITION_MAX = 1024;
export const HOSTS_PER_PARTITION_MAX = 256;
/** Largest logical unit number of the flat address method. */
export const LUN_MAX = 16_383;
/** APTPL state of one partition. */
export const RESERVATION_BYTES_MAX = 64 * KIB;
export const SERVER_ID_CHARS_MAX = 256;
export const MEMBER_BYTES_MIN = 2 * METADATA_BYTES + EXTENT_UNIT_BYTES;

/**
 * Longest single write-zeroes request while new space is prepared: progress shows, other I/O gets
 * its turn.
 */
export const ZEROING_STEP_BYTES = 64 * MIB;
/** Catalogue changes that may wait for one commit; further ones are refused. */
export const PENDING_CHANGES_MAX = 4096;

assert(METADATA_BYTES % EXTENT_UNIT_BYTES === 0, 'data begins on an extent boundary');
assert(SLOT_BYTES % METADATA_BLOCK_BYTES === 0, 'slots are block-aligned');
assert(LABEL_AREA_BYTES % METADATA_BLOCK_BYTES === 0, 'label area is block-aligned');
assert(isPowerOfTwo(CHUNK_BYTES_MAX) && EXTENT_UNIT_BYTES % CHUNK_BYTES_MAX === 0);
