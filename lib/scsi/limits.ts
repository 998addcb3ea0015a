/**
 * What one command may ask of a logical unit, as Block Limits (VPD B0) tells it. All in logical
 * blocks.
 */
import { KIB, MIB } from '../base/index.ts';
import type { BlockDevice } from '../block/index.ts';

const TRANSFER_BYTES_MAX = 4 * MIB;
/** The field has one byte. */
const COMPARE_AND_WRITE_BLOCKS_MAX = 255;
/** What WRITE SAME(10) can say; hosts ask for no more in one command. */
const WRITE_SAME_BLOCKS_MAX = 0xffff;
/** Hosts take a larger count for a mistake. */
const UNMAP_BLOCKS_MAX = 2 ** 20;
/** Longest WRITE ATOMIC. */
const ATOMIC_BLOCKS_MAX = 256;
const OPTIMAL_TRANSFER_BYTES = 256 * KIB;
/**
 * Hosts are told physical blocks of at least this: in such pages today's media and file systems
 * write, and a host that aligns to more than a device needs loses nothing.
 */
const PHYSICAL_BYTES_MIN = 4 * KIB;
/** Block descriptors of one UNMAP. */
export const UNMAP_DESCRIPTORS_MAX = 256;

export interface UnitLimits {
  /** One of READ, WRITE, VERIFY, ORWRITE, PRE-FETCH … */
  readonly transferBlocks: number;
  readonly optimalTransferBlocks: number;
  /** 0: no preference. */
  readonly optimalGranularityBlocks: number;
  readonly compareAndWriteBlocks: number;
  readonly writeSameBlocks: number;
  /** Sum over the descriptors of one UNMAP. */
  readonly unmapBlocks: number;
  readonly unmapGranularityBlocks: number;
  readonly atomicBlocks: number;
  /** Logical blocks of one physical block; a power of two. */
  readonly physicalBlocks: number;
}

export function unitLimits(
  device: BlockDevice,
  blockSizeBytes: number,
  transferBytesMax = TRANSFER_BYTES_MAX,
): UnitLimits {
  const blocks = (bytes: number): number => Math.floor(bytes / blockSizeBytes);
  const { features } = device;
  const transferBlocks = blocks(transferBytesMax);
  return {
    transferBlocks,
    optimalTransferBlocks: Math.min(
      transferBlocks,
      blocks(Math.max(features.optimalTransferBytes, OPTIMAL_TRANSFER_BYTES)),
    ),
    optimalGranularityBlocks: blocks(features.optimalTransferBytes),
    compareAndWriteBlocks: Math.min(COMPARE_AND_WRITE_BLOCKS_MAX, transferBlocks),
    writeSameBlocks: WRITE_SAME_BLOCKS_MAX,
    unmapBlocks: UNMAP_BLOCKS_MAX,
    unmapGranularityBlocks: Math.max(1, blocks(features.unmapGranularityBytes)),
    atomicBlocks: Math.min(ATOMIC_BLOCKS_MAX, transferBlocks),
    physicalBlocks: blocks(Math.max(device.physicalBlockSizeBytes, PHYSICAL_BYTES_MIN)),
  };
}
