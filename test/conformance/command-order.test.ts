import { expect } from 'chai';
import {
  LogoutReason,
  Opcode,
  RESERVED_TAG,
  RejectReason,
  TaskManagementFunction,
  dataOut,
  logoutRequest,
  nopOut,
} from '../../lib/iscsi/index.ts';
import { promiseFace } from '../../lib/block/index.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import type { WorldOptions } from '../fakes/target-harness.ts';
import { BLOCK, OTHER, Peer, expectAtRest, opcodesOf, tagsOf } from './support/peer.ts';
import type { Keys } from './support/peer.ts';

async function connected(options?: WorldOptions): Promise<{ world: TargetWorld; peer: Peer }> {
  const world = new TargetWorld(options);
  return { world, peer: await new Peer(world).connect() };
}

/** Two connections of one session; CmdSNs are the test's. */
async function twoConnections(keys: Keys = {}): Promise<{ world: TargetWorld; a: Peer; b: Peer }> {
  const world = new TargetWorld();
  const a = await new Peer(world).connect({ keys: { MaxConnections: '2', ...keys } });
  const b = await new Peer(world).connect({ tsih: a.tsih, cid: 2, cmdSn: a.cmdSn });
  return { world, a, b };
}

describe('The order of commands in a session (rules 1-5, 7, 11, 27)', () => {
  it('is that of CmdSN over all connections', async () => {
    const { world, a, b } = await twoConnections();
    const third = b.testUnitReady(a.cmdSn + 2);
    const second = b.testUnitReady(a.cmdSn + 1);
    expect(await b.received(), 'nothing before the first').to.deep.equal([]);
    const first = a.testUnitReady();
    expect(tagsOf(await a.received())).to.deep.equal([first]);
    expect(tagsOf(await b.received()), 'in CmdSN order').to.deep.equal([second, third]);
    expectAtRest(world);
  });

  it('holds also for what is no SCSI command', async () => {
    const { a, b } = await twoConnections();
    const initiatorTaskTag = b.nextTag();
    b.send(nopOut, { initiatorTaskTag, cmdSn: a.cmdSn + 1 }, Buffer.from('ping'));
    expect(await b.received()).to.deep.equal([]);
    a.testUnitReady();
    const [echo] = await b.received();
    expect(echo!.tag).to.equal(initiatorTaskTag);
    expect(echo!.data.toString()).to.equal('ping');
    expect(echo!.expCmdSn).to.equal(a.cmdSn + 1);
  });

  it('lets an early write keep its immediate and unsolicited data until its turn', async () => {
    const { world, a, b } = await twoConnections({ InitialR2T: 'No', FirstBurstLength: '4096' });
    const data = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 7) & 0xff));
    const value = { cmdSn: a.cmdSn + 1, final: false };
    const initiatorTaskTag = b.write(8, data.subarray(0, 1024), value);
    const rest = data.subarray(1024);
    b.send(dataOut, { initiatorTaskTag, bufferOffsetBytes: 1024, final: true }, rest);
    expect(await b.received()).to.deep.equal([]);
    a.testUnitReady();
    await a.received();
    const response = await b.answer();
    expect(response.header[3], 'status').to.equal(0);
    const stored = Buffer.alloc(4096);
    await promiseFace(world.device).read(0, stored);
    expect(stored.equals(data)).to.equal(true);
    expectAtRest(world);
  });

  it('lets an early write go on whose turn comes in the middle of its data', async () => {
    const { world, a, b } = await twoConnections({ InitialR2T: 'No', FirstBurstLength: '4096' });
    const data = Buffer.alloc(4096, 0x5a);
    const tag = b.write(8, undefined, { cmdSn: a.cmdSn + 1, final: false });
    const pdu = b.bytesOf(dataOut, { initiatorTaskTag: tag, final: true }, data);
    b.sendBytes(pdu.subarray(0, 1000));
    a.testUnitReady();
    await a.received();
    b.sendBytes(pdu.subarray(1000));
    expect((await b.answer()).header[3]).to.equal(0);
    const stored = Buffer.alloc(4096);
    await promiseFace(world.device).read(0, stored);
    expect(stored.equals(data)).to.equal(true);
  });

  it('begins with the CmdSN of the login', async () => {
    const world = new TargetWorld();
    const peer = new Peer(world);
    const { pdu } = await peer.login({ cmdSn: 77 });
    expect(pdu.expCmdSn).to.equal(77);
    peer.testUnitReady(77);
    expect((await peer.answer()).expCmdSn).to.equal(78);
  });

  it('goes on over the end of the numbers', async () => {
    const world = new TargetWorld({ limits: { queueDepth: 4 } });
    const peer = new Peer(world);
    const { pdu } = await peer.login({ cmdSn: 0xfffffffe });
    expect(pdu.maxCmdSn).to.equal(1);
    for (const cmdSn of [0xfffffffe, 0xffffffff, 0, 1, 2]) {
      peer.testUnitReady(cmdSn);
      const { expCmdSn, maxCmdSn } = await peer.answer();
      expect([expCmdSn, maxCmdSn]).to.deep.equal([(cmdSn + 1) >>> 0, (cmdSn + 4) >>> 0]);
    }
  });
});

