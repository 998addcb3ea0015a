import { expect } from 'chai';
import { SeededRandom } from '../../lib/base/index.ts';
import { openOn } from '../fakes/partition-fixtures.ts';
import { PowerWorld, SURVIVALS } from '../fakes/power-disk.ts';
import type { Survival } from '../fakes/power-disk.ts';
import { DISK_BYTES } from './crash-harness.ts';

const FOREIGN = Buffer.concat([Buffer.alloc(510), Buffer.from('55aa', 'hex')]);

function threeDisks(content?: Buffer): PowerWorld {
  const world = new PowerWorld();
  for (let index = 0; index < 3; index++) {
    const disk = world.add(DISK_BYTES);
    if (content !== undefined) disk.poke(0, content);
  }
  return world;
}

/** @returns true where the array was made before the power went. */
async function formUntil(world: PowerWorld, cutAt: number, initialize: boolean): Promise<boolean> {
  world.cutAt = cutAt;
  let done = false;
  const work = openOn(world.disks, { layout: 'stripe', initialize }).then(() => (done = true));
  await Promise.race([work, world.lost]);
  return done;
}

describe('Power loss while an array is made', function () {
  this.timeout(60_000);

  for (const [kind, content] of [
    ['blank disks', undefined],
    ['disks with foreign content that may go', FOREIGN],
  ] as const) {
    const initialize = content !== undefined;

    it(`leaves ${kind} as they were, or an array, at every operation`, async () => {
      for (let cutAt = 1, done = false; !done; cutAt++) {
        for (const survival of SURVIVALS) {
          const world = threeDisks(content);
          done = await formUntil(world, cutAt, initialize);
          world.restart(survival, new SeededRandom(cutAt));
          const array = await openOn(world.disks, { layout: 'stripe', initialize, seed: 2 });
          expect(array.state, `cut at ${cutAt}, ${survival}`).to.equal('online');
          expect(array.partitions).to.deep.equal([]);
        }
      }
    });

    it(`survives further losses while it starts over on ${kind}`, async () => {
      for (let seed = 1; seed <= 100; seed++) {
        const random = new SeededRandom(seed);
        const world = threeDisks(content);
        for (let attempt = 0; attempt < 4; attempt++) {
          await formUntil(world, 1 + random.below(40), initialize);
          const survival: Survival = SURVIVALS[random.below(SURVIVALS.length)]!;
          world.restart(survival, random);
        }
        const open = openOn(world.disks, { layout: 'stripe', initialize, seed: 9 });
        const array = await open.catch((error: unknown) => String(error));
        expect(array, `seed ${seed}`).to.have.property('state', 'online');
      }
    });
  }
});
