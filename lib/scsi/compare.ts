/** @returns index of the first byte in which two ranges of equal length differ; -1: none. */
export function firstDifference(one: Buffer, other: Buffer): number {
  if (one.equals(other)) return -1;
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return index;
  return -1;
}

/** Every byte is 0. */
export const isZero = (bytes: Buffer): boolean =>
  bytes.length === 0 ||
  (bytes[0] === 0 && bytes.subarray(1).equals(bytes.subarray(0, bytes.length - 1)));
