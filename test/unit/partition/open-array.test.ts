import { expect } from 'chai';
import { MIB } from '../../../lib/base/index.ts';
import { MemoryDevice, promiseFace } from '../../../lib/block/index.ts';
import type { BlockDevice } from '../../../lib/block/index.ts';
import { signatures } from '../../../lib/partition/foreign-content.ts';
import { memoryDisks, openOn, refusal, stateOf } from '../../fakes/partition-fixtures.ts';

const SIZE = 16 * MIB;
const disks = (count: number): MemoryDevice[] => memoryDisks(count, SIZE);
/** The same content under another name. */
async function copyOf(disk: MemoryDevice, name: string): Promise<MemoryDevice> {
  const copy = new MemoryDevice({ capacityBytes: disk.capacityBytes, name });
  const bytes = Buffer.alloc(disk.capacityBytes);
  await promiseFace(disk).read(0, bytes);
  await promiseFace(copy).write(0, bytes);
  return copy;
}

const write = (disk: BlockDevice, at: number, bytes: Uint8Array): Promise<void> => {
  const block = Buffer.alloc(512);
  const offset = at < 0 ? disk.capacityBytes + at : at;
  Buffer.from(bytes).copy(block, offset % 512);
  return promiseFace(disk).write(offset - (offset % 512), block);
};

