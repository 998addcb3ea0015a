/**
 * How one key's offer becomes a value: pure functions over a row of the key table. @source RFC 7143
 * §6.2
 */
import type { KeyRow } from './operational-keys.ts';
import type { NegotiatedValue } from './parameters.ts';
import { Answer, formatBoolean, parseBoolean, parseList, parseNumber } from './text-keys.ts';

/** Our side of a key: a number, a boolean, or the list of values that we know. */
export type LocalValue = number | boolean | readonly string[];

/**
 * The answer to an offer; no value: the key keeps what it had. No text: declared keys want no
 * answer.
 */
export interface Resolution {
  readonly answer: string | undefined;
  readonly value: NegotiatedValue | undefined;
}

const REJECTED: Resolution = { answer: Answer.reject, value: undefined };

export const formatValue = (value: NegotiatedValue): string =>
  typeof value === 'boolean' ? formatBoolean(value) : String(value);

const settledAs = (value: NegotiatedValue): Resolution => ({ answer: formatValue(value), value });

function inRange(row: { min: number; max: number }, text: string): number | undefined {
  const value = parseNumber(text);
  return value !== undefined && value >= row.min && value <= row.max ? value : undefined;
}

/** What the result function of a number or boolean key makes of both sides' values. */
export function combine<T extends number | boolean>(row: KeyRow, ours: T, theirs: T): T {
  if (row.kind === 'number') {
    const pick = row.resolve === 'minimum' ? Math.min : Math.max;
    return pick(Number(ours), Number(theirs)) as T;
  }
  if (row.kind === 'boolean' && row.resolve === 'and') return (ours && theirs) as T;
  return (ours || theirs) as T;
}

/**
 * Resolves the peer's offer of a negotiated key. A value that we can't use is answered with Reject.
 */
export function resolveOffer(row: KeyRow, ours: LocalValue, offered: string): Resolution {
  switch (row.kind) {
    case 'number': {
      const theirs = inRange(row, offered);
      return theirs === undefined ? REJECTED : settledAs(combine(row, ours as number, theirs));
    }
    case 'boolean': {
      const theirs = parseBoolean(offered);
      return theirs === undefined ? REJECTED : settledAs(combine(row, ours as boolean, theirs));
    }
    case 'list': {
      const known = ours as readonly string[];
      const chosen = parseList(offered).find((value) => known.includes(value));
      return chosen === undefined ? REJECTED : settledAs(chosen);
    }
    case 'declaredNumber': {
      const theirs = inRange(row, offered);
      return theirs === undefined ? REJECTED : { answer: undefined, value: theirs };
    }
    case 'obsolete':
      return { answer: row.answer, value: undefined };
    case 'declared':
      return REJECTED;
  }
}

const REFUSALS: readonly string[] = [Answer.notUnderstood, Answer.reject, Answer.irrelevant];

/** Did the peer answer that there will be no value? */
export const isRefusal = (answer: string): boolean => REFUSALS.includes(answer);

/**
 * Takes the peer's answer to our offer.
 * @returns the value; undefined where the peer had none, so that the default holds; or what is
 * wrong with the answer.
 */
export function acceptAnswer(
  row: KeyRow,
  ours: LocalValue,
  answer: string,
): { readonly value: NegotiatedValue | undefined } | { readonly fault: string } {
  if (isRefusal(answer)) return { value: undefined };
  const { value } = resolveOffer(row, ours, answer);
  // applying the result function to a legal answer changes nothing
  if (value === undefined || formatValue(value) !== canonical(answer)) {
    return { fault: 'is not what our offer allows' };
  }
  return { value };
}

/** One spelling for a number, whatever constant it came in. */
function canonical(answer: string): string {
  const number = parseNumber(answer);
  return number === undefined ? answer : String(number);
}
