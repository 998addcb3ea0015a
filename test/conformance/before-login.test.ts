import { expect } from 'chai';
import { LoginStatus, loginRequest } from '../../lib/iscsi/index.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import { Peer, expectAtRest, identity } from './support/peer.ts';

describe('A peer that nobody knows yet (rule 31)', () => {
  it('sends no segment of more than 8192 bytes', async () => {
    const world = new TargetWorld();
    const peer = new Peer(world);
    peer.send(loginRequest, { dataSegmentLengthBytes: 8193 });
    expect(await peer.received()).to.deep.equal([]);
    expect(peer.closed).to.equal(true);
  });

  it('sends no additional header segments', () => {
    const peer = new Peer(new TargetWorld());
    peer.sendBytes(Buffer.concat([peer.bytesOf(loginRequest, { totalAhsLengthWords: 1 }), pad]));
    expect(peer.closed).to.equal(true);
  });

  it('sends no more than 64 requests', async () => {
    const peer = new Peer(new TargetWorld());
    peer.begin();
    let status = 0;
    let requests = 0;
    for (; status === 0 && requests < 100; requests++) {
      status = (await peer.step({ csg: 1, keys: requests === 0 ? identity() : {} })).status;
    }
    expect([requests, status]).to.deep.equal([65, LoginStatus.initiatorError]);
    expect(peer.closed).to.equal(true);
  });

  it('sends no more than 8192 bytes of text before it is whole', async () => {
    const peer = new Peer(new TargetWorld());
    peer.begin();
    let status = 0;
    let sent = 0;
    for (; status === 0 && sent < 100_000; sent += 1000) {
      const text = Buffer.alloc(1000, 0x41);
      status = (await peer.step({ csg: 1, continued: true, text })).status;
    }
    expect(sent).to.equal(9000);
    expect(peer.closed).to.equal(true);
  });

  it('has a limited time, however busy it keeps us', async () => {
    const world = new TargetWorld({ limits: { loginMs: 15_000 } });
    const silent = new Peer(world);
    const dribbling = new Peer(world);
    const busy = new Peer(world);
    busy.begin();
    const pdu = dribbling.bytesOf(loginRequest, {}, Buffer.alloc(100));
    for (let second = 0; second < 14; second++) {
      world.timers.advance(1_000);
      dribbling.sendBytes(pdu.subarray(second, second + 1));
      await busy.step({ csg: 1, keys: second === 0 ? identity() : {} });
    }
    expect([silent.closed, dribbling.closed, busy.closed]).to.deep.equal([false, false, false]);
    world.timers.advance(2_500);
    expect([silent.closed, dribbling.closed, busy.closed]).to.deep.equal([true, true, true]);
    expect(world.node.loggingIn.size).to.equal(0);
  });

  it('makes room for others: the oldest goes', async () => {
    const world = new TargetWorld({ limits: { connectionsBeforeLogin: 8 } });
    const host = await new Peer(world).connect();
    const peers = Array.from({ length: 100 }, () => new Peer(world));
    expect(world.node.loggingIn.size).to.equal(8);
    expect(peers.filter(({ closed }) => closed)).to.have.length(92);
    const newcomer = new Peer(world);
    expect((await newcomer.login({ isid: '800000000002' })).status).to.equal(0);
    host.testUnitReady();
    expect((await host.answer()).header[3], 'who is in stays in').to.equal(0);
  });

  it('takes no transfer memory', async () => {
    const world = new TargetWorld();
    const peer = new Peer(world);
    peer.begin();
    await peer.step({ csg: 0, keys: { ...identity(), AuthMethod: 'None' } });
    peer.sendBytes(Buffer.alloc(48, 0x01));
    peer.cut();
    expectAtRest(world);
    expect(world.buffers.slabBytes).to.equal(0);
  });

  it('may send anything without an end to the others', async () => {
    const world = new TargetWorld();
    const host = await new Peer(world).connect();
    for (let first = 0; first < 256; first++) {
      const peer = new Peer(world);
      peer.sendBytes(Buffer.alloc(700, first));
      peer.cut();
    }
    host.testUnitReady();
    expect((await host.answer()).header[3]).to.equal(0);
  });
});

const pad = Buffer.alloc(4);
