import { expect } from 'chai';
import { MIB } from '../../../lib/base/index.ts';
import { ANY_HOST } from '../../../lib/admin/index.ts';
import type { DesiredPartition, Rights } from '../../../lib/admin/index.ts';
import { Initiator } from '../../../lib/transport/index.ts';
import { failureOf, host, LiveServer, until } from './live-server.ts';

const LUN_NOT_SUPPORTED = 0x2500;
const DATA_PROTECT = 7;
const [A, B, GUEST] = ['a', 'b', 'guest'].map((name) => host(name).iqn) as [string, string, string];
const partition = (
  name: string,
  lun: number,
  hosts: Record<string, Rights>,
  shared = false,
): DesiredPartition => ({ name, sizeBytes: 4 * MIB, lun, blockSizeBytes: 512, shared, hosts });

const wanted = {
  hosts: [host('a'), host('b')],
  partitions: [
    partition('of-a', 0, { a: 'rw' }),
    partition('of-b', 1, { b: 'rw' }),
    partition('both', 2, { a: 'rw', b: 'rw' }, true),
    partition('nobody', 3, {}),
    partition('media', 4, { [ANY_HOST]: 'ro', b: 'rw' }),
  ],
};

describe('hosts of one server', () => {
  let live: LiveServer;

  beforeEach(async () => {
    live = await LiveServer.start({ wanted });
  });

  afterEach(() => live.stop());

  const seenBy = async (initiatorName: string): Promise<string[]> => {
    const { partitions } = await Initiator.discover(live.portal, { initiatorName });
    return partitions!.map(({ name, rights }) => `${name}:${rights}`);
  };

  it('are told of what is theirs and of what is anybody’s, with their rights', async () => {
    expect(await seenBy(A)).to.deep.equal(['of-a:rw', 'both:rw', 'media:ro']);
    expect(await seenBy(B)).to.deep.equal(['of-b:rw', 'both:rw', 'media:rw']);
    expect(await seenBy(GUEST)).to.deep.equal(['media:ro']);
  });

  it('reach no LUN of another by guessing its number', async () => {
    const first = await live.login(A);
    for (const lun of [1, 3, 5]) {
      const other = live.lun(first, lun);
      expect((await other.read()).sense, `LUN ${lun}`).to.include({ code: LUN_NOT_SUPPORTED });
      expect((await other.write()).sense, `LUN ${lun}`).to.include({ code: LUN_NOT_SUPPORTED });
    }
  });

  it('write to nothing that is read-only to them', async () => {
    const media = await live.login(A, 4);
    expect((await media.read()).status).to.equal(0);
    expect((await media.write()).sense).to.include({ key: DATA_PROTECT });
    expect((await (await live.login(B, 4)).write()).status).to.equal(0);
  });

  it('lose what is taken from them at once, and the others notice nothing', async () => {
    const [mine, theirs] = [await live.login(A, 2), await live.login(B, 2)];
    await mine.read();
    await theirs.read();
    await live.server.unassign('both', 'a');
    expect((await mine.read()).sense).to.include({ code: LUN_NOT_SUPPORTED });
    expect((await theirs.command([0])).status).to.equal(0);
    expect(live.server.sessions()).to.have.length(2);
  });

  it('get rights on a live session as they change', async () => {
    const mine = await live.login(A, 0);
    await mine.write();
    await live.server.assign('of-a', 'a', { rights: 'ro', shared: false });
    expect((await mine.write()).sense).to.include({ key: DATA_PROTECT });
    await live.server.assign('of-a', 'a', { rights: 'rw', shared: false });
    expect((await mine.write()).status).to.equal(0);
  });

  it('that are not listed are gone when the last partition for anybody is', async () => {
    await live.login(GUEST, 4);
    await live.server.unassign('media', ANY_HOST);
    expect(live.server.sessions()).to.deep.equal([]);
    expect((await failureOf(live.login(GUEST, 4))).kind).to.equal('notAllowed');
  });

  it('have to prove themselves once they are listed with CHAP, also on a live session', async () => {
    await live.login(GUEST, 4);
    const chap = { user: 'guest', secret: 'sixteen-bytes-ok' };
    await live.server.addHost({ name: 'guest', iqn: GUEST, chap });
    await until(() => live.server.sessions().length === 0);
    expect((await failureOf(live.login(GUEST, 4))).kind).to.equal('notAllowed');
  });

  it('are the same by whatever case their name is written in', async () => {
    await live.login(A.toUpperCase().replace('IQN', 'iqn'), 0);
    expect(live.server.sessions()[0]).to.include({ host: 'a', initiatorName: A });
  });

  it('see no partition that was made under the name of one they had', async () => {
    const mine = await live.login(A, 0);
    await mine.read();
    await live.server.deletePartition('of-a', { force: true });
    await live.server.createPartition({
      ...partition('of-a', 9, {}),
      force: false,
    });
    expect(await seenBy(A)).to.deep.equal(['both:rw', 'media:ro']);
  });
});
