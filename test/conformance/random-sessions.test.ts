import { expect } from 'chai';
import { KIB, MIB, SeededRandom } from '../../lib/base/index.ts';
import { DelayLayer, MemoryDevice, promiseFace } from '../../lib/block/index.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import { HOST, OTHER, expectAtRest } from './support/peer.ts';
import { RandomLife, WRITE_BLOCKS } from './support/random-life.ts';
import type { Space } from './support/random-life.ts';

const BLOCK = 512;
const STEPS = 1_000;
const WORLDS = 10;
const seed = Number(process.env['SESSIONS_SEED'] ?? Date.now() % 1_000_000);

function newWorld(random: SeededRandom): { world: TargetWorld; memory: MemoryDevice } {
  const memory = new MemoryDevice({ capacityBytes: 256 * MIB });
  const world = new TargetWorld({
    device: (timers) => new DelayLayer(memory, timers, random.below(10)),
    budgetBytes: (32 + random.below(4) * 32) * KIB,
    limits: { queueDepth: 8, queueDepthMin: 2, nopIntervalMs: 0 },
  });
  return { world, memory };
}

/** Every write that was answered is there; no other has anything but its own data or zeros. */
async function expectStored(memory: MemoryDevice, { writes }: Space): Promise<void> {
  const into = Buffer.alloc(WRITE_BLOCKS * BLOCK);
  for (const { lba, data, good } of writes) {
    await promiseFace(memory).read(lba * BLOCK, into);
    if (good) expect(into.equals(data), `blocks of LBA ${lba}`).to.equal(true);
    else expect(into.every((byte) => byte === 0 || byte === data[0])).to.equal(true);
  }
}

/** Nothing of any session is left. */
function expectNothingLeft(world: TargetWorld): void {
  expectAtRest(world);
  expect(world.node.sessions()).to.deep.equal([]);
  expect(world.unit.tasks.count, 'tasks in the unit').to.equal(0);
}

async function liveThrough(worldSeed: number): Promise<{ good: number; all: number }> {
  const random = new SeededRandom(worldSeed);
  const { world, memory } = newWorld(random);
  const space: Space = { nextLba: 0, writes: [] };
  const lives: RandomLife[] = [];
  for (let step = 0; step < STEPS; step++) {
    const alive = lives.filter(({ over }) => !over);
    if (alive.length < 2 || random.below(200) === 0) {
      const life = new RandomLife(world, random, space);
      lives.push(life);
      await life.logIn(random.below(2) === 0 ? HOST : OTHER);
    }
    for (const life of alive) await life.step();
  }
  for (const life of lives) await life.flush();
  for (const { peers } of lives) for (const peer of peers) if (!peer.closed) peer.cut();
  world.timers.advance(10_000);
  await lives[0]!.flush();
  expectNothingLeft(world);
  await expectStored(memory, space);
  return { good: space.writes.filter(({ good }) => good).length, all: space.writes.length };
}

describe(`Sessions that do everything at once (SESSIONS_SEED=${seed})`, () => {
  it('lose nothing, mix nothing up and leave nothing behind', async () => {
    let good = 0;
    let all = 0;
    for (let index = 0; index < WORLDS; index++) {
      try {
        const done = await liveThrough(seed + index);
        good += done.good;
        all += done.all;
      } catch (error) {
        const message = `SESSIONS_SEED=${seed + index}: ${(error as Error).message}`;
        throw new Error(message, { cause: error });
      }
    }
    console.log(`      ${all} writes, ${good} of them answered`);
    expect(good, 'most is performed').to.be.above(all / 4);
  }).timeout(60_000);
});
