/** Which block is next: at random or in order, each from a seed so that a run can be repeated. */
import type { SeededRandom } from '../../lib/base/index.ts';

export interface AddressRange {
  readonly firstLba: number;
  /** Transfers that the range holds. */
  readonly transfers: number;
  readonly blocksPerTransfer: number;
}

/** @returns a function that gives the first block of the next transfer. */
export function addressPattern(range: AddressRange, random: SeededRandom | null): () => number {
  const { firstLba, transfers, blocksPerTransfer } = range;
  if (random !== null) return () => firstLba + random.below(transfers) * blocksPerTransfer;
  let next = 0;
  return () => {
    const lba = firstLba + next * blocksPerTransfer;
    next = (next + 1) % transfers;
    return lba;
  };
}
