/** Sense data as an initiator reads it. Source: SPC-4, fixed and descriptor format sense data. */
import { SenseKey } from '../scsi/index.ts';

export { SenseKey };

export interface SenseData {
  readonly key: number;
  /** Additional sense code and qualifier as one number: 0x2900 is 29h/00h. */
  readonly code: number;
  /** The INFORMATION field, where the target says that it is valid and it fits 2^53. */
  readonly information: number | null;
}

const FIXED = 0x70;
const DESCRIPTOR = 0x72;
const RESPONSE_CODE_MASK = 0x7e;
const VALID = 0x80;
const INFORMATION_DESCRIPTOR = 0x00;

/** @returns null where the bytes are no sense data. */
export function decodeSense(bytes: Buffer, lengthBytes: number): SenseData | null {
  if (lengthBytes < 4) return null;
  // 70h/71h are fixed, 72h/73h descriptor format; the odd ones tell of an earlier command
  const format = bytes[0]! & RESPONSE_CODE_MASK;
  if (format === FIXED) return decodeFixed(bytes, lengthBytes);
  if (format === DESCRIPTOR) return decodeDescriptors(bytes, lengthBytes);
  return null;
}

function decodeFixed(bytes: Buffer, lengthBytes: number): SenseData {
  const valid = (bytes[0]! & VALID) !== 0 && lengthBytes >= 7;
  return {
    key: bytes[2]! & 0x0f,
    code: lengthBytes >= 14 ? bytes.readUInt16BE(12) : 0,
    information: valid ? bytes.readUInt32BE(3) : null,
  };
}

function decodeDescriptors(bytes: Buffer, lengthBytes: number): SenseData {
  let information: number | null = null;
  for (let at = 8; at + 2 <= lengthBytes; at += 2 + bytes[at + 1]!) {
    if (bytes[at] === INFORMATION_DESCRIPTOR && at + 12 <= lengthBytes) {
      if ((bytes[at + 2]! & VALID) !== 0) information = readSafeU64(bytes, at + 4);
    }
  }
  return { key: bytes[1]! & 0x0f, code: bytes.readUInt16BE(2), information };
}

function readSafeU64(bytes: Buffer, at: number): number | null {
  const value = bytes.readBigUInt64BE(at);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : null;
}

const hex = (value: number, digits: number): string =>
  value.toString(16).toUpperCase().padStart(digits, '0');

/** `key 5h, 24h/00h`, for logs and details. */
export function describeSense({ key, code }: SenseData): string {
  return `sense key ${hex(key, 1)}h, ${hex(code >> 8, 2)}h/${hex(code & 0xff, 2)}h`;
}