describe('Opening an array', () => {
  it('makes one of blank disks and finds it again', async () => {
    const members = disks(2);
    const made = await openOn(members, { layout: 'stripe' });
    await made.create({ name: 'data1', sizeBytes: 2 * MIB });
    const found = await openOn(members, { layout: 'stripe', seed: 2 });
    expect(stateOf(found)).to.equal(stateOf(made));
  });

  it('goes by labels, not by the order of the list', async () => {
    const members = disks(3);
    const made = await openOn(members, { layout: 'stripe' });
    await made.create({ name: 'data1', sizeBytes: 3 * MIB });
    const pattern = Buffer.alloc(3 * MIB).map((_, at) => at >> 9);
    await promiseFace(made.device('data1')).write(0, pattern);
    const found = await openOn([members[2]!, members[0]!, members[1]!], { layout: 'stripe' });
    const read = Buffer.alloc(pattern.length);
    await promiseFace(found.device('data1')).read(0, read);
    expect(read.equals(pattern)).to.equal(true);
  });

  it('names a missing disk by its identity and its last path', async () => {
    const members = disks(2);
    const made = await openOn(members);
    const { uuid } = made.status().members[1]!;
    const { kind, message } = await refusal(openOn([members[0]!]));
    expect(kind).to.equal('inUse');
    expect(message).to.contain(`disk ${uuid} (last seen as m1) is missing`);
  });

  it('names a blank disk in the place of a member', async () => {
    const [first] = disks(2);
    await openOn([first!, disks(2)[1]!]);
    const { message } = await refusal(openOn([first!, disks(2)[1]!]));
    expect(message).to.match(/last seen as m1\): found m1 blank/);
  });

  it('names expected and found identity of a swapped disk', async () => {
    const [mine, other] = [disks(2), disks(2)];
    const made = await openOn(mine, { seed: 1 });
    const alien = await openOn(other, { seed: 2 });
    const { kind, message } = await refusal(openOn([mine[0]!, other[1]!]));
    expect(kind).to.equal('inUse');
    expect(message).to.contain(made.status().members[1]!.uuid);
    expect(message).to.contain(
      `found disk ${alien.status().members[1]!.uuid} of array ${alien.uuid}`,
    );
  });

  it('refuses two copies of one disk', async () => {
    const [disk] = disks(1);
    await openOn([disk!]);
    const { kind, message } = await refusal(openOn([disk!, await copyOf(disk!, 'twin')]));
    expect(kind).to.equal('conflict');
    expect(message).to.match(/m0 and twin are both disk/);
  });

  it('refuses a disk that has become smaller', async () => {
    const [disk] = disks(1);
    await openOn([disk!]);
    const cut = new MemoryDevice({ capacityBytes: SIZE - MIB, name: 'm0' });
    const start = Buffer.alloc(MIB);
    await promiseFace(disk!).read(0, start);
    await promiseFace(cut).write(0, start);
    expect((await refusal(openOn([cut]))).message).to.match(/has become smaller/);
  });

  it('serves a disk that has become larger as it was', async () => {
    const [disk] = disks(1);
    const made = await openOn([disk!]);
    disk!.grow(SIZE + 4 * MIB);
    expect(stateOf(await openOn([disk!]))).to.equal(stateOf(made));
  });

  it('refuses another layout and another chunk than the disks have', async () => {
    const members = disks(2);
    await openOn(members, { layout: 'stripe', chunkBytes: 65_536 });
    const layout = await refusal(openOn(members, { layout: 'linear' }));
    expect(layout.message).to.match(/the configuration says linear, the disks stripe/);
    const chunk = await refusal(openOn(members, { layout: 'stripe', chunkBytes: 131_072 }));
    expect(chunk.message).to.match(/says 131072 bytes, the disks 65536/);
  });

  for (const [name, options, message] of [
    ['a mirror', { layout: 'mirror' }, /not in this version/],
    ['a chunk of 5000 bytes', { layout: 'stripe', chunkBytes: 5000 }, /expected a power of two/],
    ['no server identity', { serverId: '' }, /server id/],
  ] as const) {
    it(`refuses ${name} as a usage error`, async () => {
      const found = await refusal(openOn(disks(2), options));
      expect(found.kind).to.equal('usage');
      expect(found.message).to.match(message);
    });
  }

  it('refuses an empty list and a disk without room for metadata', async () => {
    expect((await refusal(openOn([]))).message).to.match(/expected 1 to 64 disks/);
    expect((await refusal(openOn(memoryDisks(1, MIB)))).message).to.match(/too small/);
  });

  it('makes no new array in place of the one that is meant', async () => {
    const members = disks(2);
    const { uuid } = await openOn(members);
    const { kind, message } = await refusal(openOn(disks(2), { arrayUuid: uuid }));
    expect(kind).to.equal('inUse');
    expect(message).to.contain(`array ${uuid}: nothing of it is on m0, m1`);
    expect((await openOn(members, { arrayUuid: uuid })).uuid).to.equal(uuid);
  });

  it('takes a further disk into a linear array', async () => {
    const members = disks(3);
    const made = await openOn(members.slice(0, 2));
    await made.create({ name: 'data1', sizeBytes: 20 * MIB });
    const grown = await openOn(members, { seed: 3 });
    expect(grown.status().totalBytes).to.equal(3 * 12 * MIB);
    await grown.grow('data1', 30 * MIB);
    const again = await openOn(members, { seed: 4 });
    expect(stateOf(again)).to.equal(stateOf(grown));
    expect((await refusal(openOn(members.slice(0, 2)))).message).to.contain('m2) is missing');
  });

  it('refuses a further disk for a stripe', async () => {
    const members = disks(3);
    await openOn(members.slice(0, 2), { layout: 'stripe' });
    const { kind, message } = await refusal(openOn(members, { layout: 'stripe' }));
    expect(kind).to.equal('usage');
    expect(message).to.match(/has no place for m2/);
  });

  it('remembers where a disk was seen last', async () => {
    const members = disks(2);
    await openOn(members);
    const moved = await copyOf(members[1]!, 'moved');
    await openOn([members[0]!, moved]);
    expect((await refusal(openOn([members[0]!]))).message).to.contain('last seen as moved');
  });

  it('brings a disk up to date that comes back with an old state', async () => {
    const members = disks(2);
    const array = await openOn(members);
    await array.create({ name: 'gone', sizeBytes: MIB });
    const old = await copyOf(members[1]!, 'm1');
    await array.remove('gone');
    const again = await openOn([members[0]!, old]);
    expect(again.partitions).to.deep.equal([]);
    expect(again.status().members[1]!.foundBehind).to.be.above(0);
    expect((await openOn([members[0]!, old])).status().members[1]!.foundBehind).to.equal(null);
  });

  it('refuses disks whose newest copies contradict each other', async () => {
    const members = disks(2);
    const array = await openOn(members);
    await array.create({ name: 'both', sizeBytes: MIB });
    const apart = await copyOf(members[1]!, 'm1');
    const fork = await openOn([await copyOf(members[0]!, 'm0'), apart]);
    await array.rename('both', 'left');
    await fork.rename('both', 'right');
    const { kind, message } = await refusal(openOn([members[0]!, apart]));
    expect(kind).to.equal('conflict');
    expect(message).to.match(/contradict each other on m0 and m1/);
  });
});

