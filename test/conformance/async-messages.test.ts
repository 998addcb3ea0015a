import { expect } from 'chai';
import { MIB } from '../../lib/base/index.ts';
import { MemoryDevice } from '../../lib/block/index.ts';
import { AsyncEvent, Opcode, RESERVED_TAG, logoutRequest } from '../../lib/iscsi/index.ts';
import { LogicalUnit } from '../../lib/scsi/index.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import { HOST, Peer, opcodesOf, senseOf } from './support/peer.ts';
import type { Pdu } from './support/peer.ts';

const eventOf = ({ opcode, header }: Pdu): number => {
  expect(opcode).to.equal(Opcode.asyncMessage);
  return header[36]!;
};

/** LUN and additional sense code of a SCSI event. */
function scsiEvent(pdu: Pdu): string {
  expect(eventOf(pdu)).to.equal(AsyncEvent.scsiEvent);
  const sense = pdu.data.subarray(2, 2 + pdu.data.readUInt16BE(0));
  return `${pdu.header.readUInt16BE(8)}:${sense.subarray(12, 14).toString('hex')}`;
}

function secondUnit(world: TargetWorld): LogicalUnit {
  return new LogicalUnit({
    device: new MemoryDevice({ capacityBytes: 1 * MIB }),
    uuid: 'd8b6b5b3-1111-4222-8333-444455556666',
    name: 'second',
    buffers: world.buffers,
    timers: world.timers,
  });
}

describe('A server that stops', () => {
  it('asks every connection to log out, with the time allowed', async () => {
    const world = new TargetWorld();
    const a = await new Peer(world).connect({ keys: { MaxConnections: '2' } });
    const b = await new Peer(world).connect({ tsih: a.tsih, cid: 2, cmdSn: a.cmdSn });
    void world.node.stop(3_000);
    for (const peer of [a, b]) {
      const statSn = peer.expStatSn;
      const message = await peer.answer();
      expect(eventOf(message)).to.equal(AsyncEvent.logoutRequest);
      expect([message.tag, message.statSn]).to.deep.equal([RESERVED_TAG, statSn]);
      const [parameter1, parameter2, parameter3] = [38, 40, 42].map((at) =>
        message.header.readUInt16BE(at),
      );
      expect([parameter1, parameter2, parameter3]).to.deep.equal([0, 0, 3]);
    }
  });

  it('is done when all have logged out', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect();
    let done = false;
    void world.node.stop(3_000).then(() => (done = true));
    await peer.received();
    peer.send(logoutRequest, { initiatorTaskTag: 9, cmdSn: peer.cmdSn });
    expect(opcodesOf(await peer.received())).to.deep.equal([Opcode.logoutResponse]);
    expect(done).to.equal(true);
  });

  it('ends those that do not, and takes no new ones', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect();
    let done = false;
    void world.node.stop(3_000).then(() => (done = true));
    const late = await new Peer(world).login({ isid: '800000000002' });
    expect(late.status).to.equal(0x0301);
    expect(peer.closed).to.equal(false);
    world.timers.advance(3_100);
    await peer.received();
    expect([peer.closed, done]).to.deep.equal([true, true]);
  });

  it('stops in bounded time where the medium is dead', async () => {
    const world = new TargetWorld({
      device: () => {
        const device = new MemoryDevice({ capacityBytes: 1 * MIB });
        device.submit = () => undefined;
        return device;
      },
      limits: { abortMs: 5_000 },
    });
    const peer = await new Peer(world).connect();
    peer.read(8);
    let done = false;
    void world.node.stop(1_000).then(() => (done = true));
    for (let second = 0; second < 8; second++) {
      world.timers.advance(1_000);
      await peer.received();
    }
    expect(done).to.equal(true);
  });
});

describe('A change that hosts must hear of (rule 71)', () => {
  it('a larger capacity is told at once and by unit attention 2A/09', async () => {
    const device = new MemoryDevice({ capacityBytes: 16 * MIB });
    const world = new TargetWorld({ device: () => device });
    const peer = await new Peer(world).connect();
    const statSn = peer.expStatSn;
    device.grow(32 * MIB);
    const message = await peer.answer();
    expect(scsiEvent(message)).to.equal('0:2a09');
    expect([message.tag, message.statSn]).to.deep.equal([RESERVED_TAG, statSn]);
    peer.testUnitReady();
    expect(senseOf(await peer.answer())).to.equal('6/2a09');
    peer.testUnitReady();
    expect(senseOf(await peer.answer()), 'once').to.equal('');
  });

  it('another LUN is told at once on the others, and by unit attention 3F/0E', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect();
    const view = world.openView(HOST);
    const assignment = { lun: 3, unit: secondUnit(world), readOnly: false, partition: 'second' };
    world.views.set(HOST, { ...view, luns: new Map([...view.luns, [3, assignment]]) });
    await world.node.refreshAccess();
    expect((await peer.received()).map(scsiEvent)).to.deep.equal(['0:3f0e']);
    peer.testUnitReady();
    expect(senseOf(await peer.answer())).to.equal('6/3f0e');
  });

  it('is told on one connection of the session', async () => {
    const device = new MemoryDevice({ capacityBytes: 16 * MIB });
    const world = new TargetWorld({ device: () => device });
    const a = await new Peer(world).connect({ keys: { MaxConnections: '2' } });
    const b = await new Peer(world).connect({ tsih: a.tsih, cid: 2, cmdSn: a.cmdSn });
    device.grow(32 * MIB);
    expect([(await a.received()).length, (await b.received()).length]).to.deep.equal([1, 0]);
  });

  it('ordinary unit attentions wait for the next command', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect();
    world.unit.attention('modeParametersChanged');
    expect(await peer.received()).to.deep.equal([]);
    peer.testUnitReady();
    expect(senseOf(await peer.answer())).to.equal('6/2a01');
  });
});

describe('Access that changes while it is being changed', () => {
  it('never comes back: the last word counts, also where commands take long to end', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect();
    const view = world.openView(HOST);
    world.views.set(HOST, world.openView(HOST, true));
    const toReadOnly = world.node.refreshAccess();
    world.views.set(HOST, { ...view, luns: new Map() });
    await Promise.all([toReadOnly, world.node.refreshAccess()]);
    await peer.received();
    expect(world.node.sessions()[0]!.luns).to.deep.equal([]);
    expect(world.unit.itlNexuses.size).to.equal(0);
  });
});
