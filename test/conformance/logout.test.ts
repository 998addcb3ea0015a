import { expect } from 'chai';
import { MIB } from '../../lib/base/index.ts';
import { DelayLayer, MemoryDevice } from '../../lib/block/index.ts';
import type { BlockDevice, BlockRequest } from '../../lib/block/index.ts';
import { LogoutReason, LogoutResponseCode, Opcode, logoutRequest } from '../../lib/iscsi/index.ts';
import type { ValueOf } from '../../lib/wire/index.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import type { WorldOptions } from '../fakes/target-harness.ts';
import { Peer, expectAtRest, opcodesOf } from './support/peer.ts';

const memory = (): MemoryDevice => new MemoryDevice({ capacityBytes: 16 * MIB });
const stuck: WorldOptions = { device: (timers) => new DelayLayer(memory(), timers, Infinity) };

/** Neither ends nor cancels anything. */
function deadDevice(): BlockDevice {
  const device = memory();
  device.submit = (_request: BlockRequest) => undefined;
  return device;
}

async function two(options?: WorldOptions): Promise<{ world: TargetWorld; a: Peer; b: Peer }> {
  const world = new TargetWorld(options);
  const a = await new Peer(world).connect({ keys: { MaxConnections: '2' } });
  const b = await new Peer(world).connect({ tsih: a.tsih, cid: 2, cmdSn: a.cmdSn });
  return { world, a, b };
}

function logOut(peer: Peer, value: Partial<ValueOf<typeof logoutRequest>>): void {
  const fields = { initiatorTaskTag: peer.nextTag(), cmdSn: peer.cmdSn, ...value };
  peer.send(logoutRequest, fields);
}

describe('Logout (rule 55)', () => {
  it('of the session ends its commands, answers, and closes every connection', async () => {
    const { world, a, b } = await two(stuck);
    a.read(8);
    b.read(8, { cmdSn: a.cmdSn });
    expect(world.buffers.usedBytes).to.be.above(0);
    logOut(a, { reason: LogoutReason.closeSession, cmdSn: a.cmdSn + 1 });
    const [response, ...more] = await a.received();
    expect(more).to.deep.equal([]);
    expect(response!.opcode).to.equal(Opcode.logoutResponse);
    expect(response!.header[2]).to.equal(LogoutResponseCode.closed);
    expect([a.closed, b.closed]).to.deep.equal([true, true]);
    expect(world.node.sessions()).to.deep.equal([]);
    expectAtRest(world);
  });

  it('of this connection leaves the others of its session', async () => {
    const { world, a, b } = await two(stuck);
    const kept = a.read(8);
    b.read(8, { cmdSn: a.cmdSn });
    logOut(b, { reason: LogoutReason.closeConnection, cid: 2, cmdSn: a.cmdSn + 1 });
    expect(opcodesOf(await b.received())).to.deep.equal([Opcode.logoutResponse]);
    expect([a.closed, b.closed]).to.deep.equal([false, true]);
    const [info] = world.node.sessions();
    expect(info!.connections.map(({ cid }) => cid)).to.deep.equal([1]);
    expect(info!.outstandingCommands, `${kept} goes on`).to.equal(1);
  });

  it('of another connection is answered when its commands have ended', async () => {
    const { world, a, b } = await two(stuck);
    b.read(8, { cmdSn: a.cmdSn++ });
    logOut(a, { reason: LogoutReason.closeConnection, cid: 2 });
    expect((await a.answer()).header[2]).to.equal(LogoutResponseCode.closed);
    expect(b.closed).to.equal(true);
    expectAtRest(world);
    a.testUnitReady();
    expect((await a.answer()).header[3]).to.equal(0);
  });

  it('of a connection that is not there says so', async () => {
    const { a } = await two();
    logOut(a, { reason: LogoutReason.closeConnection, cid: 9 });
    expect((await a.answer()).header[2]).to.equal(LogoutResponseCode.cidNotFound);
    expect(a.closed).to.equal(false);
  });

  it('of the only connection ends the session', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect();
    logOut(peer, { reason: LogoutReason.closeConnection, cid: 1 });
    expect(opcodesOf(await peer.received())).to.deep.equal([Opcode.logoutResponse]);
    expect(world.node.sessions()).to.deep.equal([]);
  });

  it('for recovery needs error recovery level 2', async () => {
    const { a } = await two();
    logOut(a, { reason: LogoutReason.removeForRecovery, cid: 2 });
    expect((await a.answer()).header[2]).to.equal(LogoutResponseCode.recoveryNotSupported);
    expect(a.closed).to.equal(false);
  });

  it('is answered in time where the medium is dead: cleanup failed', async () => {
    const world = new TargetWorld({ device: deadDevice, limits: { abortMs: 5_000 } });
    const peer = await new Peer(world).connect();
    peer.read(8);
    logOut(peer, { reason: LogoutReason.closeSession });
    expect(await peer.received()).to.deep.equal([]);
    world.timers.advance(5_100);
    const answers = await peer.received();
    expect(answers.map(({ header }) => header[2])).to.deep.equal([
      LogoutResponseCode.cleanupFailed,
    ]);
    expect(peer.closed).to.equal(true);
  });

  it('that waits for its turn is performed in its turn', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect();
    logOut(peer, { immediate: false, cmdSn: peer.cmdSn + 1 });
    expect(await peer.received()).to.deep.equal([]);
    const tag = peer.testUnitReady();
    const answers = await peer.received();
    expect(opcodesOf(answers)).to.deep.equal([Opcode.scsiResponse, Opcode.logoutResponse]);
    expect(answers[0]!.tag).to.equal(tag);
    expect(peer.closed).to.equal(true);
  });

  it('is the last thing that is looked at on its connection', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect();
    const value = { initiatorTaskTag: peer.nextTag(), cmdSn: peer.cmdSn };
    const logout = peer.bytesOf(logoutRequest, value);
    peer.sendBytes(Buffer.concat([logout, logout, Buffer.alloc(500, 0xff)]));
    expect(opcodesOf(await peer.received())).to.deep.equal([Opcode.logoutResponse]);
    expectAtRest(world);
  });
});

describe('A connection that breaks at error recovery level 0', () => {
  it('ends its session, with all connections and commands', async () => {
    const { world, a, b } = await two(stuck);
    a.read(8);
    b.read(8, { cmdSn: a.cmdSn });
    b.cut();
    await a.received();
    expect(a.closed).to.equal(true);
    expect(world.node.sessions()).to.deep.equal([]);
    expectAtRest(world);
  });

  it('in the middle of a write leaves nothing behind', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect();
    const pieces: Buffer[] = [];
    const send = peer.sendBytes.bind(peer);
    peer.sendBytes = (bytes) => pieces.push(bytes);
    peer.write(8, Buffer.alloc(4096));
    send(Buffer.concat(pieces).subarray(0, 1000));
    peer.cut();
    await peer.received();
    expectAtRest(world);
    expect(world.unit.tasks.count).to.equal(0);
  });
});
