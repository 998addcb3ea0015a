/**
 * A wire or disk structure declared once, as data: codec, value type and offsets for in-place
 * access derive from it.
 */
import { assert } from '../base/index.ts';
import type { Field } from './fields.ts';

// The widest field type: a layout holds fields of any value type.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type AnyField = Field<any>;
export type Fields = Readonly<Record<string, AnyField>>;

export interface Layout<F extends Fields> {
  readonly sizeBytes: number;
  /** `fields.x.at` is the offset of x in bytes. */
  readonly fields: F;
}

/** The decoded form of a layout: one property a field. */
export type ValueOf<L> =
  L extends Layout<infer F> ? { -readonly [K in keyof F]: ReturnType<F[K]['read']> } : never;

/**
 * Declares a structure of `sizeBytes`; a field outside it, or over another's bits, is a bug found
 * at load.
 */
export function layout<const F extends Fields>(sizeBytes: number, fields: F): Layout<F> {
  const claimed = Buffer.alloc(sizeBytes);
  for (const [name, field] of Object.entries(fields)) {
    assert(field.at >= 0, `field ${name} starts before its structure`);
    assert(field.at + field.sizeBytes <= sizeBytes, `field ${name} ends outside its structure`);
    for (let at = field.at; at < field.at + field.sizeBytes; at++) {
      assert((claimed[at]! & field.mask) === 0, `field ${name} overlaps another at byte ${at}`);
      claimed[at]! |= field.mask;
    }
  }
  return { sizeBytes, fields };
}

/**
 * Reads every field; `from` must hold the whole structure at `start`. For tests, login and logs,
 * not for the hot path.
 */
export function decode<F extends Fields>(
  { sizeBytes, fields }: Layout<F>,
  from: Buffer,
  start = 0,
): ValueOf<Layout<F>> {
  assert(from.length - start >= sizeBytes, 'structure is cut short');
  const value: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) value[name] = field.read(from, start);
  return value as ValueOf<Layout<F>>;
}

/**
 * Writes a structure in place: named fields, the others' initial values, 0 in every unclaimed bit.
 */
export function encodeInto<F extends Fields>(
  { sizeBytes, fields }: Layout<F>,
  value: Partial<ValueOf<Layout<F>>>,
  into: Buffer,
  start = 0,
): void {
  assert(into.length - start >= sizeBytes, 'no room for the structure');
  into.fill(0, start, start + sizeBytes);
  const given = value as Readonly<Record<string, unknown>>;
  for (const [name, field] of Object.entries(fields)) {
    const fieldValue = given[name];
    field.write(into, start, fieldValue === undefined ? field.initial : fieldValue);
  }
}

/** Like `encodeInto`, into a new buffer of exactly the structure's size. */
export function encode<F extends Fields>(
  structure: Layout<F>,
  value: Partial<ValueOf<Layout<F>>>,
): Buffer {
  const into = Buffer.alloc(structure.sizeBytes);
  encodeInto(structure, value, into);
  return into;
}

/** Bits of each byte that some field claims; what is left is reserved. */
export function claimedBits({ sizeBytes, fields }: Layout<Fields>): Buffer {
  const claimed = Buffer.alloc(sizeBytes);
  for (const field of Object.values(fields)) {
    for (let at = field.at; at < field.at + field.sizeBytes; at++) claimed[at]! |= field.mask;
  }
  return claimed;
}
