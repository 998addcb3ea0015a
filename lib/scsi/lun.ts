/**
 * The 8-byte logical unit number of SAM-5: single level, peripheral (00b) or flat space (01b)
 * addressing.
 */

/** One past the highest LUN that single-level flat addressing can say. */
export const LUN_END = 16384;
/** Peripheral addressing holds 8 bits. */
const PERIPHERAL_LUN_END = 256;
const FLAT_METHOD = 0x4000;

/**
 * @param high first four bytes, big-endian; @param low last four bytes.
 * @returns LUN 0..16383, or -1 for several levels and other address methods. Peripheral addressing
 * is taken with 14 bits, as hosts do that write a LUN above 255 without an address method.
 */
export function decodeLun(high: number, low: number): number {
  if (low !== 0 || (high & 0xffff) !== 0) return -1;
  const first = high >>> 16;
  return first < 2 * FLAT_METHOD ? first % FLAT_METHOD : -1;
}

/** First four bytes of the 8-byte form that REPORT LUNS tells; the last four are zero. */
export const encodeLun = (lun: number): number =>
  (lun < PERIPHERAL_LUN_END ? lun : FLAT_METHOD | lun) * 0x1_0000;
