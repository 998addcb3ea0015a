import { expect } from 'chai';
import { MIB } from '../../../lib/base/index.ts';
import { BlockOp, TraceLayer } from '../../../lib/block/index.ts';
import {
  memoryDisks,
  openOn,
  refusal,
  stateOf,
  stillClock,
} from '../../fakes/partition-fixtures.ts';
import { PowerWorld } from '../../fakes/power-disk.ts';

describe('Changes of the catalogue that come together', () => {
  it('leave together', async () => {
    const array = await openOn(memoryDisks(2, 16 * MIB));
    await array.create({ name: 'a', sizeBytes: MIB });
    const { generation } = array.status();
    const hosts = Array.from({ length: 100 }, (_, index) => `web${index}`);
    await Promise.all(hosts.map((host) => array.assign('a', host, 'ro')));
    expect(array.partition('a').hosts).to.have.length(100);
    expect(array.status().generation).to.equal(generation + 1);
  });

  it('are each refused or made on their own', async () => {
    const array = await openOn(memoryDisks(1, 16 * MIB));
    const results = await Promise.allSettled([
      array.create({ name: 'a', sizeBytes: MIB }),
      array.create({ name: 'a', sizeBytes: MIB }),
      array.create({ name: 'b', sizeBytes: 100 * MIB }),
      array.create({ name: 'c', sizeBytes: MIB }),
    ]);
    expect(results.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
  });

  it('never share space', async () => {
    const array = await openOn(memoryDisks(1, 16 * MIB));
    const names = Array.from({ length: 20 }, (_, index) => `p${index}`);
    await Promise.allSettled(names.map((name) => array.create({ name, sizeBytes: MIB })));
    expect(array.partitions).to.have.length(12);
    expect(array.status().freeBytes).to.equal(0);
  });

  it('wait for the write under way', async () => {
    const world = new PowerWorld();
    for (let index = 0; index < 2; index++) world.add(16 * MIB);
    const array = await openOn(world.disks);
    await array.create({ name: 'a', sizeBytes: MIB });
    let underWay = 0;
    let most = 0;
    world.tamper = (disk, { op }) => {
      if (disk.name === 'disk0')
        underWay += op === BlockOp.write ? 1 : op === BlockOp.flush ? -2 : 0;
      most = Math.max(most, underWay);
      return undefined;
    };
    const changes = ['web1', 'web2', 'web3'].map(async (host, index) => {
      for (let turn = 0; turn < index * 3; turn++) await Promise.resolve();
      await array.assign('a', host, 'ro');
    });
    await Promise.all(changes);
    expect(most).to.equal(2);
  });

  it('do not lose what others changed', async () => {
    const disks = memoryDisks(2, 16 * MIB);
    const array = await openOn(disks);
    await array.create({ name: 'a', sizeBytes: MIB });
    await Promise.all([
      array.rename('a', 'b'),
      array.reservationStore('a').save(Buffer.from('x')),
      array.create({ name: 'c', sizeBytes: MIB }),
    ]);
    expect(array.reservationStore('b').load()?.toString()).to.equal('x');
    expect(stateOf(await openOn(disks))).to.equal(stateOf(array));
  });
});

describe('Persistent reservations in the catalogue', () => {
  it('are there after a restart, under a new name too', async () => {
    const disks = memoryDisks(1, 16 * MIB);
    const array = await openOn(disks);
    await array.create({ name: 'a', sizeBytes: MIB });
    const store = array.reservationStore('a');
    expect(store.load()).to.equal(null);
    await store.save(Buffer.from([0, 1, 255]));
    await array.rename('a', 'b');
    const again = await openOn(disks);
    expect([...again.reservationStore('b').load()!]).to.deep.equal([0, 1, 255]);
    expect(again.partition('b').reservations).to.equal(true);
    await store.save(Buffer.alloc(0));
    expect(store.load()).to.equal(null);
  });

  it('are durable when saved: every write is flushed before', async () => {
    const traced = memoryDisks(2, 16 * MIB).map((disk) => new TraceLayer(disk, stillClock));
    const array = await openOn(traced);
    await array.create({ name: 'a', sizeBytes: MIB });
    await array.reservationStore('a').save(Buffer.from('x'));
    for (const disk of traced) {
      expect(disk.recent().at(-1)!.op).to.equal(BlockOp.flush);
    }
  });

  it('of more bytes than are kept are refused', async () => {
    const array = await openOn(memoryDisks(1, 16 * MIB));
    await array.create({ name: 'a', sizeBytes: MIB });
    const found = await refusal(array.reservationStore('a').save(Buffer.alloc(65_537)));
    expect(found.message).to.match(/at most 65536 are kept/);
  });

  it('go with their partition', async () => {
    const array = await openOn(memoryDisks(1, 16 * MIB));
    await array.create({ name: 'a', sizeBytes: MIB });
    const store = array.reservationStore('a');
    await store.save(Buffer.from('x'));
    await array.remove('a');
    expect(store.load()).to.equal(null);
    expect((await refusal(store.save(Buffer.from('y')))).kind).to.equal('notFound');
  });
});
