/**
 * Memory that devices transfer into and out of. A page-aligned slab known to the native engine
 * needs no copy; any other bytes can be wrapped and cost one.
 */
export interface TransferMemory {
  readonly bytes: Buffer;
  /** Number by which the native engine knows the slab; -1: not registered. */
  readonly nativeId: number;
}

/** Wraps ordinary bytes, for tests, tools and the promise face. */
export const wrapMemory = (bytes: Uint8Array): TransferMemory => ({
  bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  nativeId: -1,
});
