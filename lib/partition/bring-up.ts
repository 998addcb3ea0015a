/**
 * From what was found on the disks to a set of members that agree, in an order in which a crash
 * harms nothing.
 */
import { assert, Failure } from '../base/index.ts';
import type { Clock, Random } from '../base/index.ts';
import { BlockError } from '../block/index.ts';
import type { Assembly, MemberDisk } from './assemble.ts';
import type { Catalogue, MemberRecord } from './catalogue.ts';
import { CatalogueStore } from './catalogue-store.ts';
import type { ExaminedDisk } from './examine.ts';
import { dataBytes, memberBytes, REGION_SIDES, regionOffset } from './geometry.ts';
import type { RegionSide } from './geometry.ts';
import { CHUNK_BYTES_DEFAULT, METADATA_BLOCK_BYTES, METADATA_BYTES } from './limits.ts';
import { Member } from './member.ts';
import { makeUuid } from './names.ts';
import { zeroRange } from './zeroing.ts';

export interface BringUp {
  readonly layout: 'linear' | 'stripe';
  readonly chunkBytes: number | undefined;
  readonly serverId: string;
  readonly random: Random;
  readonly clock: Clock;
}

/**
 * Makes a new array of blank disks. Labels come first and the finished state last: until that is
 * durable everywhere, the next opening starts over.
 */
export async function formArray(
  disks: readonly ExaminedDisk[],
  settings: BringUp,
): Promise<CatalogueStore> {
  const arrayUuid = makeUuid(settings.random);
  const members = newMembers(disks, 0, arrayUuid, settings);
  assert(members.every(({ sizeBytes }) => dataBytes(sizeBytes) > 0));
  const catalogue: Catalogue = {
    arrayUuid,
    layout: settings.layout,
    chunkBytes: settings.chunkBytes ?? CHUNK_BYTES_DEFAULT,
    state: 'forming',
    owner: settings.serverId,
    createdMs: settings.clock.wallMs(),
    members: members.map(recordOf),
    partitions: [],
  };
  const store = new CatalogueStore({ members, catalogue, generation: 1 });
  await prepareDisks(members);
  await store.repair();
  await writeLabels(members, ['end']);
  await store.change((forming) => ({ ...forming, state: 'formed' }));
  return store;
}

/** The members of an array that exists; nothing is written. */
export function existingStore(
  assembly: Extract<Assembly, { kind: 'existing' }>,
  settings: BringUp,
): CatalogueStore {
  const { catalogue, generation, joining } = assembly;
  const members = assembly.members.map((disk) => existingMember(disk, generation));
  const joiners = newMembers(joining, members.length, catalogue.arrayUuid, settings);
  return new CatalogueStore({ members: [...members, ...joiners], catalogue, generation });
}

/**
 * Brings members that are behind to the present state, takes in those that join. @throws Failure
 * naming the disk.
 */
export async function agree(store: CatalogueStore): Promise<void> {
  const { members: known } = store.catalogue;
  const present = store.members.slice(0, known.length);
  const joiners = store.members.slice(known.length);
  for (const member of present) {
    const missing = REGION_SIDES.filter((side) => !member.regions[side].labelled);
    if (missing.length > 0) await writeLabels([member], missing);
  }
  await prepareDisks(joiners);
  await store.repair();
  await writeLabels(joiners, ['end']);
  const records = store.members.map(recordOf);
  if (JSON.stringify(records) === JSON.stringify(known)) return;
  await store.change((catalogue) => ({ ...catalogue, members: records }));
}

const recordOf = ({ uuid, path, sizeBytes }: Member): MemberRecord => ({ uuid, path, sizeBytes });

function newMembers(
  disks: readonly ExaminedDisk[],
  firstIndex: number,
  arrayUuid: string,
  { layout, chunkBytes, random, clock }: BringUp,
): Member[] {
  return disks.map(({ disk }, index) => {
    const label = {
      ...{ arrayUuid, layout, diskUuid: makeUuid(random), createdMs: clock.wallMs() },
      chunkBytes: chunkBytes ?? CHUNK_BYTES_DEFAULT,
      memberCount: firstIndex + disks.length,
      memberIndex: firstIndex + index,
      memberBytes: memberBytes(disk.device.capacityBytes),
    };
    return new Member({ device: disk.device, path: disk.path, label });
  });
}

function existingMember({ disk, finding }: MemberDisk, newest: number): Member {
  const member = new Member({ device: disk.device, path: disk.path, label: finding.label });
  for (const side of REGION_SIDES) {
    const region = member.regions[side];
    region.labelled = finding.sides.includes(side);
    for (const { slot, copy } of finding.copies.filter((found) => found.side === side)) {
      if (copy.generation > region.generation) {
        region.liveSlot = slot;
        region.generation = copy.generation;
      }
    }
  }
  if (member.generation < newest) member.foundBehind = member.generation;
  return member;
}

/**
 * Clears both ends, then says whose the disk is. The first block keeps what it says until the new
 * label takes its place in one piece: a crash leaves the disk as foreign, or as unfinished, as it
 * was.
 */
async function prepareDisks(members: readonly Member[]): Promise<void> {
  await each(members, async (member) => {
    const endRegion = regionOffset('end', member.sizeBytes);
    await zeroRange(member, METADATA_BLOCK_BYTES, METADATA_BYTES - METADATA_BLOCK_BYTES);
    await zeroRange(member, endRegion, METADATA_BYTES);
    await member.io.flush();
  });
  await writeLabels(members, ['start']);
}

const writeLabels = (members: readonly Member[], sides: readonly RegionSide[]): Promise<void> =>
  each(members, async (member) => {
    for (const side of sides) await member.writeLabel(side);
    await member.io.flush();
  });

async function each(
  members: readonly Member[],
  work: (member: Member) => Promise<void>,
): Promise<void> {
  await Promise.all(
    members.map(async (member) => {
      try {
        await work(member);
      } catch (error) {
        if (!(error instanceof BlockError)) throw error;
        const what = `${member.words} can't be made a member: ${error.message}`;
        throw new Failure('unexpected', what, { cause: error });
      }
    }),
  );
}
