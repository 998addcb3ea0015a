import { expect } from 'chai';
import { MIB } from '../../lib/base/index.ts';
import { BlockOp, MemoryDevice } from '../../lib/block/index.ts';
import {
  compareAndWrite,
  inquiry,
  modeSense6,
  read10,
  read16,
  readCapacity16,
  synchronizeCache10,
  unmap,
  unmapList,
  write10,
  writeSame16,
} from '../fakes/cdbs.ts';
import { HeldDevice } from '../fakes/held-device.ts';
import { TargetWorld, settle } from '../fakes/target-harness.ts';
import type { WorldOptions } from '../fakes/target-harness.ts';
import { BLOCK, OTHER, Peer } from './support/peer.ts';

const GOOD = 0;

async function connected(options?: WorldOptions): Promise<{ world: TargetWorld; peer: Peer }> {
  const world = new TargetWorld(options);
  return { world, peer: await new Peer(world).connect() };
}

/** A device whose requests a test can look at; it says to have a write cache. */
function watched(): { options: WorldOptions; device: HeldDevice } {
  const memory = new MemoryDevice({ capacityBytes: 16 * MIB });
  const device = new HeldDevice(memory, { volatileWriteCache: true });
  return { options: { device: () => device }, device };
}

const filled = (blocks: number, value: number): Buffer => Buffer.alloc(blocks * BLOCK, value);

describe('Capacity and ranges (rules 65, 66)', () => {
  it('READ CAPACITY(10) tells FFFFFFFFh above 2 TiB, and (16) the truth', async () => {
    const device = new MemoryDevice({ capacityBytes: 2 ** 41 + BLOCK });
    const { peer } = await connected({ device: () => device });
    const ten = await peer.run([0x25], { inBytes: 8 });
    expect(ten.data.readUInt32BE(0)).to.equal(0xffffffff);
    const sixteen = await peer.run(readCapacity16(), { inBytes: 32 });
    expect(sixteen.data.readBigUInt64BE(0)).to.equal(2n ** 32n);
  });

  it('length 0 is 256 blocks in a 6-byte CDB, and none in a longer one', async () => {
    const { peer } = await connected();
    expect((await peer.run([0x08], { inBytes: 256 * BLOCK })).data.length).to.equal(256 * BLOCK);
    const none = await peer.run(read10(0, 0), { inBytes: BLOCK });
    expect([none.status, none.data.length]).to.deep.equal([GOOD, 0]);
  });

  for (const [what, lba, blocks] of [
    ['of no blocks behind the last one', 32_769n, 0],
    ['that begins inside and ends outside', 32_760n, 9],
    ['at 2^53', 2n ** 53n, 1],
    ['whose end overflows 64 bits', 2n ** 64n - 1n, 2],
    ['with every bit set', 2n ** 64n - 1n, 0xffffffff],
  ] as const) {
    it(`a range ${what} is LBA OUT OF RANGE before a byte moves`, async () => {
      const { world, peer } = await connected();
      const { sense, data } = await peer.run(read16(lba, blocks), { inBytes: BLOCK });
      expect([sense, data.length]).to.deep.equal(['5/2100', 0]);
      expect(world.buffers.usedBytes).to.equal(0);
    });
  }

  it('a range up to the last block is there', async () => {
    const { peer } = await connected();
    const { status, data } = await peer.run(read16(32_760n, 8), { inBytes: 8 * BLOCK });
    expect([status, data.length]).to.deep.equal([GOOD, 8 * BLOCK]);
  });
});

describe('COMPARE AND WRITE (rule 67)', () => {
  it('is one step for all sessions: of two on one block one wins', async () => {
    const { options, device } = watched();
    const { world, peer } = await connected(options);
    const other = await new Peer(world).connect({ name: OTHER });
    device.holding = true;
    const outs = [filled(1, 1), filled(1, 2)].map((to) => Buffer.concat([filled(1, 0), to]));
    const cdb = Buffer.alloc(16);
    cdb.set(compareAndWrite(0, 1));
    for (const [index, one] of [peer, other].entries()) {
      const value = { write: true, expectedDataTransferLengthBytes: 2 * BLOCK };
      one.command(cdb, value, outs[index]);
    }
    for (let step = 0; step < 10; step++) {
      device.release();
      await settle();
    }
    const answers = [await peer.answer(), await other.answer()];
    const statuses = answers.map(({ header }) => header[3]).sort();
    expect(statuses).to.deep.equal([0, 2]);
  });

  it('tells a miscompare with its offset, and writes nothing', async () => {
    const { peer } = await connected();
    const expected = filled(2, 0);
    expected[700] = 9;
    const out = Buffer.concat([expected, filled(2, 7)]);
    const cdb = Buffer.alloc(16);
    cdb.set(compareAndWrite(0, 2));
    peer.command(cdb, { write: true, expectedDataTransferLengthBytes: out.length }, out);
    const response = await peer.answer();
    const sense = response.data.subarray(2);
    expect(sense[0]! & 0x80, 'VALID').to.equal(0x80);
    expect(sense.readUInt32BE(3), 'INFORMATION').to.equal(700);
    expect(sense.readUInt16BE(12)).to.equal(0x1d00);
    const { data } = await peer.run(read10(0, 2), { inBytes: 1024 });
    expect(data.every((byte) => byte === 0)).to.equal(true);
  });

  it('keeps the limit that VPD B0 tells', async () => {
    const { world, peer } = await connected();
    const { data } = await peer.run(inquiry(0xb0, 64), { inBytes: 64 });
    expect(data[5]).to.equal(world.unit.limits.compareAndWriteBlocks);
    const out = filled(2 * 64, 0);
    expect((await peer.run(compareAndWrite(0, 64), { out })).status).to.equal(GOOD);
  });
});

