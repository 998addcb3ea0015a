/**
 * 32-bit serial arithmetic (RFC 1982) for CmdSN, StatSN, DataSN and their like, which wrap and are
 * never compared with `<`. A serial number is an unsigned 32-bit integer.
 */

/**
 * Does `left` come before `right`? Undefined by the standard, and false here in one direction only,
 * 2^31 apart.
 */
export const serialBefore = (left: number, right: number): boolean => ((left - right) | 0) < 0;

/** `serial` advanced by `count`, which may be negative. */
export const serialAdd = (serial: number, count: number): number => (serial + count) >>> 0;

/** Steps from `from` to `to`, negative where `to` comes first: −2^31 … 2^31−1. */
export const serialDistance = (from: number, to: number): number => (to - from) | 0;