describe('A CmdSN outside of the window or used already (rule 2)', () => {
  for (const [what, offset] of [
    ['before ExpCmdSN', -1],
    ['far before ExpCmdSN', -1_000_000],
    ['behind MaxCmdSN', 4],
    ['half the numbers away', 0x7fffffff],
  ] as const) {
    it(`is ignored ${what}, and the connection goes on`, async () => {
      const { world, peer } = await connected({ limits: { queueDepth: 4 } });
      peer.testUnitReady((peer.cmdSn + offset) >>> 0);
      const initiatorTaskTag = peer.nextTag();
      peer.send(nopOut, { initiatorTaskTag, cmdSn: (peer.cmdSn + offset) >>> 0 });
      expect(await peer.received()).to.deep.equal([]);
      peer.testUnitReady();
      expect((await peer.answer()).header[3]).to.equal(0);
      expectAtRest(world);
    });
  }

  it('is ignored where the same number waits for its turn', async () => {
    const { a, b } = await twoConnections();
    const held = b.testUnitReady(a.cmdSn + 1);
    a.testUnitReady(a.cmdSn + 1);
    const first = a.testUnitReady();
    expect(tagsOf(await a.received())).to.deep.equal([first]);
    expect(tagsOf(await b.received())).to.deep.equal([held]);
  });
});

describe('The command window (rules 3, 5)', () => {
  it('never goes back and is never closed further than ExpCmdSN - 1', async () => {
    const { peer } = await connected({ limits: { queueDepth: 4 } });
    let highest = 0;
    for (let round = 0; round < 12; round++) {
      if (round % 3 === 0) peer.ping();
      else peer.testUnitReady();
      for (const { expCmdSn, maxCmdSn } of await peer.received()) {
        expect(maxCmdSn).to.be.at.least(highest);
        expect(maxCmdSn).to.be.at.least(expCmdSn - 1);
        highest = maxCmdSn;
      }
    }
  });

  it('closes with writes that wait for data and opens with their answers', async () => {
    const { peer } = await connected({ limits: { queueDepth: 2 } });
    const initiatorTaskTag = peer.write(8);
    peer.write(8);
    const [first, second] = await peer.received();
    expect(second!.opcode).to.equal(Opcode.r2t);
    expect(second!.maxCmdSn - second!.expCmdSn).to.equal(-1);
    const targetTransferTag = first!.header.readUInt32BE(20);
    const value = { initiatorTaskTag, targetTransferTag, final: true };
    peer.send(dataOut, value, Buffer.alloc(8 * BLOCK));
    const response = await peer.answer();
    expect(response.maxCmdSn - response.expCmdSn).to.equal(0);
  });
});

describe('A closed window', () => {
  it('is opened by an unsolicited NOP-In where nothing else tells of it', async () => {
    const { world, peer } = await connected({ limits: { queueDepth: 2 } });
    const other = await new Peer(world).connect({ name: OTHER });
    peer.write(8);
    peer.write(8);
    const shown = (await peer.received()).at(-1)!;
    expect(shown.maxCmdSn - shown.expCmdSn).to.equal(-1);
    const statSn = peer.expStatSn;
    other.manage(TaskManagementFunction.logicalUnitReset);
    const told = await peer.answer();
    expect([told.opcode, told.tag, told.header.readUInt32BE(20)]).to.deep.equal([
      Opcode.nopIn,
      RESERVED_TAG,
      RESERVED_TAG,
    ]);
    expect([told.maxCmdSn - told.expCmdSn, told.statSn]).to.deep.equal([1, statSn]);
  });
});

