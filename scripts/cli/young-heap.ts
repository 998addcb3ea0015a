/**
 * A server's start makes a lot that lives on, and V8 answers by growing the space for new objects
 * to its limit: some 16 MiB that an idle server then keeps for nothing. Held small meanwhile, it
 * grows later only where load asks for it.
 */
import { setFlagsFromString } from 'node:v8';

const V8_DEFAULT_GROWTH = 2;

/** @returns lets it grow again. */
export function holdYoungHeap(): () => void {
  setFlagsFromString('--semi-space-growth-factor=1');
  return () => setFlagsFromString(`--semi-space-growth-factor=${V8_DEFAULT_GROWTH}`);
}