describe('Durability (rule 68)', () => {
  it('WCE and DPOFUA tell what is: a write without FUA may stay in the cache', async () => {
    const { options, device } = watched();
    const { peer } = await connected(options);
    const { data } = await peer.run(modeSense6(8), { inBytes: 255 });
    expect(data[2]! & 0x10, 'DPOFUA').to.equal(0x10);
    const page = data.subarray(4 + data[3]!);
    expect(page[2]! & 0x04, 'WCE').to.equal(0x04);
    device.seen.length = 0;
    await peer.run(write10(0, 1), { out: filled(1, 1) });
    await peer.run(write10(0, 1, 0x08), { out: filled(1, 2) });
    await peer.run(synchronizeCache10);
    expect(device.seen.map(({ op, fua }) => [op, fua])).to.deep.equal([
      [BlockOp.write, false],
      [BlockOp.write, true],
      [BlockOp.flush, false],
    ]);
  });

  it('SYNCHRONIZE CACHE is answered behind the writes that came before it', async () => {
    const { options, device } = watched();
    const { peer } = await connected(options);
    device.holding = true;
    peer.write(1, filled(1, 3));
    const flush = Buffer.alloc(16);
    flush.set(synchronizeCache10);
    await peer.received();
    peer.command(flush);
    expect(await peer.received(), 'not before the medium says so').to.deep.equal([]);
    device.holding = false;
    device.release();
    expect(await peer.received()).to.have.length(2);
  });
});

describe('UNMAP (rule 69)', () => {
  it('of an empty list is fine, ANCHOR is not', async () => {
    const { peer } = await connected();
    expect((await peer.run(unmap(0))).status).to.equal(GOOD);
    const out = unmapList();
    expect((await peer.run(unmap(out.length), { out })).status).to.equal(GOOD);
    const anchored = unmapList([0, 1]);
    expect((await peer.run(unmap(anchored.length, 1), { out: anchored })).sense).to.equal('5/2400');
  });

  it('keeps the limits of VPD B0', async () => {
    const { peer } = await connected();
    const { data } = await peer.run(inquiry(0xb0, 64), { inBytes: 64 });
    const [blocks, descriptors] = [data.readUInt32BE(20), data.readUInt32BE(24)];
    const many = Array.from({ length: descriptors + 1 }, (): [number, number] => [0, 1]);
    const out = unmapList(...many);
    expect((await peer.run(unmap(out.length), { out })).sense).to.equal('5/2600');
    expect(blocks).to.be.above(0);
  });

  it('LBPRZ is told where, and only where, what is unmapped reads zeros', async () => {
    const { peer } = await connected();
    const { data } = await peer.run(readCapacity16(), { inBytes: 32 });
    expect(data[14]! & 0xc0, 'LBPME and LBPRZ').to.equal(0xc0);
    await peer.run(write10(0, 8), { out: filled(8, 5) });
    const out = unmapList([0, 8]);
    await peer.run(unmap(out.length), { out });
    const read = await peer.run(read10(0, 8), { inBytes: 8 * BLOCK });
    expect(read.data.every((byte) => byte === 0)).to.equal(true);
    const thick = new HeldDevice(new MemoryDevice({ capacityBytes: 1 * MIB }), {
      unmap: false,
      unmapReadsZeroes: false,
    });
    const { peer: other } = await connected({ device: () => thick });
    const capacity = await other.run(readCapacity16(), { inBytes: 32 });
    expect(capacity.data[14]! & 0xc0).to.equal(0);
  });
});

describe('WRITE SAME (rule 70)', () => {
  it('of 0 blocks goes to the end, unless WSNZ says otherwise', async () => {
    const { peer } = await connected();
    const { data } = await peer.run(inquiry(0xb0, 64), { inBytes: 64 });
    expect(data[4]! & 0x01, 'WSNZ').to.equal(0);
    const { status } = await peer.run(writeSame16(32_760, 0), { out: filled(1, 6) });
    expect(status).to.equal(GOOD);
    const read = await peer.run(read10(32_752, 16), { inBytes: 16 * BLOCK });
    expect(read.data.subarray(0, 8 * BLOCK).every((byte) => byte === 0)).to.equal(true);
    expect(read.data.subarray(8 * BLOCK).every((byte) => byte === 6)).to.equal(true);
  });

  it('takes one block of Data-Out, and none with NDOB', async () => {
    const { peer } = await connected();
    await peer.run(write10(0, 4), { out: filled(4, 9) });
    expect((await peer.run(writeSame16(0, 2, 0x01))).status).to.equal(GOOD);
    const read = await peer.run(read10(0, 4), { inBytes: 4 * BLOCK });
    expect([read.data[0], read.data[2 * BLOCK]]).to.deep.equal([0, 9]);
    const short = await peer.run(writeSame16(0, 2), { out: Buffer.alloc(100) });
    expect(short.status).to.equal(2);
  });
});
