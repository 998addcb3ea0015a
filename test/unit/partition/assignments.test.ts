import { expect } from 'chai';
import { MIB } from '../../../lib/base/index.ts';
import type { MemoryDevice } from '../../../lib/block/index.ts';
import type { DiskArray } from '../../../lib/partition/index.ts';
import { memoryDisks, openOn, refusal } from '../../fakes/partition-fixtures.ts';

describe('Assignments', () => {
  let array: DiskArray;
  let disks: MemoryDevice[];

  beforeEach(async () => {
    disks = memoryDisks(1, 16 * MIB);
    array = await openOn(disks);
    await array.create({ name: 'a', sizeBytes: MIB });
  });

  const hosts = (from = array): [string, string][] =>
    from.partition('a').hosts.map(({ host, rights }) => [host, rights]);

  it('survive a restart', async () => {
    await array.assign('a', 'web1', 'rw');
    await array.assign('a', '*', 'ro');
    expect(hosts(await openOn(disks))).to.deep.equal([
      ['*', 'ro'],
      ['web1', 'rw'],
    ]);
  });

  it('come with a new partition in one step, or not at all', async () => {
    const { generation } = array.status();
    await array.create({ name: 'b', sizeBytes: MIB, hosts: { web1: 'rw', '*': 'ro' } });
    expect(array.partition('b').hosts.map(({ host }) => host)).to.deep.equal(['*', 'web1']);
    // one for what is wanted, one when its space is zeroed
    expect(array.status().generation).to.equal(generation + 2);
    const hosts = { web1: 'rw', web2: 'rw' } as const;
    const { kind } = await refusal(array.create({ name: 'c', sizeBytes: MIB, hosts }));
    expect(kind).to.equal('notAllowed');
    expect(array.find('c')).to.equal(undefined);
  });

  it('are made together with the sharing that they need, or not at all', async () => {
    await array.assign('a', 'web1', 'rw');
    expect((await refusal(array.assign('a', '/', 'rw', 'cluster'))).kind).to.equal('usage');
    expect(array.partition('a').shared).to.equal('none');
    await array.assign('a', 'web2', 'rw', 'cluster');
    expect(array.partition('a').shared).to.equal('cluster');
  });

  it('change their rights when made again', async () => {
    await array.assign('a', 'web1', 'rw');
    await array.assign('a', 'web1', 'ro');
    expect(hosts()).to.deep.equal([['web1', 'ro']]);
  });

  it('end by unassign', async () => {
    await array.assign('a', 'web1', 'rw');
    await array.unassign('a', 'web1');
    expect(hosts(await openOn(disks))).to.deep.equal([]);
  });

  it('that are the same already cost no write', async () => {
    await array.assign('a', 'web1', 'rw');
    const { generation } = array.status();
    await array.assign('a', 'web1', 'rw');
    expect(array.status().generation).to.equal(generation);
  });

  it('for writing by a second host are refused with the reason', async () => {
    await array.assign('a', 'web1', 'rw');
    const { kind, message } = await refusal(array.assign('a', 'web2', 'rw'));
    expect(kind).to.equal('notAllowed');
    expect(message).to.match(/hosts web1, web2: two hosts that mount one ordinary file system/);
    expect(hosts()).to.deep.equal([['web1', 'rw']]);
  });

  it('for writing by any host are refused even for the first one', async () => {
    expect((await refusal(array.assign('a', '*', 'rw'))).kind).to.equal('notAllowed');
  });

  it('for reading by several hosts are fine', async () => {
    for (const host of ['web1', 'web2', '*']) await array.assign('a', host, 'ro');
    expect(hosts()).to.have.length(3);
  });

  it('for writing by several hosts need the partition to be shared', async () => {
    await array.setShared('a', 'cluster');
    await array.assign('a', 'web1', 'rw');
    await array.assign('a', 'web2', 'rw');
    expect(hosts()).to.have.length(2);
    expect((await refusal(array.setShared('a', 'none'))).kind).to.equal('notAllowed');
    await array.unassign('a', 'web2');
    expect((await array.setShared('a', 'none')).shared).to.equal('none');
  });

  it('to a host with a bad name are refused', async () => {
    expect((await refusal(array.assign('a', 'Web 1', 'rw'))).kind).to.equal('usage');
  });

  it('that do not exist can not be ended', async () => {
    const { kind, message } = await refusal(array.unassign('a', 'web9'));
    expect(kind).to.equal('notFound');
    expect(message).to.match(/not assigned to host web9/);
  });
});

describe('An array of another server', () => {
  let disks: MemoryDevice[];
  let uuid: string;

  beforeEach(async () => {
    disks = memoryDisks(2, 16 * MIB);
    const theirs = await openOn(disks, { serverId: 'iqn.theirs' });
    await theirs.create({ name: 'a', sizeBytes: MIB });
    await theirs.create({ name: 'b', sizeBytes: MIB });
    for (const name of ['a', 'b']) await theirs.assign(name, 'web1', 'rw');
    uuid = theirs.uuid;
  });

  it('is shown and not served', async () => {
    const array = await openOn(disks);
    expect(array.state).to.equal('foreign');
    expect(array.status().owner).to.equal('iqn.theirs');
    expect(array.partitions).to.have.length(2);
    expect(() => array.device('a')).to.throw(/hawser array import/);
    expect((await refusal(array.create({ name: 'c', sizeBytes: MIB }))).kind).to.equal(
      'notAllowed',
    );
    expect((await refusal(array.assign('a', 'web2', 'ro'))).kind).to.equal('notAllowed');
  });

  it('is not written to before its import', async () => {
    const { generation } = (await openOn(disks)).status();
    expect((await openOn(disks, { serverId: 'iqn.theirs' })).status().generation).to.equal(
      generation,
    );
  });

  it('is served after its import, all assignments suspended', async () => {
    const array = await openOn(disks);
    await array.importArray(uuid);
    expect(array.state).to.equal('online');
    const again = await openOn(disks);
    expect(again.state).to.equal('online');
    for (const { hosts } of again.partitions) {
      expect(hosts).to.deep.equal([{ host: 'web1', rights: 'rw', suspended: true }]);
    }
  });

  it('gives access again where the operator confirms it, and only there', async () => {
    const array = await openOn(disks);
    await array.importArray(uuid);
    await array.confirm('a', 'web1');
    await array.assign('b', 'web1', 'ro');
    expect(array.partition('a').hosts[0]!.suspended).to.equal(false);
    expect(array.partition('b').hosts).to.deep.equal([
      { host: 'web1', rights: 'ro', suspended: false },
    ]);
    expect((await refusal(array.confirm('a', 'web7'))).kind).to.equal('notFound');
  });

  it('no longer belongs to the other server then', async () => {
    await (await openOn(disks)).importArray(uuid);
    expect((await openOn(disks, { serverId: 'iqn.theirs' })).state).to.equal('foreign');
  });

  it('is only taken over by its own UUID, and once', async () => {
    const array = await openOn(disks);
    expect((await refusal(array.importArray('other'))).kind).to.equal('notFound');
    await array.importArray(uuid);
    expect((await refusal(array.importArray(uuid))).kind).to.equal('conflict');
  });
});
