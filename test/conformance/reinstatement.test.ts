import { expect } from 'chai';
import { MIB } from '../../lib/base/index.ts';
import { DelayLayer, MemoryDevice, promiseFace } from '../../lib/block/index.ts';
import type { BlockDevice, BlockRequest } from '../../lib/block/index.ts';
import { LoginStatus } from '../../lib/iscsi/index.ts';
import { HeldDevice } from '../fakes/held-device.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import type { WorldOptions } from '../fakes/target-harness.ts';
import { BLOCK, HOST, OTHER, Peer, expectAtRest, identity } from './support/peer.ts';

const memory = (): MemoryDevice => new MemoryDevice({ capacityBytes: 16 * MIB });
const stuck: WorldOptions = { device: (timers) => new DelayLayer(memory(), timers, Infinity) };

function deadDevice(): BlockDevice {
  const device = memory();
  device.submit = (_request: BlockRequest) => undefined;
  return device;
}

/** Holds requests back and can't cancel them, like a disk. */
function stubborn(): { options: WorldOptions; device: HeldDevice } {
  const device = new HeldDevice(memory());
  device.cancels = false;
  return { options: { device: () => device }, device };
}

describe('A session of the same initiator port (rule 40)', () => {
  it('ends the one before with its commands and connections', async () => {
    const world = new TargetWorld(stuck);
    const first = await new Peer(world).connect({ keys: { MaxConnections: '2' } });
    const second = await new Peer(world).connect({
      tsih: first.tsih,
      cid: 2,
      cmdSn: first.cmdSn,
    });
    first.read(8);
    const again = new Peer(world);
    expect((await again.login()).status).to.equal(0);
    expect([first.closed, second.closed]).to.deep.equal([true, true]);
    expect(await first.received(), 'no answer any more').to.deep.equal([]);
    expect(again.tsih).to.not.equal(first.tsih);
    expect(world.node.sessions()).to.have.length(1);
    expectAtRest(world);
  });

  it('is let in only when the last command of before has left the medium', async () => {
    const { options, device } = stubborn();
    const world = new TargetWorld(options);
    const first = await new Peer(world).connect();
    device.holding = true;
    first.write(8, Buffer.alloc(8 * BLOCK, 0x01));
    await first.received();
    const again = new Peer(world);
    again.begin();
    again.sendStep({ csg: 1, nsg: 3, keys: identity() });
    expect(await again.received(), 'the write is on its way').to.deep.equal([]);
    expect(first.closed).to.equal(true);
    device.holding = false;
    device.release();
    const answer = await again.answer();
    expect(answer.header.readUInt16BE(36)).to.equal(0);
    expectAtRest(world);
  });

  it('is told to come again where the medium does not let go', async () => {
    const world = new TargetWorld({ device: deadDevice, limits: { abortMs: 5_000 } });
    const first = await new Peer(world).connect();
    first.read(8);
    const again = new Peer(world);
    again.begin();
    again.sendStep({ csg: 1, nsg: 3, keys: identity() });
    await again.received();
    world.timers.advance(5_100);
    const status = (await again.answer()).header.readUInt16BE(36);
    expect(status).to.equal(LoginStatus.serviceUnavailable);
    expect(again.closed).to.equal(true);
  });

  it('has another ISID, or another name: both live', async () => {
    const world = new TargetWorld();
    const first = await new Peer(world).connect();
    await new Peer(world).connect({ isid: '800000000002' });
    await new Peer(world).connect({ name: OTHER });
    expect(first.closed).to.equal(false);
    expect(world.node.sessions()).to.have.length(3);
  });

  it('comes through another portal of the group: it is the same port', async () => {
    const world = new TargetWorld();
    const first = await new Peer(world, '127.0.0.1:3260').connect();
    await new Peer(world, '[::1]:3260').connect();
    expect(first.closed).to.equal(true);
  });

  it('is no discovery session: those stand beside it', async () => {
    const world = new TargetWorld();
    const first = await new Peer(world).connect();
    const discovery = new Peer(world);
    const keys = { InitiatorName: HOST, SessionType: 'Discovery' };
    discovery.begin();
    expect((await discovery.step({ csg: 1, nsg: 3, keys })).status).to.equal(0);
    expect(first.closed).to.equal(false);
    expect(world.node.sessions()).to.have.length(2);
  });

  it('two at the same moment: one is left, and nothing of the other', async () => {
    const { options, device } = stubborn();
    const world = new TargetWorld(options);
    const first = await new Peer(world).connect();
    device.holding = true;
    first.read(8);
    await first.received();
    const rivals = [new Peer(world), new Peer(world), new Peer(world)];
    for (const rival of rivals) {
      rival.begin();
      rival.sendStep({ csg: 1, nsg: 3, keys: identity() });
    }
    await rivals[0]!.received();
    device.holding = false;
    device.release();
    for (const rival of rivals) await rival.received();
    expect(world.node.sessions()).to.have.length(1);
    expect(rivals.filter(({ closed }) => !closed)).to.have.length(1);
    const [winner] = rivals.filter(({ closed }) => !closed);
    winner!.testUnitReady();
    expect(await winner!.received()).to.have.length(1);
    expectAtRest(world);
  });
});

