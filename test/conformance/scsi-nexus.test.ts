import { expect } from 'chai';
import { MIB } from '../../lib/base/index.ts';
import { DelayLayer, MemoryDevice } from '../../lib/block/index.ts';
import { LogicalUnit } from '../../lib/scsi/index.ts';
import {
  inquiry,
  modeSelect6,
  modeSense6,
  reportLuns,
  requestSense,
  testUnitReady,
} from '../fakes/cdbs.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import type { WorldOptions } from '../fakes/target-harness.ts';
import { HOST, OTHER, Peer } from './support/peer.ts';

const CONFLICT = 0x18;
const RESERVE_6 = [0x16, 0, 0, 0, 0, 0];

async function two(options?: WorldOptions): Promise<{ world: TargetWorld; a: Peer; b: Peer }> {
  const world = new TargetWorld(options);
  const a = await new Peer(world).connect();
  return { world, a, b: await new Peer(world).connect({ name: OTHER }) };
}

/** PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY. */
function register(peer: Peer, key: number) {
  const out = Buffer.alloc(24);
  out.writeUInt32BE(key, 12);
  return peer.run([0x5f, 6, 0, 0, 0, 0, 0, 0, 24, 0], { out });
}

/** PERSISTENT RESERVE IN with a service action. */
const reserveIn = (peer: Peer, action: number) =>
  peer.run([0x5e, action, 0, 0, 0, 0, 0, 2, 0, 0], { inBytes: 512 });

function anotherUnit(world: TargetWorld, uuid: string): LogicalUnit {
  const device = new MemoryDevice({ capacityBytes: 1 * MIB });
  const { buffers, timers } = world;
  return new LogicalUnit({ device, uuid, name: 'another', buffers, timers });
}

describe('A new nexus (rule 59)', () => {
  it('hears of power on or reset with its first command, once', async () => {
    const world = new TargetWorld();
    const peer = new Peer(world);
    await peer.login();
    expect((await peer.run(testUnitReady)).sense).to.equal('6/2900');
    expect((await peer.run(testUnitReady)).status).to.equal(0);
  });

  it('may ask who is there: INQUIRY and REPORT LUNS go through and settle nothing', async () => {
    const peer = new Peer(new TargetWorld());
    await peer.login();
    expect((await peer.run(inquiry(-1, 96), { inBytes: 96 })).status).to.equal(0);
    expect((await peer.run(reportLuns(), { inBytes: 4096 })).status).to.equal(0);
    expect((await peer.run(testUnitReady)).sense).to.equal('6/2900');
  });

  it('is told by REQUEST SENSE as data', async () => {
    const peer = new Peer(new TargetWorld());
    await peer.login();
    const { status, data } = await peer.run(requestSense(), { inBytes: 252 });
    expect([status, data[2]! & 0x0f, data[12]]).to.deep.equal([0, 6, 0x29]);
  });

  it('is a new one after reinstatement, none after a new connection of the session', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect();
    const joined = await new Peer(world).connect({ tsih: peer.tsih, cid: 1, cmdSn: peer.cmdSn });
    expect((await joined.run(testUnitReady)).status).to.equal(0);
    const again = new Peer(world);
    await again.login();
    expect((await again.run(testUnitReady)).sense).to.equal('6/2900');
  });
});

describe('The end of a nexus (rule 60)', () => {
  it('releases RESERVE(6)', async () => {
    const { a, b } = await two();
    expect((await a.run(RESERVE_6)).status).to.equal(0);
    expect((await b.run(testUnitReady)).status).to.equal(CONFLICT);
    a.cut();
    await b.received();
    expect((await b.run(testUnitReady)).status).to.equal(0);
  });

  it('keeps persistent registrations and reservations', async () => {
    const { world, a, b } = await two();
    expect((await register(a, 0xabc)).status).to.equal(0);
    const reserve = Buffer.alloc(24);
    reserve.writeUInt32BE(0xabc, 4);
    const writeExclusive = [0x5f, 1, 1, 0, 0, 0, 0, 0, 24, 0];
    expect((await a.run(writeExclusive, { out: reserve })).status).to.equal(0);
    a.cut();
    await b.received();
    expect((await reserveIn(b, 0)).data.readUInt32BE(4), 'length of the keys').to.equal(8);
    const blocked = await b.run([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], { out: Buffer.alloc(512) });
    expect(blocked.status).to.equal(CONFLICT);
    const again = await new Peer(world).connect();
    const own = await again.run([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], { out: Buffer.alloc(512) });
    expect(own.status, 'the same initiator port').to.equal(0);
  });
});

describe('Persistent registrations (rule 61)', () => {
  it('belong to name and ISID: two sessions of a host register twice', async () => {
    const world = new TargetWorld();
    const peers = [
      await new Peer(world).connect(),
      await new Peer(world).connect({ isid: '800000000002' }),
    ];
    for (const [index, peer] of peers.entries()) await register(peer, index + 1);
    const { data } = await reserveIn(peers[0]!, 3);
    const text = data.toString('latin1');
    expect(text).to.include(`${HOST},i,0x800000000001\0`);
    expect(text).to.include(`${HOST},i,0x800000000002\0`);
    expect((await reserveIn(peers[0]!, 0)).data.readUInt32BE(4)).to.equal(16);
    const conflict = await peers[1]!.run([0x5f, 1, 1, 0, 0, 0, 0, 0, 24, 0], {
      out: Buffer.alloc(24),
    });
    expect(conflict.status, 'the key of the other is not one’s own').to.equal(CONFLICT);
  });
});

