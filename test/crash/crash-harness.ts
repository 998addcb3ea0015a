/**
 * Runs changes of an array, lets the power go at every single operation, and compares what comes
 * back.
 */
import { MIB, SeededRandom } from '../../lib/base/index.ts';
import { promiseFace } from '../../lib/block/index.ts';
import { labelOffset, REGION_SIDES, slotOffset, SLOTS } from '../../lib/partition/geometry.ts';
import type { RegionSide } from '../../lib/partition/geometry.ts';
import type { DiskArray } from '../../lib/partition/index.ts';
import { openOn, stateOf } from '../fakes/partition-fixtures.ts';
import { PowerWorld, SURVIVALS } from '../fakes/power-disk.ts';
import type { PowerDisk, Survival, Tampering } from '../fakes/power-disk.ts';
import type { BlockRequest } from '../../lib/block/index.ts';

export type Tamper = (disk: PowerDisk, request: BlockRequest) => Tampering;
/** A change with a name; its partitions are filled afterwards so that stale data would show. */
export interface Step {
  readonly name: string;
  readonly run: (array: DiskArray) => Promise<unknown>;
}

export const DISK_BYTES = 16 * MIB;
const MARK = Buffer.alloc(4096, 0xa5);

export const steps: readonly Step[] = [
  { name: 'create a', run: (array) => array.create({ name: 'a', sizeBytes: 3 * MIB }) },
  { name: 'create b', run: (array) => array.create({ name: 'b', sizeBytes: 5 * MIB, lun: 7 }) },
  { name: 'assign a', run: (array) => array.assign('a', 'web1', 'rw') },
  { name: 'share b', run: (array) => array.setShared('b', 'cluster') },
  {
    name: 'assign b to two hosts at once',
    run: (array) => Promise.all([array.assign('b', 'web1', 'rw'), array.assign('b', 'web2', 'rw')]),
  },
  { name: 'grow a', run: (array) => array.grow('a', 6 * MIB) },
  {
    name: 'keep reservations of b',
    run: (array) => array.reservationStore('b').save(Buffer.from('holder')),
  },
  { name: 'unassign a', run: (array) => array.unassign('a', 'web1') },
  { name: 'rename a', run: (array) => array.rename('a', 'c') },
  { name: 'delete b', run: (array) => array.remove('b') },
  { name: 'create d where b was', run: (array) => array.create({ name: 'd', sizeBytes: 4 * MIB }) },
  { name: 'forget nothing', run: (array) => array.reservationStore('c').save(Buffer.alloc(0)) },
];

export interface Trial {
  readonly disks: number;
  readonly layout: 'linear' | 'stripe';
  readonly survivals?: readonly Survival[];
  /** A planted bug. */
  readonly tamper?: Tamper;
  /**
   * Where it is: everywhere, only while the change is made, or only in the program that comes up
   * after the crash.
   */
  readonly planted?: 'always' | 'change' | 'afterCrash';
  readonly stopAtFirst?: boolean;
}

export interface Verdict {
  rounds: number;
  /** What was wrong, with what it takes to see it again. */
  readonly violations: string[];
}

const open = (world: PowerWorld, { layout }: Trial, seed: number): Promise<DiskArray> =>
  openOn(world.disks, { layout, chunkBytes: layout === 'stripe' ? 65_536 : undefined, seed });

/** Fills the first and last blocks of every partition. */
async function mark(array: DiskArray): Promise<void> {
  for (const { name, sizeBytes } of array.partitions) {
    const face = promiseFace(array.device(name));
    for (const offset of marked(sizeBytes)) await face.write(offset, MARK);
    await face.flush();
  }
}

const marked = (sizeBytes: number): number[] => [0, MIB - 4096, MIB, sizeBytes - 4096];

/** Old partitions show what was written, new space shows zeros. */
async function checkData(array: DiskArray, oldSizes: ReadonlyMap<string, number>): Promise<string> {
  for (const { name, uuid, sizeBytes } of array.partitions) {
    const known = oldSizes.get(uuid) ?? 0;
    const face = promiseFace(array.device(name));
    for (const offset of new Set([...marked(sizeBytes), ...(known > 0 ? marked(known) : [])])) {
      const block = Buffer.alloc(4096);
      await face.read(offset, block);
      const expected = known > 0 && marked(known).includes(offset) ? 0xa5 : 0;
      if (block.some((byte) => byte !== expected)) return `${name} at ${offset}: not ${expected}`;
    }
  }
  return '';
}

const sizesOf = (array: DiskArray): Map<string, number> =>
  new Map(array.partitions.map(({ uuid, sizeBytes }) => [uuid, sizeBytes]));