describe('A connection with a TSIH (rules 39, 41)', () => {
  it('that is not there is refused with 020A', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect();
    const { status } = await new Peer(world).login({ tsih: peer.tsih + 1, cid: 2 });
    expect(status).to.equal(LoginStatus.sessionDoesNotExist);
  });

  for (const [what, options] of [
    ['another initiator', { name: OTHER }],
    ['another ISID', { isid: '800000000002' }],
  ] as const) {
    it(`of ${what} is refused with 020A`, async () => {
      const world = new TargetWorld();
      const peer = await new Peer(world).connect({ keys: { MaxConnections: '2' } });
      const { status } = await new Peer(world).login({ ...options, tsih: peer.tsih, cid: 2 });
      expect(status).to.equal(LoginStatus.sessionDoesNotExist);
      expect(peer.closed).to.equal(false);
    });
  }

  it('of a session of the other type is refused with 0208, and takes no place', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect();
    const joining = new Peer(world);
    joining.begin({ tsih: peer.tsih, cid: 1 });
    const keys = { InitiatorName: HOST, SessionType: 'Discovery' };
    const { status } = await joining.step({ csg: 1, nsg: 3, keys });
    expect(status).to.equal(LoginStatus.cannotIncludeInSession);
    expect(peer.closed).to.equal(false);
  });

  it('beyond MaxConnections is refused with 0206', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect({ keys: { MaxConnections: '2' } });
    await new Peer(world).connect({ tsih: peer.tsih, cid: 2, cmdSn: peer.cmdSn });
    const { status } = await new Peer(world).login({ tsih: peer.tsih, cid: 3 });
    expect(status).to.equal(LoginStatus.tooManyConnections);
  });

  it('is told the window of its session', async () => {
    const world = new TargetWorld({ limits: { queueDepth: 16 } });
    const peer = await new Peer(world).connect({ keys: { MaxConnections: '2' } });
    peer.testUnitReady();
    const { expCmdSn } = await peer.answer();
    const joined = { tsih: peer.tsih, cid: 2, cmdSn: expCmdSn };
    const { pdu } = await new Peer(world).login(joined);
    expect([pdu.expCmdSn, pdu.maxCmdSn]).to.deep.equal([expCmdSn, expCmdSn + 15]);
  });
});

