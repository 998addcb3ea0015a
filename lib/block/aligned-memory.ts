/** Page-aligned memory without the addon: what a WebAssembly memory lies on. */

/**
 * The part of the JavaScript interface that we use; the compiler's own needs its browser library.
 */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => {
    readonly buffer: ArrayBuffer;
  };
};

const WASM_PAGE_BYTES = 65_536;

/** Zeroed. */
export function alignedMemory(bytes: number): Buffer {
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return Buffer.from(memory.buffer, 0, bytes);
}
