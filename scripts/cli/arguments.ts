/** Arguments as people type them. */
import { Failure } from '../../lib/base/index.ts';
import { parseSize, SIZE_EXPECTED } from '../../config/quantity.ts';

export function sizeArgument(option: string, text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new Failure('usage', `${option} ${text}: expected ${SIZE_EXPECTED}`);
}

export function wholeArgument(option: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new Failure('usage', `${option} ${text}: expected a whole number from ${min} to ${max}`);
}

export function rightsArgument(text: string): 'rw' | 'ro' {
  if (text === 'rw' || text === 'ro') return text;
  throw new Failure('usage', `rights "${text}": expected rw or ro`);
}

/** For an option that may be given several times. */
export const collect = (value: string, before: readonly string[] = []): string[] => [
  ...before,
  value,
];

/** A part of a URL's path. */
export const part = (name: string): string => encodeURIComponent(name);
