import { expect } from 'chai';
import { KIB, SeededRandom } from '../../../lib/base/index.ts';
import { BlockOp, CrashLayer, MemoryDevice, promiseFace } from '../../../lib/block/index.ts';
import type { BlockDevice } from '../../../lib/block/index.ts';
import { outcomeOf } from '../../contract/transfer.ts';

const BLOCK = 512;
const CAPACITY_BYTES = 256 * KIB;
const ROUNDS = 200;

const block = (value: number, count = 1): Buffer => Buffer.alloc(BLOCK * count, value);

async function valuesOf(device: BlockDevice, blocks: number): Promise<number[]> {
  const into = Buffer.alloc(BLOCK * blocks);
  await promiseFace(device).read(0, into);
  return Array.from({ length: blocks }, (_, index) => {
    const part = into.subarray(index * BLOCK, (index + 1) * BLOCK);
    expect(
      part.every((byte) => byte === part[0]),
      'torn inside a block',
    ).to.equal(true);
    return part[0]!;
  });
}

/** What the medium can hold after a crash, over many seeds. */
async function survivors(
  prepare: (layer: CrashLayer) => Promise<unknown>,
  blocks: number,
  atomicBytes?: number,
): Promise<Set<string>> {
  const found = new Set<string>();
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const medium = new MemoryDevice({ capacityBytes: CAPACITY_BYTES });
    const layer = new CrashLayer(medium, atomicBytes === undefined ? {} : { atomicBytes });
    await prepare(layer);
    await layer.crash(new SeededRandom(seed));
    found.add((await valuesOf(medium, blocks)).join(' '));
  }
  return found;
}

describe('CrashLayer', () => {
  it('drops, tears and reorders what was not flushed', async () => {
    const found = await survivors(async (layer) => {
      await promiseFace(layer).write(0, block(1, 2));
      await promiseFace(layer).write(0, block(2));
    }, 2);
    expect([...found].sort()).to.deep.equal(['0 0', '0 1', '1 0', '1 1', '2 0', '2 1']);
  });

  it('keeps all of what a completed flush covers', async () => {
    const found = await survivors(async (layer) => {
      const io = promiseFace(layer);
      await io.write(0, block(1, 2));
      await io.flush();
      await io.write(0, block(2));
    }, 2);
    expect([...found].sort()).to.deep.equal(['1 1', '2 1']);
  });

  it('keeps a write with FUA, and nothing older comes back over it', async () => {
    const found = await survivors(async (layer) => {
      const io = promiseFace(layer);
      await io.write(0, block(1, 2));
      await io.write(0, block(2), { fua: true });
    }, 2);
    expect([...found].sort()).to.deep.equal(['2 0', '2 1']);
  });

  it('may lose an unmap that was not flushed', async () => {
    const found = await survivors(async (layer) => {
      const io = promiseFace(layer);
      await io.write(0, block(1, 2), { fua: true });
      await io.unmap(0, BLOCK);
    }, 2);
    expect([...found].sort()).to.deep.equal(['0 1', '1 1']);
  });

  it('never tears inside the atomic unit', async () => {
    const found = await survivors(
      async (layer) => {
        await promiseFace(layer).write(0, block(1, 8));
        await promiseFace(layer).write(0, block(2, 4));
      },
      8,
      4096,
    );
    const whole = ['0 0 0 0 0 0 0 0', '1 1 1 1 1 1 1 1', '2 2 2 2 1 1 1 1'];
    expect([...found].sort()).to.deep.equal(whole);
  });

  it('leaves the same for the same seed', async () => {
    const run = async (): Promise<string> => {
      const medium = new MemoryDevice({ capacityBytes: CAPACITY_BYTES });
      const layer = new CrashLayer(medium);
      for (let index = 0; index < 50; index++) {
        await promiseFace(layer).write(((index * 7) % 64) * BLOCK, block(index + 1));
        if (index === 25) await promiseFace(layer).flush();
      }
      await layer.crash(new SeededRandom(77));
      return (await valuesOf(medium, 64)).join(' ');
    };
    expect(await run()).to.equal(await run());
  });

  it('reads what it holds back', async () => {
    const layer = new CrashLayer(new MemoryDevice({ capacityBytes: CAPACITY_BYTES }));
    await promiseFace(layer).write(BLOCK, block(5));
    expect(await valuesOf(layer, 3)).to.deep.equal([0, 5, 0]);
    expect(layer.unflushedBlocks).to.equal(1);
  });

  it('is dead after the crash', async () => {
    const layer = new CrashLayer(new MemoryDevice({ capacityBytes: CAPACITY_BYTES }));
    await layer.crash(new SeededRandom(1));
    expect(await outcomeOf(layer, { op: BlockOp.flush })).to.equal('notReady');
  });
});
