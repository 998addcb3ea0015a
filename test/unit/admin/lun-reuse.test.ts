import { expect } from 'chai';
import { MIB } from '../../../lib/base/index.ts';
import type { DesiredPartition, Rights } from '../../../lib/admin/index.ts';
import { failureOf, host, LiveServer } from './live-server.ts';
import type { HostLun } from './live-server.ts';

const WEB1 = host('web1');
const partition = (name: string, lun: number, hosts: Record<string, Rights>): DesiredPartition => ({
  name,
  sizeBytes: 4 * MIB,
  lun,
  blockSizeBytes: 512,
  shared: false,
  hosts,
});
const hosts = [WEB1, host('web2')];

describe('a LUN number that a live session knows as another partition', () => {
  let live: LiveServer;
  let lun: HostLun;

  beforeEach(async () => {
    const wanted = { hosts, partitions: [partition('data1', 7, { web1: 'rw' })] };
    live = await LiveServer.start({ wanted });
    lun = await live.login(WEB1.iqn, 7);
    await lun.read();
  });

  afterEach(() => live.stop());

  const create = (name: string, wantedLun: number | null, force = false) =>
    live.server.createPartition({
      ...partition(name, 0, { web1: 'rw' }),
      ...{ lun: wantedLun, force },
    });
  const forget = () => live.server.deletePartition('data1', { force: true });

  it('is not given to a partition made after a deletion', async () => {
    await forget();
    const { kind, message } = await failureOf(create('data2', 7));
    expect(kind).to.equal('inUse');
    expect(message).to.contain('web1 (127.0.0.1:').and.contain('--force');
    expect(live.server.partitions()).to.deep.equal([]);
  });

  it('is not given either where the name is the same again', async () => {
    await forget();
    expect((await failureOf(create('data1', 7))).kind).to.equal('inUse');
  });

  it('is not chosen where no number is asked for', async () => {
    const taken = live.server.status().partitions;
    await forget();
    for (let made = 0; made < 8 + taken; made++) await create(`p${made}`, null);
    expect(live.server.partitions().map((one) => one.lun)).to.not.include(7);
  });

  it('is given by force, and the session ends', async () => {
    await forget();
    expect((await create('data2', 7, true)).lun).to.equal(7);
    expect(live.server.sessions()).to.deep.equal([]);
  });

  it('is given once the session has ended by itself', async () => {
    await forget();
    await live.server.dropSession(String(live.server.sessions()[0]!.tsih));
    expect((await create('data2', 7)).lun).to.equal(7);
  });

  it('is remembered although the partition was taken from the host before', async () => {
    await live.server.unassign('data1', 'web1');
    await live.server.deletePartition('data1', { force: false });
    expect((await failureOf(create('data2', 7))).kind).to.equal('inUse');
  });

  it('stays with its partition when that gets another name', async () => {
    await live.server.changePartition('data1', { name: 'old' });
    const made = await create('data1', null);
    expect(made.lun).to.not.equal(7);
    expect((await lun.read()).status).to.equal(0);
  });

  it('stays with its partition when another is assigned in its place', async () => {
    await live.server.unassign('data1', 'web1');
    const { kind } = await failureOf(create('data2', 7));
    expect(kind).to.equal('conflict');
  });

  it('is not reused by apply, which changes nothing then', async () => {
    const wanted = { hosts, partitions: [partition('data2', 7, { web1: 'rw' })] };
    const how = { prune: true, force: false, source: null };
    const { kind, message } = await failureOf(live.server.apply(wanted, how));
    expect(kind).to.equal('inUse');
    expect(message).to.contain('web1 (127.0.0.1:');
    expect(live.server.partitions().map(({ name }) => name)).to.deep.equal(['data1']);
    expect((await lun.read()).status).to.equal(0);
    await live.server.apply(wanted, { ...how, force: true });
    expect(live.server.partitions().map(({ name }) => name)).to.deep.equal(['data2']);
    expect(live.server.sessions()).to.deep.equal([]);
  });
});

describe('apply that prunes', () => {
  it('deletes no host that is connected, unless forced', async () => {
    const live = await LiveServer.start({ wanted: { hosts, partitions: [] } });
    try {
      await live.login(WEB1.iqn);
      const wanted = { hosts: [], partitions: [] };
      const how = { prune: true, force: false, source: null };
      expect((await failureOf(live.server.apply(wanted, how))).kind).to.equal('inUse');
      expect(live.server.hosts()).to.have.length(2);
      await live.server.apply(wanted, { ...how, force: true });
      expect(live.server.hosts()).to.deep.equal([]);
    } finally {
      await live.stop();
    }
  });
});
