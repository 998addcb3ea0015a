import { expect } from 'chai';
import { Opcode, RESERVED_TAG, nopOut } from '../../lib/iscsi/index.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import { Peer } from './support/peer.ts';
import type { Keys } from './support/peer.ts';

const limits = { nopIntervalMs: 10_000, nopTimeoutMs: 10_000 };

async function connected(keys: Keys = {}): Promise<{ world: TargetWorld; peer: Peer }> {
  const world = new TargetWorld({ limits });
  return { world, peer: await new Peer(world).connect({ keys }) };
}

describe('NOP-Out (rules 6, 57)', () => {
  it('is answered with its tag, LUN and data, and the answer uses up a StatSN', async () => {
    const { peer } = await connected();
    const statSn = peer.expStatSn;
    const lun = Buffer.from('0001000000000000', 'hex');
    const initiatorTaskTag = peer.nextTag();
    const value = { immediate: true, initiatorTaskTag, lun, cmdSn: peer.cmdSn };
    peer.send(nopOut, value, Buffer.from('are you there'));
    const pong = await peer.answer();
    expect([pong.opcode, pong.tag]).to.deep.equal([Opcode.nopIn, initiatorTaskTag]);
    expect(pong.header.readUInt32BE(20), 'TTT').to.equal(RESERVED_TAG);
    expect(pong.header.subarray(8, 16).equals(lun)).to.equal(true);
    expect(pong.data.toString()).to.equal('are you there');
    expect(pong.statSn).to.equal(statSn);
    peer.ping();
    expect((await peer.answer()).statSn).to.equal(statSn + 1);
  });

  it('has its data cut to what the initiator takes', async () => {
    const { peer } = await connected({ MaxRecvDataSegmentLength: '512' });
    peer.ping(Buffer.alloc(2000, 7));
    expect((await peer.answer()).data.length).to.equal(512);
  });

  it('without a tag gets no answer', async () => {
    const { peer } = await connected();
    const value = { immediate: true, initiatorTaskTag: RESERVED_TAG, cmdSn: peer.cmdSn };
    peer.send(nopOut, value, Buffer.from('one way'));
    expect(await peer.received()).to.deep.equal([]);
  });

  it('that is no immediate command takes a CmdSN', async () => {
    const { peer } = await connected();
    const cmdSn = peer.cmdSn++;
    peer.send(nopOut, { initiatorTaskTag: peer.nextTag(), cmdSn });
    expect((await peer.answer()).expCmdSn).to.equal(cmdSn + 1);
  });
});

describe('NOP-In as a question (rules 6, 58)', () => {
  it('has a tag, and shows the next StatSN without using it', async () => {
    const { world, peer } = await connected();
    const statSn = peer.expStatSn;
    world.timers.advance(12_000);
    const asked = await peer.answer();
    expect([asked.opcode, asked.tag]).to.deep.equal([Opcode.nopIn, RESERVED_TAG]);
    expect(asked.header.readUInt32BE(20)).to.not.equal(RESERVED_TAG);
    expect(asked.statSn).to.equal(statSn);
    peer.testUnitReady();
    expect((await peer.answer()).statSn).to.equal(statSn);
  });

  it('is satisfied by its answer, and by any other PDU', async () => {
    const { world, peer } = await connected();
    for (let round = 0; round < 6; round++) {
      world.timers.advance(9_000);
      for (const asked of await peer.received()) {
        const targetTransferTag = asked.header.readUInt32BE(20);
        const answer = { immediate: true, initiatorTaskTag: RESERVED_TAG, targetTransferTag };
        if (round % 2 === 0) peer.send(nopOut, { ...answer, cmdSn: peer.cmdSn });
        else peer.testUnitReady();
      }
    }
    expect(peer.closed).to.equal(false);
  });

  it('without an answer ends connection and session: nothing of it holds a LUN', async () => {
    const { world, peer } = await connected();
    peer.write(8);
    world.timers.advance(25_000);
    await peer.received();
    expect(peer.closed).to.equal(true);
    expect(world.node.sessions()).to.deep.equal([]);
    expect(world.unit.itlNexuses.size).to.equal(0);
    expect(world.buffers.usedBytes).to.equal(0);
  });

  it('is asked on every connection of a session', async () => {
    const world = new TargetWorld({ limits });
    const a = await new Peer(world).connect({ keys: { MaxConnections: '2' } });
    const b = await new Peer(world).connect({ tsih: a.tsih, cid: 2, cmdSn: a.cmdSn });
    world.timers.advance(12_000);
    expect((await a.answer()).opcode).to.equal(Opcode.nopIn);
    expect((await b.answer()).opcode).to.equal(Opcode.nopIn);
  });
});
