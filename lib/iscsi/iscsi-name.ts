/**
 * iSCSI names: what they may look like, and one spelling for each. @source RFC 7143 §4.2.7; RFC
 * 3722, RFC 3980
 */
import { fail, ok } from '../base/index.ts';
import type { Result } from '../base/index.ts';
import { ISCSI_NAME_BYTES_MAX } from './limits.ts';

/** Characters that stringprep maps to nothing (RFC 3454 table B.1). */
const MAPPED_TO_NOTHING =
  /[\u00AD\u034F\u1806\u180B-\u180D\u200B-\u200D\u2060\uFE00-\uFE0F\uFEFF]/gu;

/**
 * Letters, marks and digits of any script and "-", ".", ":". The profile forbids "_", but names
 * with it are in wide use and every initiator and target met so far takes them.
 */
const CHARACTERS = /^[\p{L}\p{M}\p{N}.:_-]+$/u;

const FORMATS: readonly RegExp[] = [
  // date on which the naming authority owned its domain, the domain reversed, and a part of its own
  // choice
  /^iqn\.[0-9]{4}-(0[1-9]|1[0-2])\.[^.:]+(\.[^.:]+)*(:.+)?$/u,
  /^eui\.[0-9a-f]{16}$/u,
  /^naa\.([0-9a-f]{16}|[0-9a-f]{32})$/u,
];

/**
 * The spelling under which a name is compared and kept: case folded, compatibility characters
 * composed.
 */
export function foldIscsiName(name: string): string {
  const mapped = name.replace(MAPPED_TO_NOTHING, '');
  return mapped.normalize('NFKC').toLowerCase().normalize('NFKC');
}

/** @returns the normalized name, or what is wrong with it in words for an operator. */
export function normalizeIscsiName(name: string): Result<string, string> {
  const folded = foldIscsiName(name);
  if (Buffer.byteLength(folded, 'utf8') > ISCSI_NAME_BYTES_MAX) {
    return fail(`is longer than ${ISCSI_NAME_BYTES_MAX} bytes`);
  }
  if (!CHARACTERS.test(folded)) return fail('may hold only letters, digits, "-", "." and ":"');
  if (!FORMATS.some((format) => format.test(folded))) {
    return fail('is none of iqn.YYYY-MM.reversed-domain[:name], eui.<16 hex>, naa.<16 or 32 hex>');
  }
  return ok(folded);
}

export const isIscsiName = (name: string): boolean => normalizeIscsiName(name).ok;
