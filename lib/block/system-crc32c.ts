import { crc32c } from '../wire/index.ts';
import type { Crc32c } from '../wire/index.ts';
import { nativeBindingIfBuilt } from './native-binding.ts';

/**
 * Below this the call into the addon costs more than it saves (measured: 48 bytes 41 ns here, 66 ns
 * there).
 */
const NATIVE_BYTES_MIN = 128;

/**
 * CRC32C by the fastest means there is: the processor's for data segments, the table for headers.
 */
export function systemCrc32c(): Crc32c {
  const native = nativeBindingIfBuilt();
  if (native === undefined) return crc32c;
  return (bytes, start, end, seed = 0) =>
    end - start < NATIVE_BYTES_MIN
      ? crc32c(bytes, start, end, seed)
      : native.crc32c(bytes, start, end, seed);
}
