/**
 * Kinds of field that a layout is declared from. All integers are big-endian. A field knows which
 * bits it claims, so that `layout` can refuse overlaps, and where it starts, so that hot-path code
 * reads in place.
 */
import { assert } from '../base/index.ts';

export interface Field<T> {
  /** Offset of the first byte from the start of the structure. */
  readonly at: number;
  readonly sizeBytes: number;
  /** Claimed bits of each of the field's bytes. */
  readonly mask: number;
  /** What `encode` writes where the value doesn't name the field. */
  readonly initial: T;
  read(from: Buffer, start: number): T;
  write(into: Buffer, start: number, value: T): void;
}

const WHOLE_BYTE = 0xff;

function numberField(at: number, sizeBytes: number, initial: number): Field<number> {
  return {
    at,
    sizeBytes,
    mask: WHOLE_BYTE,
    initial,
    read: (from, start) => from.readUIntBE(start + at, sizeBytes),
    write(into, start, value) {
      assert(Number.isInteger(value) && value >= 0 && value < 2 ** (8 * sizeBytes), 'field range');
      into.writeUIntBE(value, start + at, sizeBytes);
    },
  };
}

export const u8 = (at: number, initial = 0): Field<number> => numberField(at, 1, initial);
export const u16 = (at: number, initial = 0): Field<number> => numberField(at, 2, initial);
export const u24 = (at: number, initial = 0): Field<number> => numberField(at, 3, initial);
export const u32 = (at: number, initial = 0): Field<number> => numberField(at, 4, initial);

/** An opaque 64-bit value. */
export const u64 = (at: number, initial = 0n): Field<bigint> => ({
  at,
  sizeBytes: 8,
  mask: WHOLE_BYTE,
  initial,
  read: (from, start) => from.readBigUInt64BE(start + at),
  write(into, start, value) {
    into.writeBigUInt64BE(value, start + at);
  },
});

const HIGH_WORD_MAX = 0x1f_ffff;

/** @returns the 64-bit value at `at`, or undefined above 2^53 − 1. */
export function readSafeU64(from: Buffer, at: number): number | undefined {
  const high = from.readUInt32BE(at);
  return high > HIGH_WORD_MAX ? undefined : high * 2 ** 32 + from.readUInt32BE(at + 4);
}

/** A 64-bit value that has to fit 2^53 − 1; reads as undefined where it doesn't. */
export const safeU64 = (at: number, initial = 0): Field<number | undefined> => ({
  at,
  sizeBytes: 8,
  mask: WHOLE_BYTE,
  initial,
  read: (from, start) => readSafeU64(from, start + at),
  write(into, start, value) {
    assert(value !== undefined && Number.isSafeInteger(value) && value >= 0, 'field range');
    into.writeUInt32BE(Math.floor(value / 2 ** 32), start + at);
    into.writeUInt32BE(value % 2 ** 32, start + at + 4);
  },
});

/** A run of raw bytes. `read` returns a copy: the receive buffer is reused. */
export const bytes = (at: number, sizeBytes: number): Field<Buffer> => ({
  at,
  sizeBytes,
  mask: WHOLE_BYTE,
  initial: Buffer.alloc(sizeBytes),
  read: (from, start) => Buffer.from(from.subarray(start + at, start + at + sizeBytes)),
  write(into, start, value) {
    assert(value.length === sizeBytes, 'byte field of another length');
    value.copy(into, start + at);
  },
});

/** One bit of a byte. */
export const flag = (at: number, mask: number, initial = false): Field<boolean> => {
  assert(mask > 0 && mask <= WHOLE_BYTE && (mask & (mask - 1)) === 0, 'a flag is one bit');
  return {
    at,
    sizeBytes: 1,
    mask,
    initial,
    read: (from, start) => (from[start + at]! & mask) !== 0,
    write(into, start, value) {
      if (value) into[start + at]! |= mask;
      else into[start + at]! &= WHOLE_BYTE ^ mask;
    },
  };
};

/** Adjacent bits of one byte as a number. */
export const bits = (at: number, mask: number, initial = 0): Field<number> => {
  assert(mask > 0 && mask <= WHOLE_BYTE, 'bits of one byte');
  const shift = 31 - Math.clz32(mask & -mask);
  const max = mask >> shift;
  assert((max & (max + 1)) === 0, 'bits must be adjacent');
  return {
    at,
    sizeBytes: 1,
    mask,
    initial,
    read: (from, start) => (from[start + at]! & mask) >> shift,
    write(into, start, value) {
      assert(Number.isInteger(value) && value >= 0 && value <= max, 'field range');
      into[start + at] = (into[start + at]! & (WHOLE_BYTE ^ mask)) | (value << shift);
    },
  };
};
