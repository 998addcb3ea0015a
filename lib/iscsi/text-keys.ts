/**
 * The text of login and text PDUs: key=value pairs, each ended by a zero byte, and the constants
 * that values are made of.
 * @source RFC 7143 §6.1, §6.2
 */
import { fail, ok } from '../base/index.ts';
import type { Result } from '../base/index.ts';
import { KEY_NAME_BYTES_MAX, NEGOTIATION_PAIRS_MAX } from './limits.ts';

export interface TextPair {
  readonly key: string;
  readonly value: string;
}

/** Answers that say why there is no value. */
export const Answer = {
  notUnderstood: 'NotUnderstood',
  reject: 'Reject',
  irrelevant: 'Irrelevant',
  none: 'None',
  yes: 'Yes',
  no: 'No',
} as const;

/**
 * A standard label; one key of the standard itself, iSCSIProtocolLevel, begins with a small letter.
 */
const KEY_PATTERN = new RegExp(`^[A-Za-z][A-Za-z0-9.+@_#-]{0,${KEY_NAME_BYTES_MAX - 1}}$`);

/** One pair, or what is wrong with it. */
function parsePair(text: string): TextPair | string {
  const equals = text.indexOf('=');
  if (equals < 0) return 'a pair has no "="';
  const key = text.slice(0, equals);
  if (!KEY_PATTERN.test(key)) return 'a key is not a standard label';
  return { key, value: text.slice(equals + 1) };
}

/**
 * Splits the whole text of a negotiation step, all its PDUs joined. Empty pairs, with which some
 * initiators fill up their segments, are passed over.
 * @returns the pairs in the order sent, repeated keys included, or what is wrong.
 */
export function parseTextKeys(text: Buffer): Result<TextPair[], string> {
  if (text.length > 0 && text[text.length - 1] !== 0) return fail('the last pair has no end');
  let decoded: string;
  try {
    decoded = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text);
  } catch {
    return fail('the text is not UTF-8');
  }
  const pairs: TextPair[] = [];
  for (const part of decoded.split('\0')) {
    if (part === '') continue;
    const pair = parsePair(part);
    if (typeof pair === 'string') return fail(pair);
    if (pairs.length === NEGOTIATION_PAIRS_MAX) return fail('too many pairs');
    pairs.push(pair);
  }
  return ok(pairs);
}

/**
 * The inverse of `parseTextKeys`. Keys and values are ours or were parsed: they hold no zero byte.
 */
export function encodeTextKeys(pairs: readonly TextPair[]): Buffer {
  return Buffer.from(pairs.map(({ key, value }) => `${key}=${value}\0`).join(''), 'utf8');
}

/** @returns the first key that `pairs` holds twice. */
export function repeatedKey(pairs: readonly TextPair[]): string | undefined {
  const seen = new Set<string>();
  for (const { key } of pairs) {
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return undefined;
}

const DECIMAL = /^(0|[1-9][0-9]*)$/;
const HEX = /^0[xX][0-9a-fA-F]+$/;

/** A decimal or hex constant. @returns undefined where it is neither, or above 2^53 − 1. */
export function parseNumber(text: string): number | undefined {
  if (!DECIMAL.test(text) && !HEX.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Both ends of a numerical range `low~high`. @returns undefined where it is none. */
export function parseRange(text: string): { low: number; high: number } | undefined {
  const ends = text.split('~').map(parseNumber);
  const [low, high] = ends;
  if (ends.length !== 2 || low === undefined || high === undefined || low > high) return undefined;
  return { low, high };
}

/** @returns undefined unless the text is exactly Yes or No. */
export function parseBoolean(text: string): boolean | undefined {
  if (text === Answer.yes) return true;
  return text === Answer.no ? false : undefined;
}

export const formatBoolean = (value: boolean): string => (value ? Answer.yes : Answer.no);

/** The elements of a list of values, whole tokens. */
export const parseList = (text: string): string[] => text.split(',');
