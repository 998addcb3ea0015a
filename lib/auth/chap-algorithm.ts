/** The hashes of CHAP. @source RFC 7143 §12.1.3 and IANA's PPP CHAP algorithm numbers */
import { createHash } from 'node:crypto';

export const ChapAlgorithm = { md5: 5, sha1: 6, sha256: 7, sha3_256: 8 } as const;
export type ChapAlgorithm = (typeof ChapAlgorithm)[keyof typeof ChapAlgorithm];

interface AlgorithmRow {
  readonly algorithm: ChapAlgorithm;
  /** Name in node:crypto. */
  readonly hash: string;
}

/** Strongest first. */
const algorithmRows: readonly AlgorithmRow[] = [
  { algorithm: ChapAlgorithm.sha3_256, hash: 'sha3-256' },
  { algorithm: ChapAlgorithm.sha256, hash: 'sha256' },
  { algorithm: ChapAlgorithm.sha1, hash: 'sha1' },
  { algorithm: ChapAlgorithm.md5, hash: 'md5' },
];

/** All that we know, strongest first: the order in which an initiator offers them. */
export const chapAlgorithms: readonly ChapAlgorithm[] = algorithmRows.map((row) => row.algorithm);

/** The response to a challenge: hash of identifier, secret and challenge. @source RFC 1994 §4.1 */
export function chapResponse(
  algorithm: ChapAlgorithm,
  identifier: number,
  secret: string,
  challenge: Uint8Array,
): Buffer {
  const { hash } = algorithmRows.find((row) => row.algorithm === algorithm)!;
  return createHash(hash)
    .update(Uint8Array.of(identifier))
    .update(secret, 'utf8')
    .update(challenge)
    .digest();
}
