/**
 * Decides from what is on the disks whether they make an array, and which. Pure: reads nothing,
 * writes nothing. An array is whole or it is refused, with each disk that is missing or wrong by
 * name.
 */
import { Failure } from '../base/index.ts';
import type { Catalogue, Layout, MemberRecord } from './catalogue.ts';
import { catalogueOf } from './catalogue-codec.ts';
import type { CatalogueCopy } from './catalogue-codec.ts';
import type { ExaminedDisk, Finding } from './examine.ts';

export interface ArrayShape {
  readonly layout: Layout;
  /** undefined: whatever the array has. */
  readonly chunkBytes?: number | undefined;
  readonly serverId: string;
  /**
   * The array that is meant, where disks of several might be present; without it a new one may be
   * made.
   */
  readonly arrayUuid?: string | undefined;
}

type Labelled = Extract<Finding, { kind: 'labelled' }>;
export interface MemberDisk extends ExaminedDisk {
  readonly finding: Labelled;
}

export type Assembly =
  | { readonly kind: 'new'; readonly disks: readonly ExaminedDisk[] }
  | {
      readonly kind: 'existing';
      readonly catalogue: Catalogue;
      readonly generation: number;
      /** In the order of the catalogue. */
      readonly members: readonly MemberDisk[];
      /** Disks that a linear array takes in now. */
      readonly joining: readonly ExaminedDisk[];
    };

/**
 * @throws Failure `inUse` for missing and swapped disks, `notAllowed` for foreign content,
 * `conflict` for disks of several arrays or copies that contradict each other, `usage` where the
 * array is not what the configuration says.
 */
export function assemble(examined: readonly ExaminedDisk[], shape: ArrayShape): Assembly {
  const disks = examined.map(givenUp);
  const labelled = disks.filter(isLabelled);
  refuseTwins(labelled);
  if (labelled.length === 0) return { kind: 'new', disks: refuseNew(refuseForeign(disks), shape) };
  const arrayUuid = meantArray(labelled, shape);
  const own = labelled.filter(({ finding }) => finding.label.arrayUuid === arrayUuid);
  const newest = newestCopy(own);
  if (newest === undefined || catalogueOf(newest).state === 'forming') {
    refuseDamaged(own, newest);
    return assemble(
      disks.map((disk) => (own.includes(disk as MemberDisk) ? blank(disk) : disk)),
      shape,
    );
  }
  const catalogue = catalogueOf(newest);
  const members = membersOf(catalogue, disks);
  refuseOtherShape(catalogue, shape);
  const joining = joiningDisks(catalogue, disks, shape);
  return { kind: 'existing', catalogue, generation: newest.generation, members, joining };
}

const isLabelled = (disk: ExaminedDisk): disk is MemberDisk => disk.finding.kind === 'labelled';
const blank = ({ disk }: ExaminedDisk): ExaminedDisk => ({ disk, finding: { kind: 'blank' } });

/** The operator named this very disk: what it held no longer counts. */
function givenUp(examined: ExaminedDisk): ExaminedDisk {
  const { disk, finding } = examined;
  return finding.kind === 'labelled' && disk.initialize === finding.label.diskUuid
    ? blank(examined)
    : examined;
}

function refuseTwins(labelled: readonly MemberDisk[]): void {
  const paths = new Map<string, string>();
  for (const { disk, finding } of labelled) {
    const { diskUuid } = finding.label;
    const other = paths.get(diskUuid);
    if (other !== undefined) {
      const advice = 'one is a copy of the other; leave one out';
      throw new Failure(
        'conflict',
        `${other} and ${disk.path} are both disk ${diskUuid}: ${advice}`,
      );
    }
    paths.set(diskUuid, disk.path);
  }
}

function refuseForeign(disks: readonly ExaminedDisk[]): readonly ExaminedDisk[] {
  const refused = disks.flatMap(({ disk, finding }) =>
    finding.kind === 'foreign' && disk.initialize !== true
      ? [`${disk.path} holds ${finding.words}`]
      : [],
  );
  if (refused.length === 0) return disks;
  const advice = 'to overwrite it, set "initialize: true" for that disk';
  throw new Failure('notAllowed', `${refused.join('; ')}: left untouched; ${advice}`);
}

/**
 * Whoever names an array wants that one: an empty one in its place would be taken for a loss of
 * everything.
 */
function refuseNew(
  disks: readonly ExaminedDisk[],
  { arrayUuid }: ArrayShape,
): readonly ExaminedDisk[] {
  if (arrayUuid === undefined) return disks;
  const paths = disks.map(({ disk }) => disk.path).join(', ');
  const advice = 'bring its disks back; to begin anew on these, take another state directory';
  throw new Failure('inUse', `array ${arrayUuid}: nothing of it is on ${paths}; ${advice}`);
}

/** The named array, else this server's, else the one with most disks here. */
function meantArray(labelled: readonly MemberDisk[], shape: ArrayShape): string {
  const groups = new Map<string, MemberDisk[]>();
  for (const disk of labelled) {
    const { arrayUuid } = disk.finding.label;
    groups.set(arrayUuid, [...(groups.get(arrayUuid) ?? []), disk]);
  }
  if (shape.arrayUuid !== undefined && groups.has(shape.arrayUuid)) return shape.arrayUuid;
  const ranked = [...groups].sort(([, left], [, right]) => right.length - left.length);
  const own = ranked.find(([, disks]) => {
    const newest = newestCopy(disks);
    return newest !== undefined && catalogueOf(newest).owner === shape.serverId;
  });
  return (own ?? ranked[0]!)[0];
}

