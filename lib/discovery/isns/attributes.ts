/**
 * iSNS attributes: tag, length, value (RFC 4171 §5.1, §6). The ones that a storage server
 * registers.
 */
import { assert } from '../../base/index.ts';

type AttributeType = 'text' | 'u32' | 'address' | 'u64';
interface AttributeRow {
  readonly tag: number;
  readonly type: AttributeType;
}

// prettier-ignore
export const isnsAttributes = {
  delimiter:          { tag: 0,  type: 'text' },
  entityId:           { tag: 1,  type: 'text' },
  entityProtocol:     { tag: 2,  type: 'u32' },
  timestamp:          { tag: 4,  type: 'u64' },
  registrationPeriod: { tag: 6,  type: 'u32' },
  portalAddress:      { tag: 16, type: 'address' },
  portalPort:         { tag: 17, type: 'u32' },
  iscsiName:          { tag: 32, type: 'text' },
  iscsiNodeType:      { tag: 33, type: 'u32' },
  iscsiAlias:         { tag: 34, type: 'text' },
  groupAddress:       { tag: 49, type: 'address' },
  groupPort:          { tag: 50, type: 'u32' },
  groupTag:           { tag: 51, type: 'u32' },
} as const satisfies Record<string, AttributeRow>;
export type IsnsAttributeName = keyof typeof isnsAttributes;

const rowByTag = new Map<number, { name: IsnsAttributeName; type: AttributeType }>(
  Object.entries(isnsAttributes).map(([name, { tag, type }]) => [
    tag,
    { name: name as IsnsAttributeName, type },
  ]),
);

/** A value as the protocol object sees it; an empty text stands for a zero-length attribute. */
export interface IsnsAttribute {
  readonly name: IsnsAttributeName;
  readonly value: string | number;
}

const TAG_AND_LENGTH_BYTES = 8;
const ADDRESS_BYTES = 16;
const V4_PREFIX = Buffer.from('00000000000000000000ffff', 'hex');

const padded = (lengthBytes: number): number => Math.ceil(lengthBytes / 4) * 4;

export const delimiter: IsnsAttribute = { name: 'delimiter', value: '' };

export function encodeAttributes(attributes: readonly IsnsAttribute[]): Buffer {
  return Buffer.concat(attributes.map(encodeAttribute));
}

function encodeAttribute({ name, value }: IsnsAttribute): Buffer {
  const { tag, type } = isnsAttributes[name];
  const bytes = encodeValue(type, value);
  const result = Buffer.alloc(TAG_AND_LENGTH_BYTES + bytes.length);
  result.writeUInt32BE(tag, 0);
  result.writeUInt32BE(bytes.length, 4);
  bytes.copy(result, TAG_AND_LENGTH_BYTES);
  return result;
}

function encodeValue(type: AttributeType, value: string | number): Buffer {
  if (value === '') return Buffer.alloc(0);
  if (type === 'text') return encodeText(String(value));
  if (type === 'address') return encodeAddress(String(value));
  assert(typeof value === 'number');
  const result = Buffer.alloc(type === 'u64' ? 8 : 4);
  result.writeUInt32BE(value, result.length - 4);
  return result;
}

/** UTF-8, ended by a null byte, padded with more of them. */
function encodeText(text: string): Buffer {
  const result = Buffer.alloc(padded(Buffer.byteLength(text) + 1));
  result.write(text);
  return result;
}

/** 16 bytes; an IPv4 address is mapped into IPv6 (RFC 4171 §6.3.1). */
function encodeAddress(address: string): Buffer {
  if (!address.includes(':'))
    return Buffer.concat([V4_PREFIX, Buffer.from(address.split('.').map(Number))]);
  const [head = '', tail] = address.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => parseInt(group, 16));
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  const result = Buffer.alloc(ADDRESS_BYTES);
  [...before, ...zeros, ...after].forEach((group, index) => result.writeUInt16BE(group, 2 * index));
  return result;
}

/**
 * @returns the attributes we know, in order; others are skipped.
 * Undefined where lengths contradict each other.
 */
export function decodeAttributes(bytes: Buffer): IsnsAttribute[] | undefined {
  const found: IsnsAttribute[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < TAG_AND_LENGTH_BYTES) return undefined;
    const row = rowByTag.get(bytes.readUInt32BE(at));
    const lengthBytes = bytes.readUInt32BE(at + 4);
    at += TAG_AND_LENGTH_BYTES;
    if (lengthBytes % 4 !== 0 || lengthBytes > bytes.length - at) return undefined;
    const value = row && decodeValue(row.type, bytes.subarray(at, at + lengthBytes));
    if (row !== undefined && value !== undefined) found.push({ name: row.name, value });
    at += lengthBytes;
  }
  return found;
}

function decodeValue(type: AttributeType, bytes: Buffer): string | number | undefined {
  if (bytes.length === 0) return '';
  if (type === 'text') return bytes.toString('utf8').replace(/\0+$/, '');
  if (type === 'address') return bytes.length === ADDRESS_BYTES ? decodeAddress(bytes) : undefined;
  if (bytes.length !== (type === 'u64' ? 8 : 4)) return undefined;
  return bytes.readUInt32BE(bytes.length - 4);
}

function decodeAddress(bytes: Buffer): string {
  if (bytes.subarray(0, V4_PREFIX.length).equals(V4_PREFIX))
    return [...bytes.subarray(V4_PREFIX.length)].join('.');
  return Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16)).join(
    ':',
  );
}

/** @returns the value of the first attribute of that name. */
export const attributeValue = (
  attributes: readonly IsnsAttribute[],
  name: IsnsAttributeName,
): string | number | undefined => attributes.find((attribute) => attribute.name === name)?.value;
