import { expect } from 'chai';
import { MIB } from '../../../lib/base/index.ts';
import type { DesiredPartition } from '../../../lib/admin/index.ts';
import { BlockOp, MemoryDevice } from '../../../lib/block/index.ts';
import { HeldDevice } from '../../fakes/held-device.ts';
import { failureOf, host, LiveServer } from './live-server.ts';
import type { HostLun } from './live-server.ts';

const data1: DesiredPartition = {
  name: 'data1',
  sizeBytes: 4 * MIB,
  lun: 0,
  blockSizeBytes: 512,
  shared: false,
  hosts: { web1: 'rw' },
};
const wanted = { hosts: [host('web1')], partitions: [data1] };
const BLOCK = Buffer.alloc(512, 1);
const WCE = 0x04;

/** Commands that write, each with its data. */
const writes: readonly (readonly [string, readonly number[], Buffer])[] = [
  ['WRITE', [0x2a, 0, 0, 0, 0, 0, 0, 0, 1], BLOCK],
  ['WRITE SAME', [0x93, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8], BLOCK],
  ['WRITE SAME of zeros', [0x93, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8], Buffer.alloc(512)],
  [
    'COMPARE AND WRITE',
    [0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    Buffer.concat([BLOCK, BLOCK]),
  ],
  ['UNMAP', [0x42, 0, 0, 0, 0, 0, 0, 0, 24], unmapList()],
];

function unmapList(): Buffer {
  const list = Buffer.alloc(24);
  list.writeUInt16BE(22, 0);
  list.writeUInt16BE(16, 2);
  list.writeUInt32BE(8, 16);
  return list;
}

describe('the way of a write to the disk', () => {
  let disk: HeldDevice;
  let live: LiveServer;
  let lun: HostLun;

  afterEach(() => live.stop());

  async function start(writeCache: boolean): Promise<void> {
    const memory = new MemoryDevice({ capacityBytes: 64 * MIB });
    disk = new HeldDevice(memory, { volatileWriteCache: true });
    live = await LiveServer.start({ device: disk, wanted, settings: { writeCache } });
    lun = await live.login(host('web1').iqn);
    await lun.write();
    disk.seen.length = 0;
  }

  const cachingPage = async (): Promise<number> => {
    const { data } = await lun.command([0x1a, 0x08, 0x08, 0, 64], undefined, 64);
    return data[4 + 2]!;
  };
  const changing = (): boolean[] =>
    disk.seen.filter(({ op }) => op !== BlockOp.read && op !== BlockOp.flush).map(({ fua }) => fua);

  describe('with a write cache', () => {
    beforeEach(() => start(true));

    it('tells so by WCE', async () => {
      expect((await cachingPage()) & WCE).to.equal(WCE);
    });

    it('is not forced, unless by FUA', async () => {
      await lun.write();
      await lun.command([0x2a, 0x08, 0, 0, 0, 0, 0, 0, 1], BLOCK);
      expect(changing()).to.deep.equal([false, true]);
    });

    it('ends in a flush by SYNCHRONIZE CACHE', async () => {
      await lun.flush();
      expect(disk.seen.map(({ op }) => op)).to.deep.equal([BlockOp.flush]);
    });
  });

  describe('with io.writeCache off', () => {
    beforeEach(() => start(false));

    it('tells so by WCE, and no host can change it', async () => {
      expect((await cachingPage()) & WCE).to.equal(0);
      const page = Buffer.alloc(4 + 20);
      page.set([0x08, 18, WCE], 4);
      expect((await lun.command([0x15, 0x10, 0, 0, page.length], page)).status).to.equal(2);
      expect((await cachingPage()) & WCE).to.equal(0);
    });

    for (const [name, cdb, data] of writes) {
      it(`is forced for ${name}`, async () => {
        expect((await lun.command(cdb, data)).status).to.equal(
          name === 'COMPARE AND WRITE' ? 2 : 0,
        );
        if (name === 'COMPARE AND WRITE') {
          // what the first write has left is compared with
          const same = Buffer.concat([Buffer.alloc(512, 7), BLOCK]);
          expect((await lun.command(cdb, same)).status).to.equal(0);
        }
        expect(changing()).to.not.be.empty;
        expect(changing()).to.not.include(false);
      });
    }
  });
});

describe('blocks of 4096 bytes', () => {
  let live: LiveServer;

  beforeEach(async () => {
    const device = new MemoryDevice({ capacityBytes: 64 * MIB, blockSizeBytes: 4096 });
    live = await LiveServer.start({ device });
  });

  afterEach(() => live.stop());

  const create = (blockSizeBytes: number | null) =>
    live.server.createPartition({ ...data1, hosts: {}, blockSizeBytes, force: false });

  it('refuse a partition of smaller ones', async () => {
    const { kind, message } = await failureOf(create(512));
    expect(kind).to.equal('usage');
    expect(message).to.contain('4096');
  });

  it('are taken where nothing is asked for', async () => {
    expect((await create(null)).blockSizeBytes).to.equal(4096);
  });

  it('refuse an apply as a whole', async () => {
    const how = { prune: false, force: false, source: null };
    expect((await failureOf(live.server.apply(wanted, how))).kind).to.equal('usage');
    expect(live.server.hosts()).to.deep.equal([]);
  });
});
