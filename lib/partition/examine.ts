/** Reads what is on a disk before anything is decided, and writes nothing. */
import { Failure } from '../base/index.ts';
import { BlockError, promiseFace } from '../block/index.ts';
import type { BlockDevice, BlockPromises } from '../block/index.ts';
import {
  CATALOGUE_FORMAT_VERSION,
  checkedCopy,
  copyBytes,
  decodeHeader,
} from './catalogue-codec.ts';
import type { CatalogueCopy } from './catalogue-codec.ts';
import { foreignContent, knownContent } from './foreign-content.ts';
import {
  labelOffset,
  memberBytes,
  REGION_SIDES,
  regionOffset,
  slotOffset,
  SLOTS,
} from './geometry.ts';
import type { RegionSide, Slot } from './geometry.ts';
import { decodeLabel, LABEL_FORMAT_VERSION } from './label.ts';
import type { Label, LabelReading } from './label.ts';
import {
  LABEL_AREA_BYTES,
  MEMBER_BYTES_MIN,
  METADATA_BLOCK_BYTES,
  METADATA_BYTES,
} from './limits.ts';

export interface DiskOption {
  /** Opened by the caller; closed by the array once it is open. */
  readonly device: BlockDevice;
  /** How the operator names the disk. */
  readonly path: string;
  /**
   * `true`: foreign content may be overwritten. A disk that carries our label is only ever given up
   * by its UUID, so that a setting that was left in a file can't wipe an array.
   */
  readonly initialize?: boolean | string | undefined;
}

export interface FoundCopy {
  readonly side: RegionSide;
  readonly slot: Slot;
  readonly copy: CatalogueCopy;
}

export type Finding =
  | { readonly kind: 'blank' }
  /** `words` name what is there. */
  | { readonly kind: 'foreign'; readonly words: string }
  | {
      readonly kind: 'labelled';
      readonly label: Label;
      /** Sides on which this label stands whole. */
      readonly sides: readonly RegionSide[];
      readonly copies: readonly FoundCopy[];
    };

export interface ExaminedDisk {
  readonly disk: DiskOption;
  readonly finding: Finding;
}

/**
 * @throws Failure `usage` for a disk that is too small, `unexpected` where it can't be read or a
 * newer version wrote it.
 */
export async function examine(disk: DiskOption): Promise<ExaminedDisk> {
  const { device, path } = disk;
  const sizeBytes = memberBytes(device.capacityBytes);
  if (sizeBytes < MEMBER_BYTES_MIN) {
    const found = `expected at least ${MEMBER_BYTES_MIN} bytes, found ${device.capacityBytes}`;
    throw new Failure('usage', `disk ${path} is too small: ${found}`);
  }
  const io = promiseFace(device);
  const start = await readLabel(io, path, labelOffset('start', sizeBytes));
  const boundBytes = start?.kind === 'label' ? start.label.memberBytes : sizeBytes;
  if (boundBytes > sizeBytes) {
    const found = `its label says ${boundBytes} bytes, found ${device.capacityBytes}`;
    throw new Failure('inUse', `disk ${path} has become smaller: ${found}; nothing is served`);
  }
  const end = await readLabel(io, path, labelOffset('end', boundBytes));
  const label = labelOf(start, end, sizeBytes);
  if (label === undefined) return { disk, finding: await unlabelled(io, disk, start, end) };
  const words = await usedOtherwise(io);
  if (words !== undefined) return { disk, finding: { kind: 'foreign', words } };
  const sides = REGION_SIDES.filter((side) => isLabel(side === 'start' ? start : end, label));
  return {
    disk,
    finding: { kind: 'labelled', label, sides, copies: await copies(io, path, label) },
  };
}

/** @returns undefined where the medium can't be read. */
async function readLabel(
  io: BlockPromises,
  path: string,
  offsetBytes: number,
): Promise<LabelReading | undefined> {
  const block = await readOrNothing(io, offsetBytes, METADATA_BLOCK_BYTES);
  const reading = block && decodeLabel(block);
  if (reading?.kind !== 'newer') return reading;
  const found = `format ${reading.formatVersion}, this version reads up to ${LABEL_FORMAT_VERSION}`;
  throw new Failure('unexpected', `disk ${path} was written by a newer version: ${found}`);
}

