/**
 * Long lives of one array: changes at random, crashes at random, and crashes while it comes up
 * again.
 */
import { expect } from 'chai';
import { MIB, SeededRandom } from '../../lib/base/index.ts';
import type { Random } from '../../lib/base/index.ts';
import type { DiskArray } from '../../lib/partition/index.ts';
import { openOn, stateOf } from '../fakes/partition-fixtures.ts';
import { PowerWorld, SURVIVALS } from '../fakes/power-disk.ts';
import { DISK_BYTES } from './crash-harness.ts';

const LIVES = 20;
const CRASHES_PER_LIFE = 60;
const FIRST_SEED = Number(process.env['SEED'] ?? 1);

const pick = <T>(random: Random, list: readonly T[]): T | undefined =>
  list[random.below(list.length)];

/** One change that may well be refused. */
function change(array: DiskArray, random: Random): Promise<unknown> {
  const name = pick(random, array.partitions)?.name ?? 'none';
  const fresh = `p${random.below(1000)}`;
  const sizeBytes = (1 + random.below(6)) * MIB;
  const changes: (() => Promise<unknown>)[] = [
    () => array.create({ name: fresh, sizeBytes }),
    () => array.grow(name, sizeBytes),
    () => array.remove(name),
    () => array.rename(name, fresh),
    () => array.assign(name, pick(random, ['web1', 'web2', '*'])!, 'ro'),
    () => array.assign(name, 'web1', 'rw'),
    () => array.unassign(name, 'web1'),
    () => array.reservationStore(name).save(random.bytes(random.below(3000))),
  ];
  return Promise.resolve().then(pick(random, changes)!);
}

/** @returns the states that may be found afterwards. */
async function liveUntilCut(
  array: DiskArray,
  world: PowerWorld,
  random: Random,
): Promise<string[]> {
  world.operations = 0;
  world.cutAt = 1 + random.below(60);
  for (;;) {
    const before = stateOf(array);
    const work = change(array, random).catch(() => undefined);
    await Promise.race([work, world.lost]);
    if (!world.powered) return [before];
    if (random.below(8) === 0) return [stateOf(array)];
  }
}

describe('An array in a life of crashes', function () {
  this.timeout(60_000);

  it(`always comes back with what it acknowledged (seeds from ${FIRST_SEED})`, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + LIVES; seed++) {
      const random = new SeededRandom(seed);
      const world = new PowerWorld();
      for (let index = 0; index < 3; index++) world.add(DISK_BYTES);
      let array = await openOn(world.disks, { layout: 'stripe', seed });
      for (let crash = 0; crash < CRASHES_PER_LIFE; crash++) {
        const acknowledged = await liveUntilCut(array, world, random);
        const interrupted = !world.powered;
        world.restart(pick(random, SURVIVALS)!, random);
        if (random.below(3) === 0) {
          world.cutAt = 1 + random.below(6);
          const opening = openOn(world.disks, { layout: 'stripe', seed });
          await Promise.race([opening, world.lost]);
          world.restart(pick(random, SURVIVALS)!, random);
        }
        array = await openOn(world.disks, { layout: 'stripe', seed: seed + 1000 * crash });
        if (!interrupted) expect([stateOf(array)], `SEED=${seed}`).to.deep.equal(acknowledged);
        else expectOneStep(acknowledged[0]!, stateOf(array), `SEED=${seed} crash ${crash}`);
      }
    }
  });
});

/** At most the one change that was under way has happened: at most one partition differs. */
function expectOneStep(before: string, after: string, where: string): void {
  const parse = (state: string): Map<string, string> =>
    new Map(
      (JSON.parse(state) as { partitions: { uuid: string }[] }).partitions.map((partition) => [
        partition.uuid,
        JSON.stringify(partition),
      ]),
    );
  const [old, now] = [parse(before), parse(after)];
  const changed = [...new Set([...old.keys(), ...now.keys()])].filter(
    (uuid) => old.get(uuid) !== now.get(uuid),
  );
  expect(changed.length, `${where}: ${before} became ${after}`).to.be.at.most(1);
}
