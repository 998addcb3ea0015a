/**
 * The value of `X-io.hawser.Partitions`: the partitions assigned to the host of this session, as
 * text.
 *
 *   v1,2,data1/0/1073741824/512/rw,media/1/536870912/512/ro
 *
 * Version, count of all partitions assigned, then one simple-value (RFC 7143 §6.1: at most 255
 * bytes, letters, digits and `.-+@_/[]:`) a partition: name, LUN, size in bytes, block size in
 * bytes, rights. Further fields may follow behind another `/` in a later version of the product and
 * are skipped. In a name whatever isn't a letter, digit or one of `.-_:@` is written as `+` and two
 * hexadecimal digits for each byte of its UTF-8 form.
 *
 * The question's value is `All`, or the LUN from which to list: a value that would grow too long
 * ends early, ascending by LUN, and the host asks for the rest.
 */
import { assert } from '../base/index.ts';

/** Text key that asks for the listing and carries it. */
export const PARTITIONS_KEY = 'X-io.hawser.Partitions';
const VERSION = 'v1';
/** Longest value that is sent or taken. */
export const PARTITIONS_VALUE_BYTES_MAX = 16_384;
/** RFC 7143 §6.1: longest simple-value. */
const ENTRY_BYTES_MAX = 255;
const LUN_MAX = 16_383;
const PLAIN_NAME_BYTE = /[A-Za-z0-9.\-_:@]/;

export type PartitionRights = 'rw' | 'ro';

export interface ListedPartition {
  readonly name: string;
  readonly lun: number;
  readonly sizeBytes: number;
  readonly blockSizeBytes: number;
  readonly rights: PartitionRights;
}

export interface PartitionListing {
  /** Ascending by LUN. */
  readonly partitions: readonly ListedPartition[];
  /** How many are assigned in all. */
  readonly total: number;
}

/**
 * @returns the LUN from which to list, undefined for a question that is neither `All` nor a LUN.
 */
export function partitionsQuestion(value: string): number | undefined {
  if (value === 'All') return 0;
  const lun = decimal(value);
  return lun !== undefined && lun <= LUN_MAX ? lun : undefined;
}

/** @param fromLun where a host that got a cut listing goes on. */
export function formatPartitions(partitions: readonly ListedPartition[], fromLun = 0): string {
  const sorted = [...partitions].sort((left, right) => left.lun - right.lun);
  let value = `${VERSION},${sorted.length}`;
  for (const partition of sorted) {
    if (partition.lun < fromLun) continue;
    const entry = formatEntry(partition);
    if (value.length + 1 + entry.length > PARTITIONS_VALUE_BYTES_MAX) break;
    value += `,${entry}`;
  }
  return value;
}

/**
 * @returns undefined where the value is not of this form. Entries of a form we don't know are an
 * error, not left out.
 */
export function parsePartitions(value: string): PartitionListing | undefined {
  if (value.length > PARTITIONS_VALUE_BYTES_MAX) return undefined;
  const [version, count, ...entries] = value.split(',');
  const total = decimal(count ?? '');
  if (version !== VERSION || total === undefined || entries.length > total) return undefined;
  const partitions: ListedPartition[] = [];
  for (const entry of entries) {
    const partition = parseEntry(entry);
    const previous = partitions.at(-1);
    if (partition === undefined) return undefined;
    if (previous !== undefined && previous.lun >= partition.lun) return undefined;
    partitions.push(partition);
  }
  return { partitions, total };
}

function formatEntry(partition: ListedPartition): string {
  const { name, lun, sizeBytes, blockSizeBytes, rights } = partition;
  const entry = [escapeName(name), lun, sizeBytes, blockSizeBytes, rights].join('/');
  assert(entry.length <= ENTRY_BYTES_MAX, `listing of partition ${name} exceeds a simple-value`);
  return entry;
}

function parseEntry(entry: string): ListedPartition | undefined {
  if (entry.length > ENTRY_BYTES_MAX) return undefined;
  const [escaped = '', lunText = '', sizeText = '', blockText = '', rights] = entry.split('/');
  const name = unescapeName(escaped);
  const lun = decimal(lunText);
  const sizeBytes = decimal(sizeText);
  const blockSizeBytes = decimal(blockText);
  if (name === undefined || lun === undefined || lun > LUN_MAX) return undefined;
  if (sizeBytes === undefined || blockSizeBytes === undefined) return undefined;
  if (rights !== 'rw' && rights !== 'ro') return undefined;
  return { name, lun, sizeBytes, blockSizeBytes, rights };
}

function decimal(text: string): number | undefined {
  if (!/^(0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

const escapeName = (name: string): string =>
  [...Buffer.from(name, 'utf8')].map((byte) => escapeByte(byte)).join('');

function escapeByte(byte: number): string {
  const character = String.fromCharCode(byte);
  return PLAIN_NAME_BYTE.test(character) ? character : `+${byte.toString(16).padStart(2, '0')}`;
}

function unescapeName(escaped: string): string | undefined {
  if (!/^(?:[A-Za-z0-9.\-_:@]|\+[0-9a-f]{2})+$/.test(escaped)) return undefined;
  const binary = escaped.replace(/\+([0-9a-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(parseInt(digits, 16)),
  );
  const name = Buffer.from(binary, 'latin1').toString('utf8');
  // bytes that are no UTF-8, or plain ones that were escaped, would give one name two spellings
  return escapeName(name) === escaped ? name : undefined;
}