describe('A LUN that is not there (rule 63)', () => {
  it('answers INQUIRY with qualifier 3 and type 1Fh', async () => {
    const peer = await new Peer(new TargetWorld()).connect();
    const { status, data } = await peer.run(inquiry(-1, 96), { inBytes: 96, lun: 5 });
    expect([status, data[0]]).to.deep.equal([0, 0x7f]);
  });

  it('lists the LUNs, also where there is none and the question goes to LUN 0', async () => {
    const world = new TargetWorld();
    world.views.set(HOST, { ...world.openView(HOST), luns: new Map() });
    const peer = new Peer(world);
    await peer.login();
    const { status, data } = await peer.run(reportLuns(), { inBytes: 256 });
    expect([status, data.toString('hex')]).to.deep.equal([0, '0000000000000000']);
  });

  it('refuses everything else with LOGICAL UNIT NOT SUPPORTED', async () => {
    const peer = await new Peer(new TargetWorld()).connect();
    expect((await peer.run(testUnitReady, { lun: 5 })).sense).to.equal('5/2500');
    expect((await peer.run([0x28], { lun: 0xc101, inBytes: 512 })).sense).to.equal('5/2500');
  });
});

describe('The names of a logical unit (rule 64)', () => {
  const pageOf = async (peer: Peer, page: number, lun = 0) =>
    (await peer.run(inquiry(page, 512), { inBytes: 512, lun })).data;

  it('are the same on every portal, for every host, and after a restart', async () => {
    const world = new TargetWorld();
    const peers = [
      await new Peer(world).connect(),
      await new Peer(world, '[::1]:3260').connect({ name: OTHER }),
      await new Peer(new TargetWorld()).connect(),
    ];
    const serials = await Promise.all(peers.map((peer) => pageOf(peer, 0x80)));
    const ids = await Promise.all(peers.map((peer) => pageOf(peer, 0x83)));
    expect(new Set(serials.map((data) => data.toString('hex'))).size).to.equal(1);
    const naa = ids.map((data) => data.subarray(8, 16).toString('hex'));
    expect([new Set(naa).size, naa[0]![0]]).to.deep.equal([1, '3']);
  });

  it('differ between units', async () => {
    const world = new TargetWorld();
    const unit = anotherUnit(world, '11111111-2222-4333-8444-555566667777');
    const view = world.openView(HOST);
    const assignment = { lun: 1, unit, readOnly: false, partition: 'another' };
    world.views.set(HOST, { ...view, luns: new Map([...view.luns, [1, assignment]]) });
    const peer = new Peer(world);
    await peer.login();
    for (const page of [0x80, 0x83]) {
      const [one, other] = [await pageOf(peer, page, 0), await pageOf(peer, page, 1)];
      expect(one.equals(other)).to.equal(false);
    }
  });

  it('stand in pages that VPD 00 lists ascending', async () => {
    const peer = await new Peer(new TargetWorld()).connect();
    const data = await pageOf(peer, 0);
    const pages = [...data.subarray(4, 4 + data.readUInt16BE(2))];
    expect(pages).to.deep.equal([...pages].sort((one, other) => one - other));
    expect(pages).to.include.members([0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2]);
  });
});

describe('Unit attentions (rule 71)', () => {
  it('are told to each nexus once, in the order in which they came', async () => {
    const { world, a, b } = await two();
    world.unit.attention('modeParametersChanged');
    world.unit.attention('asymmetricAccessChanged');
    world.unit.attention('modeParametersChanged');
    for (const peer of [a, b]) {
      const told = [];
      for (let count = 0; count < 3; count++) told.push((await peer.run(testUnitReady)).sense);
      expect(told).to.deep.equal(['6/2a01', '6/2a06', '']);
    }
  });

  it('of a mode change are for everybody but who made it', async () => {
    const { a, b } = await two();
    const { data } = await a.run(modeSense6(0x0a), { inBytes: 255 });
    const page = Buffer.from(data);
    page[0] = 0;
    // what the parameter header says of the medium is not for changing
    page[2] = 0;
    const dSense = page.length - 10;
    page[dSense] = page[dSense]! ^ 0x04;
    expect((await a.run(modeSelect6(page.length), { out: page })).status).to.equal(0);
    expect((await a.run(testUnitReady)).status).to.equal(0);
    b.testUnitReady();
    const [response] = await b.received();
    expect(response!.header[3]).to.equal(2);
  });
});

describe('A full task set (rule 72)', () => {
  it('answers TASK SET FULL, and BUSY to who has nothing in it', async () => {
    const memory = new MemoryDevice({ capacityBytes: 16 * MIB });
    const world = new TargetWorld({
      device: (timers) => new DelayLayer(memory, timers, Infinity),
    });
    const { buffers, timers } = world;
    const unit = new LogicalUnit({
      device: world.device,
      uuid: '11111111-2222-4333-8444-555566667777',
      name: 'small',
      buffers,
      timers,
      taskSetLimit: 2,
    });
    const luns = new Map([[0, { lun: 0, unit, readOnly: false, partition: 'small' }]]);
    for (const name of [HOST, OTHER]) {
      world.views.set(name, { host: name, chap: null, mutual: null, luns });
    }
    const a = await new Peer(world).connect();
    const b = await new Peer(world).connect({ name: OTHER });
    a.read(8);
    a.read(8);
    expect((await a.run(testUnitReady)).status).to.equal(0x28);
    expect((await b.run(testUnitReady)).status).to.equal(0x08);
  });

  it('is never met by a session within its window', async () => {
    const world = new TargetWorld({
      device: (timers) => new DelayLayer(new MemoryDevice({ capacityBytes: 16 * MIB }), timers, 10),
    });
    const peer = await new Peer(world).connect();
    for (let count = 0; count < 128; count++) peer.read(1);
    world.timers.advance(100);
    const statuses = (await peer.received()).map(({ header }) => header[3]);
    expect(statuses).to.deep.equal(new Array<number>(128).fill(0));
  });
});
