/**
 * Numbers have kinds. Byte offsets end below 2^53 (8 PiB), so they are plain checked numbers;
 * opaque 64-bit ids are bigint. Only this file casts.
 */
import { assert } from './assert.ts';

declare const kind: unique symbol;
type Branded<K extends string> = number & { readonly [kind]: K };

/** Logical block address: the index of a block on a logical unit. */
export type Lba = Branded<'Lba'>;
/** A count of logical blocks. */
export type BlockCount = Branded<'BlockCount'>;
/** A length in bytes. */
export type Bytes = Branded<'Bytes'>;
/** Milliseconds, as a duration or on the scale of a Clock. */
export type Millis = Branded<'Millis'>;

const checked = (value: number): number => {
  assert(Number.isSafeInteger(value) && value >= 0, `not a safe non-negative integer: ${value}`);
  return value;
};
export const lba = (value: number): Lba => checked(value) as Lba;
export const blockCount = (value: number): BlockCount => checked(value) as BlockCount;
export const bytes = (value: number): Bytes => checked(value) as Bytes;
export const millis = (value: number): Millis => checked(value) as Millis;

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const TIB = 1024 * GIB;

/** Smallest multiple of `unit` that is not below `value`. */
export const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;
/** Largest multiple of `unit` that is not above `value`. */
export const roundDown = (value: number, unit: number): number => Math.floor(value / unit) * unit;
export const isPowerOfTwo = (value: number): boolean =>
  Number.isSafeInteger(value) && value > 0 && 2 ** Math.round(Math.log2(value)) === value;
