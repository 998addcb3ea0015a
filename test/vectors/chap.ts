/** CHAP responses computed with another implementation of the hashes (Python's hashlib). */
import { ChapAlgorithm } from '../../lib/auth/index.ts';

export const chapVector = {
  identifier: 0x27,
  secret: 'correct horse battery',
  challenge: Buffer.from('101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f', 'hex'),
} as const;

// prettier-ignore
export const chapResponses: readonly { readonly name: string; readonly algorithm: ChapAlgorithm; readonly hex: string }[] = [
  { name: 'MD5', algorithm: ChapAlgorithm.md5, hex: '1ea37fb5aa919459b380a01e551110a0' },
  { name: 'SHA1', algorithm: ChapAlgorithm.sha1, hex: 'f78856e51ee8d74fdb9fbf33fea7cb1018302aae' },
  { name: 'SHA-256', algorithm: ChapAlgorithm.sha256, hex: '6d8ff70dd482540673094695e0fd90a29ff0a7ac7fc832582abc92505788b071' },
  { name: 'SHA3-256', algorithm: ChapAlgorithm.sha3_256, hex: 'bc89c43ebb5bbeeb9f5760b1a35d526d17fe502b5d12e6eec5b341f746435984' },
];
