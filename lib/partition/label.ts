/**
 * The label says which disk of which array this is. It lies in the first sector of the disk and
 * again in the last block, is written once, when the disk joins its array, and fits one sector: a
 * crash leaves it whole or absent. All that may change later is in the catalogue.
 */
import { assert } from '../base/index.ts';
import { bytes, crc32c, decode, encode, layout, safeU64, u16, u32 } from '../wire/index.ts';
import type { ValueOf } from '../wire/index.ts';
import type { Layout } from './catalogue.ts';
import { LABEL_BYTES, MEMBER_BYTES_MIN, METADATA_BLOCK_BYTES, METADATA_BYTES } from './limits.ts';
import { uuidBytes, uuidText } from './names.ts';

/** Never changes, whatever the version of the rest. */
export const LABEL_MAGIC = Buffer.from('HAWSER\x1aL', 'latin1');
export const LABEL_FORMAT_VERSION = 1;
const LAYOUT_CODES = { linear: 1, stripe: 2, mirror: 3 } as const satisfies Record<Layout, number>;

// prettier-ignore
const labelLayout = layout(LABEL_BYTES, {
  magic: bytes(0, 8),           // LABEL_MAGIC
  formatVersion: u32(8),        // a reader refuses what is above its own
  requiredFeatures: u32(12),    // bits that a reader must know; none so far
  arrayUuid: bytes(16, 16),
  diskUuid: bytes(32, 16),
  layout: u16(48),              // LAYOUT_CODES
  memberCount: u16(50),         // when the disk joined
  memberIndex: u16(52),         // place in the array's order
  chunkBytes: u32(56),
  memberBytes: safeU64(64),     // bytes of the disk that belong to the array; the end region ends here
  metadataBytes: safeU64(72),   // what each region takes
  createdMs: safeU64(80),       // milliseconds since 1970
  checksum: u32(504),           // CRC32C of the bytes before; the last bytes stay 0, other tools look for 55AAh there
});

export interface Label {
  readonly arrayUuid: string;
  readonly diskUuid: string;
  readonly layout: Layout;
  readonly chunkBytes: number;
  readonly memberCount: number;
  readonly memberIndex: number;
  readonly memberBytes: number;
  readonly createdMs: number;
}

/**
 * `absent`: not ours. `newer`: ours, but beyond what this version reads. `damaged`: magic without a
 * valid checksum.
 */
export type LabelReading =
  | { readonly kind: 'label'; readonly label: Label }
  | { readonly kind: 'absent' }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'newer'; readonly formatVersion: number };

/** @returns one metadata block, the label in its first sector. */
export function encodeLabel(label: Label): Buffer {
  const sector = encode(labelLayout, {
    ...label,
    magic: LABEL_MAGIC,
    formatVersion: LABEL_FORMAT_VERSION,
    requiredFeatures: 0,
    metadataBytes: METADATA_BYTES,
    arrayUuid: uuidBytes(label.arrayUuid),
    diskUuid: uuidBytes(label.diskUuid),
    layout: LAYOUT_CODES[label.layout],
  });
  const checksumAt = labelLayout.fields.checksum.at;
  sector.writeUInt32BE(crc32c(sector, 0, checksumAt), checksumAt);
  return Buffer.concat([sector], METADATA_BLOCK_BYTES);
}

export function decodeLabel(block: Buffer): LabelReading {
  assert(block.length >= LABEL_BYTES);
  const value = decode(labelLayout, block);
  if (!value.magic.equals(LABEL_MAGIC)) return { kind: 'absent' };
  if (crc32c(block, 0, labelLayout.fields.checksum.at) !== value.checksum) {
    return { kind: 'damaged' };
  }
  if (value.formatVersion > LABEL_FORMAT_VERSION || value.requiredFeatures !== 0) {
    return { kind: 'newer', formatVersion: value.formatVersion };
  }
  const label = labelOf(value);
  return label === undefined ? { kind: 'damaged' } : { kind: 'label', label };
}

/** @returns undefined where a field is outside what version 1 writes. */
function labelOf(value: ValueOf<typeof labelLayout>): Label | undefined {
  const arrayLayout = layoutOf(value.layout);
  const { memberBytes, createdMs, chunkBytes, memberCount, memberIndex } = value;
  if (arrayLayout === undefined || value.metadataBytes !== METADATA_BYTES) return undefined;
  if (memberBytes === undefined || memberBytes % METADATA_BLOCK_BYTES !== 0) return undefined;
  if (memberBytes < MEMBER_BYTES_MIN || createdMs === undefined) return undefined;
  return {
    ...{ chunkBytes, memberCount, memberIndex, memberBytes, createdMs },
    arrayUuid: uuidText(value.arrayUuid),
    diskUuid: uuidText(value.diskUuid),
    layout: arrayLayout,
  };
}

function layoutOf(code: number): Layout | undefined {
  const names = Object.keys(LAYOUT_CODES) as Layout[];
  return names.find((name) => LAYOUT_CODES[name] === code);
}
