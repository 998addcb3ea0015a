import { expect } from 'chai';
import { KIB } from '../../lib/base/index.ts';
import { promiseFace } from '../../lib/block/index.ts';
import { Opcode, RESERVED_TAG, dataOut } from '../../lib/iscsi/index.ts';
import type { ValueOf } from '../../lib/wire/index.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import { BLOCK, Peer, expectAtRest, opcodesOf, senseOf } from './support/peer.ts';
import type { Keys, Pdu } from './support/peer.ts';

async function connected(keys: Keys = {}): Promise<{ world: TargetWorld; peer: Peer }> {
  const world = new TargetWorld();
  return { world, peer: await new Peer(world).connect({ keys }) };
}

const pattern = (bytes: number): Buffer =>
  Buffer.from(Array.from({ length: bytes }, (_, index) => (index * 11 + (index >> 8)) & 0xff));

async function stored(world: TargetWorld, bytes: number): Promise<Buffer> {
  const into = Buffer.alloc(bytes);
  await promiseFace(world.device).read(0, into);
  return into;
}

const isBlank = async (world: TargetWorld): Promise<boolean> =>
  (await stored(world, 64 * KIB)).every((byte) => byte === 0);

/** Unsolicited Data-Out for a write. */
function unsolicited(
  peer: Peer,
  initiatorTaskTag: number,
  data: Buffer,
  value: Partial<ValueOf<typeof dataOut>> = {},
): void {
  peer.send(dataOut, { initiatorTaskTag, final: true, ...value }, data);
}

/** Data-Out for an R2T, `data` being the whole write. */
function serve(
  peer: Peer,
  asked: Pdu,
  data: Buffer,
  value: Partial<ValueOf<typeof dataOut>> = {},
): void {
  const at = asked.header.readUInt32BE(40);
  const end = at + asked.header.readUInt32BE(44);
  const tags = {
    initiatorTaskTag: asked.tag,
    targetTransferTag: asked.header.readUInt32BE(20),
    lun: asked.header.subarray(8, 16),
  };
  const fields = { ...tags, bufferOffsetBytes: at, final: true, ...value };
  peer.send(dataOut, fields, data.subarray(at, end));
}

const CONDITIONS = {
  unexpected: 'b/0c0c',
  phase: 'b/4b00',
  transferTag: 'b/4b01',
  tooMuch: 'b/4b02',
  offset: 'b/4b05',
};

describe('Unsolicited data (rules 12-15)', () => {
  it('may be immediate only, where both sides wanted R2T', async () => {
    const { world, peer } = await connected({ InitialR2T: 'Yes', ImmediateData: 'Yes' });
    const tag = peer.write(16, pattern(4096));
    const [asked] = await peer.received();
    expect([asked!.opcode, asked!.header.readUInt32BE(40)]).to.deep.equal([Opcode.r2t, 4096]);
    unsolicited(peer, tag, pattern(4096), { bufferOffsetBytes: 4096 });
    expect(senseOf(await peer.answer())).to.equal(CONDITIONS.unexpected);
    expect(await isBlank(world)).to.equal(true);
    expectAtRest(world);
  });

  it('is not waited for where both sides wanted R2T, whatever F says', async () => {
    const { world, peer } = await connected({ InitialR2T: 'Yes', ImmediateData: 'Yes' });
    const data = pattern(8192);
    peer.write(16, data.subarray(0, 4096), { final: false });
    const [asked] = await peer.received();
    expect([asked!.opcode, asked!.header.readUInt32BE(40)]).to.deep.equal([Opcode.r2t, 4096]);
    serve(peer, asked!, data);
    expect((await peer.answer()).header[3]).to.equal(0);
    expect((await stored(world, 8192)).equals(data)).to.equal(true);
  });

  it('may not be immediate where that was not agreed', async () => {
    const { world, peer } = await connected({ InitialR2T: 'Yes', ImmediateData: 'No' });
    peer.write(8, pattern(4096));
    expect(senseOf(await peer.answer())).to.equal(CONDITIONS.unexpected);
    expect(await isBlank(world)).to.equal(true);
    expectAtRest(world);
  });

  const limited = { InitialR2T: 'No', ImmediateData: 'Yes', FirstBurstLength: '4096' };

  it('may be as long as FirstBurstLength, immediate and Data-Out together', async () => {
    const { world, peer } = await connected(limited);
    const data = pattern(8192);
    const tag = peer.write(16, data.subarray(0, 1024), { final: false });
    const value = { bufferOffsetBytes: 1024 };
    unsolicited(peer, tag, data.subarray(1024, 4096), value);
    const [asked] = await peer.received();
    serve(peer, asked!, data);
    expect((await peer.answer()).header[3]).to.equal(0);
    expect((await stored(world, 8192)).equals(data)).to.equal(true);
  });

  it('may not be longer, as immediate data', async () => {
    const { world, peer } = await connected(limited);
    peer.write(16, pattern(4100));
    expect(senseOf(await peer.answer())).to.equal(CONDITIONS.unexpected);
    expect(await isBlank(world)).to.equal(true);
    expectAtRest(world);
  });

  it('may not be longer, as immediate data and Data-Out together', async () => {
    const { world, peer } = await connected(limited);
    const data = pattern(8192);
    const tag = peer.write(16, data.subarray(0, 2048), { final: false });
    unsolicited(peer, tag, data.subarray(2048, 4100), { bufferOffsetBytes: 2048 });
    expect(senseOf(await peer.answer())).to.equal(CONDITIONS.unexpected);
    expect(await isBlank(world)).to.equal(true);
    expectAtRest(world);
  });

  it('may not be longer than the expected length', async () => {
    const { world, peer } = await connected(limited);
    peer.write(8, pattern(2048), { expectedDataTransferLengthBytes: 1024 });
    expect(senseOf(await peer.answer())).to.equal(CONDITIONS.unexpected);
    expect(await isBlank(world)).to.equal(true);
  });

  it('is bounded by a MaxBurstLength below FirstBurstLength', async () => {
    const keys = { InitialR2T: 'No', MaxBurstLength: '2048', FirstBurstLength: '65536' };
    const { peer } = await connected(keys);
    peer.write(16, pattern(2052));
    expect(senseOf(await peer.answer())).to.equal(CONDITIONS.unexpected);
  });

  it('may end early: the rest is asked for', async () => {
    const { world, peer } = await connected(limited);
    const data = pattern(8192);
    const tag = peer.write(16, undefined, { final: false });
    unsolicited(peer, tag, data.subarray(0, 512));
    const [asked] = await peer.received();
    expect(asked!.header.readUInt32BE(40)).to.equal(512);
    serve(peer, asked!, data);
    expect((await peer.answer()).header[3]).to.equal(0);
    expect((await stored(world, 8192)).equals(data)).to.equal(true);
  });

  it('for a task that has ended is passed over', async () => {
    const { world, peer } = await connected(limited);
    const cdb = Buffer.alloc(16);
    cdb[0] = 0xff;
    const value = { write: true, final: false, expectedDataTransferLengthBytes: 4096 };
    const tag = peer.command(cdb, value, pattern(1024));
    expect(senseOf(await peer.answer())).to.equal('5/2000');
    unsolicited(peer, tag, pattern(1024), { bufferOffsetBytes: 1024 });
    expect(await peer.received()).to.deep.equal([]);
    expect(peer.closed).to.equal(false);
    expectAtRest(world);
  });
});

