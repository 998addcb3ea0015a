import { expect } from 'chai';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB } from '../../../lib/base/index.ts';
import { createEngine, FileDevice } from '../../../lib/block/index.ts';
import { openArray } from '../../../lib/partition/index.ts';
import { systemRandom, systemTimers } from '../../../lib/transport/index.ts';
import { ANY_HOST } from '../../../lib/admin/index.ts';
import type { Rights } from '../../../lib/admin/index.ts';
import { fileDisk, host, LiveServer } from './live-server.ts';

const [WEB1, WEB2, GUEST] = ['web1', 'web2', 'guest'].map((name) => host(name).iqn) as [
  string,
  string,
  string,
];
const shared = (name: string, lun: number, hosts: Record<string, Rights>) => ({
  name,
  sizeBytes: 4 * MIB,
  lun,
  blockSizeBytes: 512,
  shared: true,
  hosts,
});

describe('persistent registrations of whoever lost the right to have them', () => {
  let live: LiveServer;

  beforeEach(async () => {
    live = await LiveServer.start({
      wanted: {
        hosts: [host('web1'), host('web2')],
        partitions: [
          shared('own', 0, { web1: 'rw', web2: 'rw' }),
          shared('any', 1, { web2: 'rw', [ANY_HOST]: 'rw' }),
        ],
      },
    });
  });

  afterEach(() => live.stop());

  /** Registers and logs out again. */
  async function registerAndLeave(initiatorName: string, lun: number, key: number): Promise<void> {
    const unit = await live.login(initiatorName, lun);
    await unit.register(key);
    unit.session.logout();
  }

  const keysOf = async (lun: number): Promise<number[]> => (await live.login(WEB2, lun)).keys();

  it('go when a host loses the partition while it is away', async () => {
    await registerAndLeave(WEB1, 0, 1);
    await registerAndLeave(WEB2, 0, 2);
    await live.server.unassign('own', 'web1');
    expect(await keysOf(0)).to.deep.equal([2]);
  });

  it('take a reservation with them', async () => {
    const unit = await live.login(WEB1, 0);
    await unit.register(1);
    await unit.reserve(1);
    unit.session.logout();
    const other = await live.login(WEB2, 0);
    expect((await other.write()).status).to.equal(0x18);
    await live.server.unassign('own', 'web1');
    expect((await other.write()).status).to.equal(0);
  });

  it('go when "*" is taken away, but for hosts with an assignment of their own', async () => {
    await registerAndLeave(GUEST, 1, 1);
    await registerAndLeave(WEB1, 1, 2);
    await registerAndLeave(WEB2, 1, 3);
    await live.server.unassign('any', ANY_HOST);
    expect(await keysOf(1)).to.deep.equal([3]);
  });

  it('stay with a host that "*" still lets in', async () => {
    await registerAndLeave(WEB2, 1, 3);
    await live.server.unassign('any', 'web2');
    expect(await keysOf(1)).to.deep.equal([3]);
  });

  it('go with the old name of a host that gets another one', async () => {
    await registerAndLeave(WEB1, 0, 1);
    await live.server.changeHost('web1', { iqn: 'iqn.2026-11.x:other' });
    expect(await keysOf(0)).to.deep.equal([]);
  });

  it('go with a host that is removed', async () => {
    await registerAndLeave(WEB1, 0, 1);
    await live.server.removeHost('web1', { force: true });
    expect(await keysOf(0)).to.deep.equal([]);
  });

  it('stay when rights change from rw to ro', async () => {
    await registerAndLeave(WEB1, 0, 1);
    await live.server.assign('own', 'web1', { rights: 'ro', shared: false });
    expect(await keysOf(0)).to.deep.equal([1]);
  });
});

describe('registrations that a crash left behind', () => {
  it('go before anybody is let in', async () => {
    const wanted = {
      hosts: [host('web1'), host('web2')],
      partitions: [shared('own', 0, { web1: 'rw', web2: 'rw' })],
    };
    const directory = mkdtempSync(join(tmpdir(), 'hawser-left-'));
    const path = join(directory, 'disk.img');
    const options = { wanted, directory, settings: { disks: [fileDisk(path)] } };
    const before = await LiveServer.start(options);
    await (await before.login(WEB1, 0)).register(1);
    const { serverUuid } = before.server.status();
    await before.end();
    await unassignOnDisk(path, serverUuid);
    const after = await LiveServer.start(options);
    expect(await (await after.login(WEB2, 0)).keys()).to.deep.equal([]);
    await after.stop();
  });

  /** As a crash leaves it between the two steps of an unassign. */
  async function unassignOnDisk(path: string, serverId: string): Promise<void> {
    const device = await FileDevice.open({ path, direct: false, engine: createEngine('js') });
    const world = { random: systemRandom(), clock: systemTimers() };
    const array = await openArray({
      disks: [{ device, path }],
      layout: 'linear',
      serverId,
      ...world,
    });
    await array.unassign('own', 'web1');
    expect(array.partition('own').reservations).to.equal(true);
    await array.close();
  }
});
