/**
 * The same promises over the crash layer of lib/block, whose power goes while the array is told of
 * it by errors.
 */
import { expect } from 'chai';
import { MIB, SeededRandom } from '../../lib/base/index.ts';
import { CrashLayer, MemoryDevice, promiseFace } from '../../lib/block/index.ts';
import type { DiskArray } from '../../lib/partition/index.ts';
import { openOn, stateOf } from '../fakes/partition-fixtures.ts';

const ROUNDS = 150;
const FIRST_SEED = Number(process.env['SEED'] ?? 1);

async function changes(array: DiskArray, round: number): Promise<void> {
  const name = `p${round}`;
  await array.create({ name, sizeBytes: 2 * MIB });
  await promiseFace(array.device(name)).write(0, Buffer.alloc(4096, 0xa5));
  await array.assign(name, 'web1', 'rw');
  await array.grow(name, 3 * MIB);
  await array.remove(name);
}

/**
 * Runs the changes until `turns` turns of the event loop have gone by; collects each state that was
 * ever committed.
 */
async function runFor(turns: number, array: DiskArray, round: number): Promise<string[]> {
  const states = [stateOf(array)];
  array.onChange(() => states.push(stateOf(array)));
  void changes(array, round).catch(() => undefined);
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
  return states;
}

describe('An array over the crash layer', function () {
  this.timeout(30_000);

  it(`comes back in a state that it committed or was committing (seed ${FIRST_SEED})`, async () => {
    const random = new SeededRandom(FIRST_SEED);
    const media = [0, 1].map(
      (index) => new MemoryDevice({ capacityBytes: 16 * MIB, name: `m${index}` }),
    );
    for (let round = 0; round < ROUNDS; round++) {
      const layers = media.map((medium) => new CrashLayer(medium, { atomicBytes: 512 }));
      const array = await openOn(layers, { layout: 'stripe', seed: round + 1 });
      const states = await runFor(random.below(1500), array, round);
      await Promise.all(layers.map((layer) => layer.crash(random)));
      const last = states.at(-1)!;
      const again = await openOn(media, { layout: 'stripe', seed: round + 1 });
      const found = stateOf(again);
      const committing =
        found !== last && again.partitions.every(({ name }) => /^p\d+$/.test(name));
      expect(found === last || committing, `round ${round}: ${found}`).to.equal(true);
      for (const { name } of again.partitions) {
        const bytes = Buffer.alloc(4096);
        await promiseFace(again.device(name)).read(MIB, bytes);
        expect(bytes.every((byte) => byte === 0)).to.equal(true);
        await again.remove(name);
      }
    }
  });
});
