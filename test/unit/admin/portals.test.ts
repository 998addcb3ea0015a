import { expect } from 'chai';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Initiator } from '../../../lib/transport/index.ts';
import { failureOf, host, LiveServer } from './live-server.ts';

const FIRST = { listen: '127.0.0.1:0', advertise: null };
const SECOND = { listen: '127.0.0.2:0', advertise: null };
const HOST = host('web1');

describe('portals of a running server', () => {
  let live: LiveServer;
  const wanted = { hosts: [HOST], partitions: [] };

  beforeEach(async () => {
    live = await LiveServer.start({ wanted });
  });

  afterEach(() => live.stop());

  const told = async (): Promise<string[]> => {
    const how = { initiatorName: HOST.iqn };
    const { targets } = await Initiator.discover(live.portal, how);
    return targets[0]!.portals.map((portal) => `${portal.host}:${portal.port}`);
  };

  it('tell hosts another address once the configuration says so', async () => {
    expect(await told()).to.deep.equal([live.portal]);
    await live.server.reload([{ ...FIRST, advertise: '192.0.2.1:3260' }], wanted);
    expect(await told()).to.deep.equal(['192.0.2.1:3260']);
    await live.server.reload([FIRST], wanted);
    expect(await told()).to.deep.equal([live.portal]);
  });

  it('come and go, and keep the sessions that came through them', async () => {
    await live.login(HOST.iqn);
    const before = live.portal;
    await live.server.reload([FIRST, SECOND], wanted);
    expect(live.server.status().portals[0]!.address).to.equal(before);
    const [, second] = live.server.status().portals;
    await live.login(HOST.iqn, 0, second!.address);
    await live.server.reload([FIRST], wanted);
    expect(live.server.status().portals).to.have.length(1);
    expect(live.server.sessions()).to.have.length(2);
    expect((await failureOf(live.login(HOST.iqn, 0, second!.address))).kind).to.equal(
      'unreachable',
    );
  });

  it('stay as they are where one of them is taken by another process', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const taken = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const portals = [SECOND, { listen: taken, advertise: null }];
    const before = live.server.status().portals;
    const added = { hosts: [HOST, host('web2')], partitions: [] };
    expect((await failureOf(live.server.reload(portals, added))).kind).to.equal('inUse');
    expect(live.server.status().portals).to.deep.equal(before);
    expect(live.server.hosts()).to.have.length(1);
    other.close();
  });

  it('stay as they are where the file wants what conflicts', async () => {
    const before = live.server.status().portals;
    const twins = { hosts: [HOST, { ...host('web2'), iqn: HOST.iqn }], partitions: [] };
    const portals = [FIRST, SECOND];
    expect((await failureOf(live.server.reload(portals, twins))).kind).to.equal('conflict');
    expect(live.server.status().portals).to.deep.equal(before);
  });
});
