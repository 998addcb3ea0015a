/** What a device over several others can do and promises. */
import type { BlockDevice, BlockFeatures } from '../block/index.ts';

export function joinedFeatures(
  devices: readonly BlockDevice[],
  optimalTransferBytes: number,
): BlockFeatures {
  const all = devices.map(({ features }) => features);
  const every = (test: (features: BlockFeatures) => boolean): boolean => all.every(test);
  const some = (test: (features: BlockFeatures) => boolean): boolean => all.some(test);
  const largest = Math.max(...all.map((features) => features.optimalTransferBytes));
  return {
    readOnly: some((features) => features.readOnly),
    volatileWriteCache: some((features) => features.volatileWriteCache),
    volatile: some((features) => features.volatile),
    unmap: every((features) => features.unmap),
    unmapReadsZeroes: every((features) => features.unmapReadsZeroes),
    thin: every((features) => features.thin),
    unmapGranularityBytes: Math.max(...all.map((features) => features.unmapGranularityBytes)),
    optimalTransferBytes: optimalTransferBytes || largest,
    maxTransferBytes: Math.min(...all.map((features) => features.maxTransferBytes)),
    rotational: some((features) => features.rotational),
  };
}