describe('Solicited data (rules 8, 15, 19, 20)', () => {
  const keys = { InitialR2T: 'Yes', ImmediateData: 'No', MaxBurstLength: '4096' };

  async function asked(more: Keys = {}, blocks = 16) {
    const { world, peer } = await connected({ ...keys, MaxOutstandingR2T: '2', ...more });
    const lun = Buffer.from('0000000000000000', 'hex');
    peer.write(blocks, undefined, { lun });
    return { world, peer, r2ts: await peer.received() };
  }

  it('is asked for in bursts with an R2TSN from 0, LUN and a tag of their own', async () => {
    const { r2ts } = await asked();
    expect(opcodesOf(r2ts)).to.deep.equal([Opcode.r2t, Opcode.r2t]);
    expect(r2ts.map(({ header }) => header.readUInt32BE(36))).to.deep.equal([0, 1]);
    expect(r2ts.map(({ header }) => header.readUInt32BE(40))).to.deep.equal([0, 4096]);
    expect(r2ts.map(({ header }) => header.readUInt32BE(44))).to.deep.equal([4096, 4096]);
    const tags = r2ts.map(({ header }) => header.readUInt32BE(20));
    expect(new Set([...tags, RESERVED_TAG]).size).to.equal(3);
  });

  it('is asked for with the next StatSN, which the R2T does not use up (rule 6)', async () => {
    const { peer, r2ts } = await asked();
    const [first, second] = r2ts;
    expect(second!.statSn).to.equal(first!.statSn);
    expect(first!.statSn).to.equal(peer.expStatSn);
    peer.testUnitReady();
    expect((await peer.answer()).statSn).to.equal(first!.statSn);
  });

  it('is asked for in no more R2Ts at a time than agreed', async () => {
    const { peer, r2ts, world } = await asked({ MaxOutstandingR2T: '3' }, 40);
    expect(r2ts).to.have.length(3);
    const data = pattern(40 * BLOCK);
    const queue = [...r2ts];
    let open = queue.length;
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      serve(peer, next, data);
      const more = (await peer.received()).filter(({ opcode }) => opcode === Opcode.r2t);
      open += more.length - 1;
      expect(open).to.be.at.most(3);
      queue.push(...more);
    }
    expect((await stored(world, data.length)).equals(data)).to.equal(true);
  });

  it('counts DataSN from 0 for each R2T', async () => {
    const { world, peer, r2ts } = await asked();
    const data = pattern(8192);
    for (const r2t of r2ts) {
      const at = r2t.header.readUInt32BE(40);
      for (let piece = 0; piece < 4; piece++) {
        const bufferOffsetBytes = at + piece * 1024;
        const tags = {
          initiatorTaskTag: r2t.tag,
          targetTransferTag: r2t.header.readUInt32BE(20),
        };
        const value = { ...tags, dataSn: piece, bufferOffsetBytes, final: piece === 3 };
        peer.send(dataOut, value, data.subarray(bufferOffsetBytes, bufferOffsetBytes + 1024));
      }
    }
    expect((await peer.answer()).header[3]).to.equal(0);
    expect((await stored(world, 8192)).equals(data)).to.equal(true);
    expectAtRest(world);
  });

  for (const [what, value, sense] of [
    ['a DataSN that goes on from the R2T before', { dataSn: 1 }, CONDITIONS.phase],
    ['a tag that was not given', { targetTransferTag: 0x7777 }, CONDITIONS.transferTag],
    ['no tag', { targetTransferTag: RESERVED_TAG }, CONDITIONS.unexpected],
    ['a gap before it', { bufferOffsetBytes: 1024 }, CONDITIONS.offset],
    ['an offset beyond the command', { bufferOffsetBytes: 0x7fffffff }, CONDITIONS.offset],
  ] as const) {
    it(`with ${what} ends the command, and nothing is written`, async () => {
      const { world, peer, r2ts } = await asked();
      serve(peer, r2ts[0]!, pattern(8192), value);
      expect(senseOf(await peer.answer())).to.equal(sense);
      expect(await isBlank(world)).to.equal(true);
      expectAtRest(world);
    });
  }

  it('for the second R2T before the first ends the command', async () => {
    const { world, peer, r2ts } = await asked();
    serve(peer, r2ts[1]!, pattern(8192), { bufferOffsetBytes: 0 });
    expect(senseOf(await peer.answer())).to.equal(CONDITIONS.transferTag);
    expectAtRest(world);
  });

  it('that is longer than asked for ends the command', async () => {
    const { world, peer, r2ts } = await asked();
    const tags = {
      initiatorTaskTag: r2ts[0]!.tag,
      targetTransferTag: r2ts[0]!.header.readUInt32BE(20),
    };
    peer.send(dataOut, { ...tags, final: true }, pattern(4100));
    expect(senseOf(await peer.answer())).to.equal(CONDITIONS.tooMuch);
    expectAtRest(world);
  });

  it('that ends short of what was asked for ends the command', async () => {
    const { world, peer, r2ts } = await asked();
    serve(peer, r2ts[0]!, pattern(2048));
    expect(senseOf(await peer.answer())).to.equal(CONDITIONS.phase);
    expectAtRest(world);
  });

  it('on another connection of the session is passed over', async () => {
    const world = new TargetWorld();
    const a = await new Peer(world).connect({ keys: { ...keys, MaxConnections: '2' } });
    const b = await new Peer(world).connect({ tsih: a.tsih, cid: 2, cmdSn: a.cmdSn });
    a.write(8);
    const [r2t] = await a.received();
    serve(b, r2t!, pattern(4096));
    expect(await b.received()).to.deep.equal([]);
    expect(await a.received(), 'the write still waits').to.deep.equal([]);
    serve(a, r2t!, pattern(4096));
    expect((await a.answer()).header[3]).to.equal(0);
  });
});

