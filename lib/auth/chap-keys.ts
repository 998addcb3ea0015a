/** What both ends of a CHAP exchange share: reading its keys, and comparing responses. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { AuthPair, AuthStep } from './auth-method.ts';
import { parseBinary, parseByte } from './binary-value.ts';

/** @source RFC 7143 §12.1.3 */
export const CHALLENGE_BYTES_MAX = 1024;
const RESPONSE_BYTES_MAX = 64;

export const authFailed = (reason: string): AuthStep => ({ kind: 'failed', reason });

/** The keys of one step by name. @returns undefined where one is repeated or isn't in `allowed`. */
export function readKeys(
  pairs: readonly AuthPair[],
  allowed: readonly string[],
): ReadonlyMap<string, string> | undefined {
  const keys = new Map<string, string>();
  for (const { key, value } of pairs) {
    if (keys.has(key) || !allowed.includes(key)) return undefined;
    keys.set(key, value);
  }
  return keys;
}

export interface PeerChallenge {
  readonly identifier: number;
  readonly challenge: Buffer;
}

/** CHAP_I and CHAP_C. @returns undefined where one is missing or malformed. */
export function readChallenge(keys: ReadonlyMap<string, string>): PeerChallenge | undefined {
  const identifier = parseByte(keys.get('CHAP_I') ?? '');
  const challenge = parseBinary(keys.get('CHAP_C') ?? '', CHALLENGE_BYTES_MAX);
  if (identifier === undefined || challenge === undefined) return undefined;
  return { identifier, challenge };
}

export const readResponse = (keys: ReadonlyMap<string, string>): Buffer | undefined =>
  parseBinary(keys.get('CHAP_R') ?? '', RESPONSE_BYTES_MAX);

/** Compares in a time that depends on neither content nor length. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
  return timingSafeEqual(digest(left), digest(right));
}

export const sameText = (left: string, right: string): boolean =>
  sameBytes(Buffer.from(left, 'utf8'), Buffer.from(right, 'utf8'));