/** @throws Failure `conflict` where two copies of the newest generation differ. */
function newestCopy(disks: readonly MemberDisk[]): CatalogueCopy | undefined {
  const found = disks.flatMap(({ disk, finding }) =>
    finding.copies.map(({ copy }) => ({ copy, path: disk.path })),
  );
  found.sort((left, right) => right.copy.generation - left.copy.generation);
  const newest = found[0];
  const rival = found.find(
    ({ copy }) =>
      copy.generation === newest!.copy.generation &&
      copy.bodyChecksum !== newest!.copy.bodyChecksum,
  );
  if (rival === undefined) return newest?.copy;
  const where = `${newest!.path} and ${rival.path}, generation ${rival.copy.generation}`;
  throw new Failure('conflict', `catalogues contradict each other on ${where}; nothing is served`);
}

/** No catalogue is only believed of disks whose array was never completed. */
function refuseDamaged(own: readonly MemberDisk[], newest: CatalogueCopy | undefined): void {
  if (newest !== undefined) return;
  const complete = own.filter(({ finding }) => finding.sides.includes('end'));
  if (complete.length === 0) return;
  const paths = complete.map(({ disk }) => disk.path).join(', ');
  const advice = 'restore the disk, or give it up by "initialize: UUID-OF-THE-DISK"';
  throw new Failure('unexpected', `no readable catalogue on ${paths}: ${advice}`);
}

/**
 * @throws Failure `inUse` that lists each member that is missing and what was found in its place.
 */
function membersOf(catalogue: Catalogue, disks: readonly ExaminedDisk[]): MemberDisk[] {
  const { arrayUuid } = catalogue;
  const find = ({ uuid }: MemberRecord): MemberDisk | undefined =>
    disks
      .filter(isLabelled)
      .find(({ finding: { label } }) => label.diskUuid === uuid && label.arrayUuid === arrayUuid);
  const missing = catalogue.members.filter((record) => find(record) === undefined);
  if (missing.length === 0) return catalogue.members.map((record) => find(record)!);
  const words = missing.map((record) => {
    const wanted = `disk ${record.uuid} (last seen as ${record.path})`;
    const there = disks.find(({ disk }) => disk.path === record.path);
    return there === undefined ? `${wanted} is missing` : `${wanted}: ${inItsPlace(there)}`;
  });
  const strangers = disks.filter((disk) => isStranger(disk, catalogue, missing));
  for (const stranger of strangers) words.push(inItsPlace(stranger));
  const head = `array ${arrayUuid} is not complete, nothing is served`;
  throw new Failure('inUse', `${head}: ${words.join('; ')}`);
}

/** Present, no member, and not named as what took a missing member's path. */
const isStranger = (
  { disk, finding }: ExaminedDisk,
  { arrayUuid }: Catalogue,
  missing: readonly MemberRecord[],
): boolean =>
  !(finding.kind === 'labelled' && finding.label.arrayUuid === arrayUuid) &&
  missing.every(({ path }) => path !== disk.path);

function inItsPlace({ disk, finding }: ExaminedDisk): string {
  if (finding.kind === 'blank') return `found ${disk.path} blank`;
  if (finding.kind === 'foreign') return `found ${finding.words} on ${disk.path}`;
  const { diskUuid, arrayUuid } = finding.label;
  return `found disk ${diskUuid} of array ${arrayUuid} on ${disk.path}`;
}

function refuseOtherShape(catalogue: Catalogue, { layout, chunkBytes }: ArrayShape): void {
  const array = `array ${catalogue.arrayUuid}`;
  if (layout !== catalogue.layout) {
    const found = `the configuration says ${layout}, the disks ${catalogue.layout}`;
    throw new Failure('usage', `${array}: layout can't be changed: ${found}`);
  }
  if (layout !== 'stripe' || chunkBytes === undefined) return;
  if (chunkBytes !== catalogue.chunkBytes) {
    const found = `the configuration says ${chunkBytes} bytes, the disks ${catalogue.chunkBytes}`;
    throw new Failure('usage', `${array}: chunk can't be changed: ${found}`);
  }
}

/** What is beyond the members: a linear array grows by it, anything else is a mistake. */
function joiningDisks(
  catalogue: Catalogue,
  disks: readonly ExaminedDisk[],
  { serverId }: ArrayShape,
): ExaminedDisk[] {
  const { arrayUuid, layout, members } = catalogue;
  const known = new Set(members.map(({ uuid }) => uuid));
  const extra = disks.filter(
    (disk) => !(isLabelled(disk) && known.has(disk.finding.label.diskUuid)),
  );
  if (extra.length === 0) return [];
  const alien = extra.filter(isLabelled).find((disk) => disk.finding.label.arrayUuid !== arrayUuid);
  if (alien !== undefined) {
    const advice = 'take it out of the list, or give it up by its UUID in "initialize"';
    throw new Failure('conflict', `array ${arrayUuid}: ${inItsPlace(alien)}: ${advice}`);
  }
  const paths = extra.map(({ disk }) => disk.path).join(', ');
  if (layout !== 'linear') {
    const advice = 'remove it from the list; only a linear array grows by disks';
    throw new Failure('usage', `${layout} array ${arrayUuid} has no place for ${paths}: ${advice}`);
  }
  if (catalogue.owner !== serverId) {
    const advice = `import the array before ${paths} joins it`;
    throw new Failure('usage', `array ${arrayUuid} belongs to ${catalogue.owner}: ${advice}`);
  }
  return [...refuseForeign(extra)];
}