describe('A connection with the CID of another (rule 41)', () => {
  it('takes its place, ends its commands, and leaves the rest of the session', async () => {
    const world = new TargetWorld(stuck);
    const a = await new Peer(world).connect({ keys: { MaxConnections: '2' } });
    const b = await new Peer(world).connect({ tsih: a.tsih, cid: 2, cmdSn: a.cmdSn });
    a.read(8);
    b.read(8, { cmdSn: a.cmdSn++ });
    const c = await new Peer(world).connect({ tsih: a.tsih, cid: 2, cmdSn: a.cmdSn });
    expect([a.closed, b.closed]).to.deep.equal([false, true]);
    const [info] = world.node.sessions();
    expect(info!.connections.map(({ cid }) => cid)).to.deep.equal([1, 2]);
    expect(info!.outstandingCommands, 'that of the first').to.equal(1);
    c.testUnitReady(a.cmdSn);
    expect(await c.received()).to.have.length(1);
  });

  it('of the only one keeps the session', async () => {
    const world = new TargetWorld();
    const a = await new Peer(world).connect();
    const b = await new Peer(world).connect({ tsih: a.tsih, cid: 1, cmdSn: a.cmdSn });
    expect([a.closed, b.tsih]).to.deep.equal([true, a.tsih]);
    b.testUnitReady(a.cmdSn);
    expect((await b.answer()).header[3], 'no new nexus, no unit attention').to.equal(0);
  });

  it('that breaks while it waits leaves no session without a connection', async () => {
    const { options, device } = stubborn();
    const world = new TargetWorld(options);
    const a = await new Peer(world).connect();
    device.holding = true;
    a.read(8);
    await a.received();
    const b = new Peer(world);
    b.begin({ tsih: a.tsih, cid: 1, cmdSn: a.cmdSn });
    b.sendStep({ csg: 1, nsg: 3, keys: identity() });
    await b.received();
    expect(a.closed).to.equal(true);
    b.cut();
    device.holding = false;
    device.release();
    await b.received();
    expect(world.node.sessions()).to.deep.equal([]);
    expect(world.unit.itlNexuses.size).to.equal(0);
    expectAtRest(world);
  });

  it('two at the same moment: one is left', async () => {
    const { options, device } = stubborn();
    const world = new TargetWorld(options);
    const a = await new Peer(world).connect({ keys: { MaxConnections: '2' } });
    device.holding = true;
    a.read(8);
    await a.received();
    const rivals = [new Peer(world), new Peer(world)];
    for (const rival of rivals) {
      rival.begin({ tsih: a.tsih, cid: 1, cmdSn: a.cmdSn });
      rival.sendStep({ csg: 1, nsg: 3, keys: identity() });
    }
    for (const rival of rivals) expect(await rival.received(), 'not yet').to.deep.equal([]);
    device.holding = false;
    device.release();
    for (const rival of rivals) await rival.received();
    expect(rivals.filter(({ closed }) => !closed)).to.have.length(1);
    const [info] = world.node.sessions();
    expect(info!.connections).to.have.length(1);
  });

  it('takes nothing more from the one before, also what was on its way already', async () => {
    const { options, device } = stubborn();
    const world = new TargetWorld(options);
    const a = await new Peer(world).connect({ keys: { MaxConnections: '2' } });
    const b = await new Peer(world).connect({ tsih: a.tsih, cid: 2, cmdSn: a.cmdSn });
    device.holding = true;
    b.read(8, { cmdSn: a.cmdSn++ });
    await b.received();
    const c = new Peer(world);
    c.begin({ tsih: a.tsih, cid: 2, cmdSn: a.cmdSn });
    c.sendStep({ csg: 1, nsg: 3, keys: identity() });
    await c.received();
    const pdu = writePdu(b, a.cmdSn);
    b.connection.receive(pdu, 0, pdu.length);
    device.holding = false;
    device.release();
    await c.received();
    const stored = Buffer.alloc(BLOCK);
    await promiseFace(world.device).read(0, stored);
    expect(stored.every((byte) => byte === 0)).to.equal(true);
    expectAtRest(world);
  });
});

/** The bytes of a write of one block. */
function writePdu(peer: Peer, cmdSn: number): Buffer {
  const pieces: Buffer[] = [];
  const send = peer.sendBytes.bind(peer);
  peer.sendBytes = (bytes) => pieces.push(bytes);
  peer.write(1, Buffer.alloc(BLOCK, 0xdd), { cmdSn });
  peer.sendBytes = send;
  return Buffer.concat(pieces);
}