async function readOrNothing(
  io: BlockPromises,
  offsetBytes: number,
  lengthBytes: number,
): Promise<Buffer | undefined> {
  const bytes = Buffer.alloc(lengthBytes);
  try {
    await io.read(offsetBytes, bytes);
    return bytes;
  } catch (error) {
    if (error instanceof BlockError) return undefined;
    throw error;
  }
}

/**
 * The first sector decides; the last block speaks where the first is lost, unless the disk has
 * another size now.
 */
function labelOf(
  start: LabelReading | undefined,
  end: LabelReading | undefined,
  sizeBytes: number,
): Label | undefined {
  if (start?.kind === 'label') return start.label;
  return end?.kind === 'label' && end.label.memberBytes === sizeBytes ? end.label : undefined;
}

const isLabel = (reading: LabelReading | undefined, label: Label): boolean =>
  reading?.kind === 'label' &&
  reading.label.diskUuid === label.diskUuid &&
  reading.label.arrayUuid === label.arrayUuid;

async function unlabelled(
  io: BlockPromises,
  { device, path }: DiskOption,
  ...labels: readonly (LabelReading | undefined)[]
): Promise<Finding> {
  const sizeBytes = memberBytes(device.capacityBytes);
  const ends = REGION_SIDES.map((side) =>
    readOrNothing(io, regionOffset(side, sizeBytes), METADATA_BYTES),
  );
  const [start, end] = await Promise.all(ends);
  if (start === undefined || end === undefined) {
    throw new Failure('unexpected', `disk ${path} can't be read where its label should be`);
  }
  if (labels.some((reading) => reading?.kind === 'damaged' || reading?.kind === 'label')) {
    return { kind: 'foreign', words: 'a damaged label of a Hawser array' };
  }
  const words = foreignContent(start, end);
  return words === undefined ? { kind: 'blank' } : { kind: 'foreign', words };
}

/**
 * Our label area holds nothing but the label: what else is there came later, on purpose or not, and
 * is not undone.
 */
async function usedOtherwise(io: BlockPromises): Promise<string | undefined> {
  const area = await readOrNothing(io, 0, LABEL_AREA_BYTES);
  const known = area && knownContent(area, Buffer.alloc(0));
  return known && `${known}, made over a disk of a Hawser array`;
}

async function copies(io: BlockPromises, path: string, label: Label): Promise<FoundCopy[]> {
  const found: FoundCopy[] = [];
  for (const side of REGION_SIDES) {
    for (const slot of SLOTS) {
      const offsetBytes = slotOffset(side, slot, label.memberBytes);
      const copy = await readCopy({ io, path, offsetBytes, arrayUuid: label.arrayUuid });
      if (copy !== undefined) found.push({ side, slot, copy });
    }
  }
  return found;
}

interface CopyPlace {
  readonly io: BlockPromises;
  readonly path: string;
  readonly offsetBytes: number;
  /** Copies of another array, from an earlier life of the disk, don't count. */
  readonly arrayUuid: string;
}

async function readCopy(place: CopyPlace): Promise<CatalogueCopy | undefined> {
  const { io, path, offsetBytes } = place;
  const block = await readOrNothing(io, offsetBytes, METADATA_BLOCK_BYTES);
  const header = block && decodeHeader(block);
  if (header?.arrayUuid !== place.arrayUuid) return undefined;
  if (header.formatVersion > CATALOGUE_FORMAT_VERSION) {
    const found = `${header.formatVersion}, this version reads up to ${CATALOGUE_FORMAT_VERSION}`;
    throw new Failure('unexpected', `disk ${path} has a catalogue of a newer format: ${found}`);
  }
  const slotBytes = await readOrNothing(io, offsetBytes, copyBytes(header));
  return slotBytes && checkedCopy(header, slotBytes);
}
