import { expect } from 'chai';
import { MIB } from '../../../lib/base/index.ts';
import { MemoryDevice, promiseFace } from '../../../lib/block/index.ts';
import type { DiskArray } from '../../../lib/partition/index.ts';
import { memoryDisks, openOn, readFrom, refusal, stateOf } from '../../fakes/partition-fixtures.ts';

describe('Partitions', () => {
  let array: DiskArray;
  let disks: MemoryDevice[];

  beforeEach(async () => {
    disks = memoryDisks(2, 16 * MIB);
    array = await openOn(disks, { layout: 'stripe' });
  });

  it('have the size that was asked for, in whole allocation units below', async () => {
    const view = await array.create({ name: 'odd', sizeBytes: MIB + 512 });
    expect(view.sizeBytes).to.equal(MIB + 512);
    expect(view.allocatedBytes).to.equal(2 * MIB);
    expect(array.device('odd').capacityBytes).to.equal(MIB + 512);
  });

  it('get the lowest free LUN unless one is named', async () => {
    await array.create({ name: 'a', sizeBytes: MIB, lun: 1 });
    await array.create({ name: 'b', sizeBytes: MIB });
    await array.create({ name: 'c', sizeBytes: MIB });
    expect(array.partitions.map(({ lun }) => lun)).to.deep.equal([1, 0, 2]);
  });

  it('are assigned to nobody at first', async () => {
    expect((await array.create({ name: 'a', sizeBytes: MIB })).hosts).to.deep.equal([]);
  });

  it('keep their identity on rename and get a new one on re-creation', async () => {
    const { uuid } = await array.create({ name: 'a', sizeBytes: MIB });
    expect((await array.rename('a', 'b')).uuid).to.equal(uuid);
    expect(array.device('b').name).to.equal('b');
    await array.remove('b');
    expect((await array.create({ name: 'b', sizeBytes: MIB })).uuid).not.to.equal(uuid);
  });

  it('grow while in use and tell who listens', async () => {
    await array.create({ name: 'a', sizeBytes: MIB });
    const device = array.device('a');
    const heard: number[] = [];
    device.onCapacityChange((bytes) => heard.push(bytes));
    await promiseFace(device).write(0, Buffer.alloc(MIB, 7));
    await array.grow('a', 5 * MIB);
    expect(heard).to.deep.equal([5 * MIB]);
    expect((await readFrom(device, 0, MIB)).every((byte) => byte === 7)).to.equal(true);
    expect((await readFrom(device, MIB, 4 * MIB)).every((byte) => byte === 0)).to.equal(true);
  });

  it('read as zeros where another partition has been', async () => {
    await array.create({ name: 'a', sizeBytes: 8 * MIB });
    await promiseFace(array.device('a')).write(0, Buffer.alloc(8 * MIB, 7));
    await array.remove('a');
    await array.create({ name: 'b', sizeBytes: 8 * MIB });
    const bytes = await readFrom(array.device('b'), 0, 8 * MIB);
    expect(bytes.every((byte) => byte === 0)).to.equal(true);
  });

  it('give their space back when deleted', async () => {
    const { freeBytes } = array.status();
    await array.create({ name: 'a', sizeBytes: freeBytes });
    expect(array.status().freeBytes).to.equal(0);
    await array.remove('a');
    expect(array.status().freeBytes).to.equal(freeBytes);
  });

  it('use space in pieces when there is none in one piece', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await array.create({ name, sizeBytes: 4 * MIB });
    }
    for (const name of ['a', 'c', 'e']) await array.remove(name);
    const view = await array.create({ name: 'wide', sizeBytes: 10 * MIB });
    expect(view.extentCount).to.equal(3);
    const bytes = Buffer.alloc(10 * MIB).map((_, at) => at >> 12);
    await promiseFace(array.device('wide')).write(0, bytes);
    expect((await readFrom(array.device('wide'), 0, bytes.length)).equals(bytes)).to.equal(true);
    const found = await openOn(disks, { layout: 'stripe' });
    expect((await readFrom(found.device('wide'), 0, bytes.length)).equals(bytes)).to.equal(true);
  });

  it('deleted under a device leave it without anything to serve', async () => {
    await array.create({ name: 'a', sizeBytes: MIB });
    const device = array.device('a');
    await array.remove('a');
    const error = await readFrom(device, 0, 512).catch(String);
    expect(error).to.match(/notReady/);
  });

  it('have one device for all who ask, and a new one after it was closed', async () => {
    await array.create({ name: 'a', sizeBytes: MIB });
    const device = array.device('a');
    expect(array.device('a')).to.equal(device);
    await device.close();
    expect(array.device('a')).not.to.equal(device);
    expect((await readFrom(array.device('a'), 0, 512)).length).to.equal(512);
  });

  it('of 4096-byte blocks refuse transfers of 512 bytes', async () => {
    await array.create({ name: 'a', sizeBytes: MIB, blockSizeBytes: 4096 });
    expect(array.device('a').blockSizeBytes).to.equal(4096);
    const error = await readFrom(array.device('a'), 512, 512).catch(String);
    expect(error).to.match(/outOfRange/);
  });

  it('can not have smaller blocks than the disks, and have theirs by default', async () => {
    const disk = new MemoryDevice({ capacityBytes: 16 * MIB, blockSizeBytes: 4096, name: 'm0' });
    const large = await openOn([disk]);
    const wish = { name: 'a', sizeBytes: MIB };
    const { kind, message } = await refusal(large.create({ ...wish, blockSizeBytes: 512 }));
    expect(kind).to.equal('usage');
    expect(message).to.match(/disks have blocks of 4096 bytes, asked for 512/);
    expect((await large.create(wish)).blockSizeBytes).to.equal(4096);
  });

  const refused: [string, string, RegExp, () => Promise<unknown>][] = [
    ['a name in capitals', 'usage', /partition name "A"/, () => make('A')],
    ['an empty name', 'usage', /partition name ""/, () => make('')],
    ['a name of 64 characters', 'usage', /at most 63/, () => make('a'.repeat(64))],
    ['a name that exists', 'conflict', /have exists already/, () => make('have')],
    ['a taken LUN', 'conflict', /LUN 3 is taken by partition have/, () => make('b', { lun: 3 })],
    ['a LUN of 16384', 'usage', /from 0 to 16383/, () => make('b', { lun: 16_384 })],
    ['half a block', 'usage', /whole blocks of 512/, () => make('b', { sizeBytes: MIB + 100 })],
    ['less than 1 MiB', 'usage', /at least 1 MiB/, () => make('b', { sizeBytes: 512 })],
    ['too much', 'conflict', /needs 1000 MiB more/, () => make('b', { sizeBytes: 1000 * MIB })],
    ['to grow what is absent', 'notFound', /"none"/, () => array.grow('none', 2 * MIB)],
    ['to shrink', 'usage', /can't shrink/, () => array.grow('have', MIB)],
    ['to delete what is absent', 'notFound', /"none"/, () => array.remove('none')],
    ['to rename to a taken name', 'conflict', /exists/, () => array.rename('have', 'other')],
    ['to rename to a bad name', 'usage', /name "_"/, () => array.rename('have', '_')],
  ];
  const make = (name: string, options: object = {}): Promise<unknown> =>
    array.create({ name, sizeBytes: MIB, ...options });

  for (const [name, kind, message, attempt] of refused) {
    it(`refuse ${name} and change nothing`, async () => {
      await array.create({ name: 'have', sizeBytes: 2 * MIB, lun: 3 });
      await array.create({ name: 'other', sizeBytes: MIB });
      const before = stateOf(array);
      const found = await refusal(Promise.resolve().then(attempt));
      expect(found.kind).to.equal(kind);
      expect(found.message).to.match(message);
      expect(stateOf(array)).to.equal(before);
      expect(stateOf(await openOn(disks, { layout: 'stripe' }))).to.equal(before);
    });
  }

  it('appear as a configuration file has them', async () => {
    await array.create({ name: 'a', sizeBytes: MIB, lun: 4, shared: 'cluster' });
    await array.assign('a', 'web1', 'rw');
    expect(array.export()).to.deep.equal({
      a: { sizeBytes: MIB, lun: 4, blockSizeBytes: 512, shared: 'cluster', hosts: { web1: 'rw' } },
    });
  });
});