describe('A disk with foreign content', () => {
  for (const { name, offsetBytes, bytes } of signatures) {
    it(`is refused and named: ${name} at ${offsetBytes}`, async () => {
      const members = disks(2);
      await write(members[1]!, offsetBytes, bytes);
      const { kind, message } = await refusal(openOn(members));
      expect(kind).to.equal('notAllowed');
      expect(message).to.contain(`m1 holds ${name}`);
    });
  }

  it('is refused though nobody knows what it is', async () => {
    const members = disks(2);
    await write(members[0]!, -300_000, Buffer.from('x'));
    const { message } = await refusal(openOn(members));
    expect(message).to.match(/m0 holds unknown data at the end/);
  });

  it('is not touched by the refusal', async () => {
    const members = disks(2);
    await write(members[1]!, 1080, Buffer.from('53ef', 'hex'));
    await refusal(openOn(members));
    const [blank] = [Buffer.alloc(SIZE)];
    await promiseFace(members[0]!).read(0, blank!);
    expect(blank!.every((byte) => byte === 0)).to.equal(true);
  });

  it('becomes a member when the operator says so', async () => {
    const members = disks(2);
    await write(members[1]!, 1080, Buffer.from('53ef', 'hex'));
    const array = await openOn(members, { initialize: true });
    expect(array.state).to.equal('online');
    expect((await openOn(members)).uuid).to.equal(array.uuid);
  });

  it('that was made over a member counts as foreign, not as a damaged label', async () => {
    const members = disks(1);
    await openOn(members);
    await write(members[0]!, 0, Buffer.alloc(512));
    await write(members[0]!, 1080, Buffer.from('53ef', 'hex'));
    const { kind, message } = await refusal(openOn(members));
    expect(kind).to.equal('notAllowed');
    expect(message).to.match(/ext4 file system, made over a disk of a Hawser array/);
  });

  it('"initialize: true" never wipes a disk of an array', async () => {
    const members = disks(2);
    const made = await openOn(members);
    const { kind } = await refusal(openOn([members[0]!, disks(2)[1]!], { initialize: true }));
    expect(kind).to.equal('inUse');
    expect((await openOn(members, { initialize: true })).uuid).to.equal(made.uuid);
  });

  it('of an earlier array is given up by the UUID of the disk', async () => {
    const [first] = disks(2);
    const made = await openOn([first!, disks(2)[1]!]);
    const initialize = made.status().members[0]!.uuid;
    const fresh = await openOn([first!], { initialize, seed: 2 });
    expect(fresh.uuid).not.to.equal(made.uuid);
    expect((await openOn([first!], { initialize, seed: 3 })).uuid).to.equal(fresh.uuid);
  });
});

describe('Damaged metadata', () => {
  it('at the start of every disk is restored from the end', async () => {
    const members = disks(2);
    const made = await openOn(members);
    await made.create({ name: 'data1', sizeBytes: MIB });
    for (const disk of members) await promiseFace(disk).write(0, Buffer.alloc(2 * MIB, 0xee));
    expect(stateOf(await openOn(members))).to.equal(stateOf(made));
    for (const disk of members) {
      await promiseFace(disk).write(SIZE - 2 * MIB, Buffer.alloc(2 * MIB, 0xee));
    }
    expect(stateOf(await openOn(members))).to.equal(stateOf(made));
  });

  it('of all copies is reported, not taken for a new disk', async () => {
    const members = disks(1);
    await openOn(members);
    const garbage = Buffer.alloc(2 * MIB - 131_072, 0xee);
    for (const at of [65_536, SIZE - 2 * MIB]) await promiseFace(members[0]!).write(at, garbage);
    const { kind, message } = await refusal(openOn(members));
    expect(kind).to.equal('unexpected');
    expect(message).to.match(/no readable catalogue on m0/);
  });
});