/** Every step, cut after each of its operations, with every survival of the caches. */
export async function cutEverywhere(trial: Trial): Promise<Verdict> {
  const verdict: Verdict = { rounds: 0, violations: [] };
  const world = new PowerWorld();
  for (let index = 0; index < trial.disks; index++) world.add(DISK_BYTES);
  const always = trial.planted === 'always' ? (trial.tamper ?? null) : null;
  world.tamper = always;
  await open(world, trial, 1);
  dirty(world);
  let base = world.snapshot();
  for (const [index, step] of steps.entries()) {
    const restore = (): void => {
      world.restore(base);
      world.tamper = always;
    };
    restore();
    let array = await open(world, trial, 100 + index);
    const expected = { before: stateOf(array), oldSizes: sizesOf(array) };
    await step.run(array);
    const after = stateOf(array);
    for (let cutAt = 1, done = false; !done; cutAt++) {
      for (const survival of trial.survivals ?? SURVIVALS) {
        const seed = 1000 * index + cutAt;
        restore();
        done = await runUntil(world, { trial, step, seed: 100 + index, cutAt });
        world.restart(survival, new SeededRandom(seed));
        world.tamper = trial.planted === 'change' ? null : (trial.tamper ?? null);
        verdict.rounds++;
        const wrong = await compare(world, trial, { ...expected, after, done });
        if (wrong === '') continue;
        const where = `"${step.name}" cut at operation ${cutAt}, ${survival}, seed ${seed}`;
        verdict.violations.push(`${where}: ${wrong}`);
        if (trial.stopAtFirst === true) return verdict;
      }
    }
    restore();
    array = await open(world, trial, 100 + index);
    await step.run(array);
    await mark(array);
    base = world.snapshot();
  }
  return verdict;
}

/** Stale bytes all over the disks: what is not zeroed shows. */
function dirty({ disks }: PowerWorld): void {
  for (const disk of disks) {
    for (let at = 2 * MIB; at < DISK_BYTES - 2 * MIB; at += MIB) {
      disk.poke(at, MARK);
      disk.poke(at + MIB - MARK.length, MARK);
    }
  }
}

interface CutRun {
  readonly trial: Trial;
  readonly step: Step;
  readonly seed: number;
  readonly cutAt: number;
}

/** @returns true where the change was acknowledged before the power went. */
async function runUntil(world: PowerWorld, { trial, step, seed, cutAt }: CutRun): Promise<boolean> {
  const array = await open(world, trial, seed);
  if (trial.planted !== 'afterCrash') world.tamper = trial.tamper ?? null;
  world.operations = 0;
  world.cutAt = cutAt;
  let done = false;
  const work = step.run(array).then(() => (done = true));
  await Promise.race([work, world.lost]);
  return done;
}

interface Expectation {
  readonly before: string;
  readonly after: string;
  readonly done: boolean;
  readonly oldSizes: ReadonlyMap<string, number>;
}

async function compare(world: PowerWorld, trial: Trial, expected: Expectation): Promise<string> {
  const { before, after, done, oldSizes } = expected;
  if (done) {
    const thin = await onlyOneCopy(world, trial, after);
    if (thin !== '') return thin;
  }
  let array: DiskArray;
  try {
    array = await open(world, trial, 77);
  } catch (error) {
    return `does not open: ${String(error)}`;
  }
  const found = stateOf(array);
  if (done && found !== after) return `acknowledged and lost: ${found}, expected ${after}`;
  if (found !== after && found !== before) return `neither old nor new: ${found}`;
  const data = await checkData(array, oldSizes);
  if (data !== '') return data;
  return afterDamage(world, trial, found);
}

const GARBAGE = Buffer.alloc(4096, 0xee);

function loseCopies(disk: PowerDisk, side: RegionSide): void {
  for (const slot of SLOTS) disk.poke(slotOffset(side, slot, DISK_BYTES), GARBAGE);
}

function loseRegion(disk: PowerDisk, side: RegionSide): void {
  loseCopies(disk, side);
  disk.poke(labelOffset(side, DISK_BYTES), GARBAGE);
}

/** Acknowledged means: at both ends of every disk. */
async function onlyOneCopy(world: PowerWorld, trial: Trial, after: string): Promise<string> {
  const image = world.snapshot();
  const { tamper } = world;
  let wrong = '';
  for (const { disk, side } of world.disks.flatMap((disk) =>
    REGION_SIDES.map((side) => ({ disk, side })),
  )) {
    for (const other of world.disks) {
      for (const lost of REGION_SIDES) {
        if (other !== disk || lost !== side) loseCopies(other, lost);
      }
    }
    world.tamper = tamper;
    const state = await open(world, trial, 79).then(stateOf, String);
    if (state !== after) wrong ||= `${disk.name} alone, ${side} only: ${state}, expected ${after}`;
    world.restore(image);
  }
  world.tamper = tamper;
  return wrong;
}

/**
 * What was served once stays, whatever copy is lost then: of one disk, or of one end of all disks.
 */
async function afterDamage(world: PowerWorld, trial: Trial, found: string): Promise<string> {
  const image = world.snapshot();
  const damages: [string, () => void][] = [
    ['power loss right after opening', () => world.restart('none', new SeededRandom(1))],
    ...REGION_SIDES.map((side): [string, () => void] => [
      `metadata lost at the ${side} of all disks`,
      () => world.disks.forEach((disk) => loseRegion(disk, side)),
    ]),
    ...world.disks.map((disk): [string, () => void] => [
      `catalogue copies lost on ${disk.name}`,
      () => REGION_SIDES.forEach((side) => loseCopies(disk, side)),
    ]),
  ];
  for (const [name, damage] of trial.disks > 1 ? damages : damages.slice(0, 3)) {
    world.restore(image);
    damage();
    try {
      const state = stateOf(await open(world, trial, 78));
      if (state !== found) return `${name}: ${state}, was ${found}`;
    } catch (error) {
      return `${name}: does not open: ${String(error)}`;
    }
  }
  return '';
}