describe('A write that says one thing and asks another (rule 21)', () => {
  it('takes what is announced where the CDB wants more, and tells the overflow', async () => {
    const { world, peer } = await connected();
    const data = pattern(1024);
    peer.write(8, data, { expectedDataTransferLengthBytes: 1024 });
    const response = await peer.answer();
    expect(response.flags & 0x06).to.equal(0x04);
    expect(response.header.readUInt32BE(44)).to.equal(8 * BLOCK - 1024);
    expect((await stored(world, 1024)).equals(data)).to.equal(true);
    expect((await stored(world, 8192)).subarray(1024).every((byte) => byte === 0)).to.equal(true);
  });

  it('writes what the CDB asks for where more is announced, and tells the underflow', async () => {
    const { world, peer } = await connected();
    peer.write(2, pattern(4096), { expectedDataTransferLengthBytes: 4096 });
    const response = await peer.answer();
    expect([response.header[3], response.flags & 0x06]).to.deep.equal([0, 0x02]);
    expect(response.header.readUInt32BE(44)).to.equal(4096 - 2 * BLOCK);
    expect((await stored(world, 8192)).subarray(1024).every((byte) => byte === 0)).to.equal(true);
    expectAtRest(world);
  });

  it('asks for no more than the CDB wants', async () => {
    const { peer } = await connected({ InitialR2T: 'Yes', ImmediateData: 'No' });
    peer.write(2, undefined, { expectedDataTransferLengthBytes: 1 << 20 });
    const [asked] = await peer.received();
    expect(asked!.header.readUInt32BE(44)).to.equal(2 * BLOCK);
  });
});