describe('Immediate commands (rule 4)', () => {
  it('do not advance CmdSN and overtake what waits for its turn', async () => {
    const { a, b } = await twoConnections();
    b.testUnitReady(a.cmdSn + 1);
    const tag = b.command(Buffer.alloc(16), { immediate: true, cmdSn: a.cmdSn });
    const [response] = await b.received();
    expect(response!.tag).to.equal(tag);
    expect(response!.expCmdSn).to.equal(a.cmdSn);
  });

  it('are rejected beyond their limit, while task management still gets its answer', async () => {
    const { world, peer } = await connected({ limits: { immediateCommands: 2 } });
    for (let count = 0; count < 3; count++) peer.write(8, undefined, { immediate: true });
    const answers = await peer.received();
    expect(opcodesOf(answers)).to.deep.equal([Opcode.r2t, Opcode.r2t, Opcode.reject]);
    expect(answers[2]!.header[2]).to.equal(RejectReason.immediateCommandReject);
    peer.manage(TaskManagementFunction.logicalUnitReset);
    await peer.received();
    world.timers.advance(2_000);
    const [done] = await peer.received();
    expect(done!.opcode).to.equal(Opcode.taskManagementResponse);
    expect(done!.header[2]).to.equal(0);
    expectAtRest(world);
  });
});

describe('What waits for its turn ends with what brought it', () => {
  it('when its connection logs out: later commands go on, it is never performed', async () => {
    const { world, a, b } = await twoConnections();
    b.write(8, Buffer.alloc(8 * BLOCK, 0xbb), { cmdSn: a.cmdSn + 1 });
    const logout = { reason: LogoutReason.closeConnection, cid: 2, initiatorTaskTag: a.nextTag() };
    a.send(logoutRequest, { ...logout, cmdSn: a.cmdSn });
    expect((await a.answer()).header[2], 'logout response').to.equal(0);
    expect(b.closed).to.equal(true);
    const first = a.testUnitReady();
    const third = a.testUnitReady(a.cmdSn + 1);
    expect(tagsOf(await a.received()), 'its number counts as received').to.deep.equal([
      first,
      third,
    ]);
    const stored = Buffer.alloc(BLOCK);
    await promiseFace(world.device).read(0, stored);
    expect(stored.every((byte) => byte === 0)).to.equal(true);
    expectAtRest(world);
  });

  it('when its connection is taken over by another with the same CID', async () => {
    const { world, a, b } = await twoConnections();
    b.testUnitReady(a.cmdSn + 1);
    const c = await new Peer(world).connect({ tsih: a.tsih, cid: 2, cmdSn: a.cmdSn });
    expect(b.closed).to.equal(true);
    a.testUnitReady();
    const third = c.testUnitReady(a.cmdSn + 1);
    expect(await a.received()).to.have.length(1);
    expect(tagsOf(await c.received())).to.deep.equal([third]);
    expectAtRest(world);
  });

  it('when the session logs out, and nothing behind the logout counts', async () => {
    const { world, peer } = await connected();
    const early = peer.bytesOf(nopOut, { initiatorTaskTag: peer.nextTag(), cmdSn: peer.cmdSn });
    peer.write(8, Buffer.alloc(8 * BLOCK), { cmdSn: peer.cmdSn + 1 });
    const initiatorTaskTag = peer.nextTag();
    const logout = peer.bytesOf(logoutRequest, { initiatorTaskTag, cmdSn: peer.cmdSn });
    peer.sendBytes(Buffer.concat([logout, early]));
    expect(opcodesOf(await peer.received())).to.deep.equal([Opcode.logoutResponse]);
    expect(peer.closed).to.equal(true);
    expectAtRest(world);
    expect(world.node.sessions()).to.deep.equal([]);
  });

  it('when ABORT TASK names it: its place in the window is free again', async () => {
    const { world, a, b } = await twoConnections();
    const held = b.write(8, Buffer.alloc(8 * BLOCK, 0xbb), { cmdSn: a.cmdSn + 1 });
    const named = { referencedTaskTag: held, refCmdSn: a.cmdSn + 1, cmdSn: a.cmdSn + 2 };
    a.manage(TaskManagementFunction.abortTask, named);
    expect((await a.answer()).header[2]).to.equal(0);
    const tags = [a.testUnitReady(), a.testUnitReady(a.cmdSn + 1)];
    expect(tagsOf(await a.received())).to.deep.equal(tags);
    expect(await b.received()).to.deep.equal([]);
    expectAtRest(world);
  });
});
