/**
 * Sizes and durations as people write them: always with a unit, so that nobody has to guess what a
 * bare number means.
 */
import { GIB, KIB, MIB, TIB } from '../lib/base/index.ts';

const sizeUnits: readonly (readonly [string, number])[] = [
  ['TiB', TIB],
  ['GiB', GIB],
  ['MiB', MIB],
  ['KiB', KIB],
  ['B', 1],
];
const durationUnits: readonly (readonly [string, number])[] = [
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
];

export const SIZE_EXPECTED = 'a size with its unit (B, KiB, MiB, GiB or TiB), like 10GiB';
export const DURATION_EXPECTED = 'a duration with its unit (ms, s or m), like 15s';

/**
 * @returns bytes, or undefined where the text is no size with a unit, or not a whole number of
 * bytes below 2^53.
 */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, sizeUnits);
}

/** @returns milliseconds, or undefined where the text is no duration with a unit. */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(text, durationUnits);
}

function parseQuantity(
  text: string,
  units: readonly (readonly [string, number])[],
): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text.trim());
  const scale = units.find(([name]) => name === match?.[2])?.[1];
  if (match === null || scale === undefined) return undefined;
  const value = Number(match[1]) * scale;
  return Number.isSafeInteger(value) ? value : undefined;
}

/**
 * Exact where it is short, so that what is printed can be typed back: 1GiB, 1536MiB, 1073741823B.
 */
export function formatSize(bytes: number): string {
  const [name, scale] =
    sizeUnits.find(([, unit]) => bytes >= unit && bytes % unit === 0) ?? sizeUnits.at(-1)!;
  return `${bytes / scale}${name}`;
}

/** For tables: at most one decimal, 1.5GiB. */
export function roundedSize(bytes: number): string {
  const [name, scale] = sizeUnits.find(([, unit]) => bytes >= unit) ?? sizeUnits.at(-1)!;
  return `${Math.round((bytes / scale) * 10) / 10}${name}`;
}
