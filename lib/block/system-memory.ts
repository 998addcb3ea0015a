import { roundUp } from '../base/index.ts';
import { alignedMemory } from './aligned-memory.ts';
import { nativeBindingIfBuilt } from './native-binding.ts';
import type { TransferMemory } from './transfer-memory.ts';

const PAGE_BYTES = 4096;

/**
 * Page-aligned, zeroed memory: a slab that the native engine transfers into without a copy, or,
 * without the addon, memory that is only aligned.
 * @param bytes rounded up to whole pages.
 */
export function systemMemory(bytes: number): TransferMemory {
  const length = roundUp(bytes, PAGE_BYTES);
  const native = nativeBindingIfBuilt();
  if (native !== undefined) {
    const slab = native.allocateSlab(length);
    return { bytes: Buffer.from(slab.buffer), nativeId: slab.id };
  }
  return { bytes: alignedMemory(length), nativeId: -1 };
}
