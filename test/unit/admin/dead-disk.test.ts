import { expect } from 'chai';
import { MIB } from '../../../lib/base/index.ts';
import { MemoryDevice } from '../../../lib/block/index.ts';
import { HeldDevice } from '../../fakes/held-device.ts';
import { failureOf, host, LiveServer, until } from './live-server.ts';

const WEB1 = host('web1').iqn;
const LUN_NOT_SUPPORTED = 0x2500;
const wanted = {
  hosts: [host('web1'), host('web2')],
  partitions: ['data1', 'data2'].map((name, lun) => ({
    name,
    sizeBytes: 4 * MIB,
    lun,
    blockSizeBytes: 512,
    shared: false,
    hosts: { web1: 'rw' as const },
  })),
};

describe('a disk that does not let go of a command', function () {
  this.timeout(10_000);
  let disk: HeldDevice;
  let live: LiveServer;

  beforeEach(async () => {
    disk = new HeldDevice(new MemoryDevice({ capacityBytes: 64 * MIB }));
    disk.cancels = false;
    live = await LiveServer.start({ device: disk, wanted, settings: { letGoMs: 600 } });
  });

  afterEach(async () => {
    release();
    // stopped in vain, where that was the test
    await live.stop().catch(() => undefined);
  });

  /** Reads that stay on the disk; catalogue writes go through. */
  async function holdRead(lun = 0): Promise<void> {
    const lunOf = await live.login(WEB1, lun);
    await lunOf.command([0]);
    disk.holding = true;
    void lunOf.read().catch(() => undefined);
    await until(() => disk.held.length > 0);
    disk.holding = false;
  }

  function release(): void {
    disk.holding = false;
    disk.release();
  }

  it('holds up unassign for a bounded time only; the partition is taken all the same', async () => {
    await holdRead();
    const { kind, message } = await failureOf(live.server.unassign('data1', 'web1'));
    expect(kind).to.equal('timedOut');
    expect(message)
      .to.contain('data1 was taken from web1')
      .and.match(/task t-\d+ follows/);
    expect(live.server.partition('data1').assignments).to.deep.equal([]);
    const again = await live.login(WEB1, 0);
    expect((await again.read()).sense).to.include({ code: LUN_NOT_SUPPORTED });
    const [task] = live.server.tasks.entries;
    expect(task).to.include({ state: 'running' });
    release();
    await until(() => task!.state === 'done');
  });

  it('does not hold up the changes behind it', async () => {
    await holdRead();
    const late = failureOf(live.server.unassign('data1', 'web1'));
    const created = live.server.createPartition({
      name: 'data3',
      sizeBytes: MIB,
      lun: null,
      blockSizeBytes: null,
      shared: false,
      hosts: {},
      force: false,
    });
    expect((await late).kind).to.equal('timedOut');
    expect((await created).name).to.equal('data3');
  });

  it('keeps a deleted partition until it lets go: hidden, unchangeable, its space not free', async () => {
    const { freeBytes } = live.server.array();
    await holdRead();
    const { kind, message } = await failureOf(
      live.server.deletePartition('data1', { force: true }),
    );
    expect(kind).to.equal('timedOut');
    expect(message).to.match(/task t-\d+ follows/);
    expect(live.server.partition('data1').state).to.equal('deleting');
    expect(live.server.array().freeBytes).to.equal(freeBytes);
    for (const change of [
      live.server.assign('data1', 'web2', { rights: 'ro', shared: false }),
      live.server.changePartition('data1', { name: 'other' }),
      live.server.deletePartition('data1', { force: true }),
    ]) {
      expect((await failureOf(change)).kind).to.equal('inUse');
    }
    // a change elsewhere shows it to nobody
    await live.server.assign('data2', 'web2', { rights: 'ro', shared: false });
    const other = { lun: null, blockSizeBytes: null, shared: false, hosts: {}, force: false };
    await live.server.createPartition({ ...other, name: 'data3', sizeBytes: MIB });
    const again = await live.login(WEB1, 0);
    expect((await again.read()).sense).to.include({ code: LUN_NOT_SUPPORTED });
    release();
    await until(() => live.server.partitions().every(({ name }) => name !== 'data1'));
    expect(live.server.array().freeBytes).to.equal(freeBytes + 4 * MIB - MIB);
  });

  it('holds up the removal of a host for a bounded time only', async () => {
    await holdRead();
    const { kind } = await failureOf(live.server.removeHost('web1', { force: true }));
    expect(kind).to.equal('timedOut');
    expect(live.server.hosts().map(({ name }) => name)).to.deep.equal(['web2']);
    expect((await failureOf(live.login(WEB1))).kind).to.equal('notAllowed');
  });

  it('holds up the end of the server for a bounded time only', async () => {
    await holdRead();
    const { kind, message } = await failureOf(live.server.stop());
    expect(kind).to.equal('timedOut');
    expect(message).to.contain('not let go');
  });

  it('holds up the end of a session for a bounded time only', async () => {
    await holdRead();
    const [session] = live.server.sessions();
    const { kind } = await failureOf(live.server.dropSession(String(session!.tsih)));
    expect(kind).to.equal('timedOut');
    expect(live.server.sessions()).to.deep.equal([]);
  });
});
