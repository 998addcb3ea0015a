import { expect } from 'chai';
import { MIB } from '../../lib/base/index.ts';
import { DelayLayer, MemoryDevice } from '../../lib/block/index.ts';
import {
  Opcode,
  TaskManagementFunction,
  TaskManagementResponseCode,
  dataOut,
  nopOut,
} from '../../lib/iscsi/index.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import type { WorldOptions } from '../fakes/target-harness.ts';
import { BLOCK, OTHER, Peer, expectAtRest, opcodesOf, senseOf, tagsOf } from './support/peer.ts';
import type { Pdu } from './support/peer.ts';

const memory = (): MemoryDevice => new MemoryDevice({ capacityBytes: 16 * MIB });
/** Keeps every transfer until it is cancelled. */
const stuck: WorldOptions = { device: (timers) => new DelayLayer(memory(), timers, Infinity) };
const { functionComplete, taskDoesNotExist, notSupported } = TaskManagementResponseCode;

async function connected(options?: WorldOptions): Promise<{ world: TargetWorld; peer: Peer }> {
  const world = new TargetWorld(options);
  return { world, peer: await new Peer(world).connect() };
}

const responseOf = (pdus: readonly Pdu[]): number | undefined =>
  pdus.find(({ opcode }) => opcode === Opcode.taskManagementResponse)?.header[2];

/** Answers an R2T with `bytes` of data. */
function serve(peer: Peer, asked: Pdu, bytes = 8 * BLOCK, final = true): void {
  const targetTransferTag = asked.header.readUInt32BE(20);
  const value = { initiatorTaskTag: asked.tag, targetTransferTag, final };
  peer.send(dataOut, value, Buffer.alloc(bytes));
}

const allFunctions = [
  ['ABORT TASK SET', TaskManagementFunction.abortTaskSet],
  ['CLEAR TASK SET', TaskManagementFunction.clearTaskSet],
  ['LOGICAL UNIT RESET', TaskManagementFunction.logicalUnitReset],
  ['TARGET WARM RESET', TaskManagementFunction.targetWarmReset],
  ['TARGET COLD RESET', TaskManagementFunction.targetColdReset],
] as const;

describe('ABORT TASK (rules 49, 52)', () => {
  it('of a command that has not come fills its place: what follows goes on at once', async () => {
    const { world, peer } = await connected();
    const lost = peer.cmdSn++;
    const later = peer.testUnitReady();
    expect(await peer.received(), 'there is a gap').to.deep.equal([]);
    peer.manage(TaskManagementFunction.abortTask, { referencedTaskTag: 4711, refCmdSn: lost });
    const answers = await peer.received();
    expect(responseOf(answers)).to.equal(functionComplete);
    expect(tagsOf(answers)).to.include(later);
    peer.testUnitReady(lost);
    expect(await peer.received(), 'it came after all').to.deep.equal([]);
    expectAtRest(world);
  });

  it('fills no place behind its own, nor one outside of the window', async () => {
    const { peer } = await connected();
    for (const refCmdSn of [peer.cmdSn, peer.cmdSn + 1, peer.cmdSn - 1, peer.cmdSn + 1000]) {
      peer.manage(TaskManagementFunction.abortTask, { referencedTaskTag: 4711, refCmdSn });
      expect(responseOf(await peer.received())).to.equal(taskDoesNotExist);
    }
    peer.testUnitReady();
    expect((await peer.answer()).header[3]).to.equal(0);
  });

  it('is the last word on the task', async () => {
    const { world, peer } = await connected(stuck);
    const tag = peer.read(8);
    const value = { referencedTaskTag: tag, refCmdSn: peer.cmdSn - 1 };
    peer.manage(TaskManagementFunction.abortTask, value);
    expect(opcodesOf(await peer.received())).to.deep.equal([Opcode.taskManagementResponse]);
    expectAtRest(world);
  });

  it('that is no immediate command has its turn like any other', async () => {
    const { peer } = await connected();
    const value = { referencedTaskTag: 4711, refCmdSn: peer.cmdSn, immediate: false };
    peer.manage(TaskManagementFunction.abortTask, { ...value, cmdSn: peer.cmdSn + 1 });
    expect(await peer.received()).to.deep.equal([]);
    peer.testUnitReady();
    const answers = await peer.received();
    expect(responseOf(answers)).to.equal(taskDoesNotExist);
    expect(answers.at(-1)!.expCmdSn).to.equal(peer.cmdSn + 1);
  });
});

describe('Functions on several tasks (rules 50, 51)', () => {
  for (const [name, tmf] of allFunctions.slice(0, 3)) {
    it(`${name} waits for the commands before it`, async () => {
      const { world, peer } = await connected(stuck);
      peer.manage(tmf, { cmdSn: peer.cmdSn + 1 });
      expect(await peer.received()).to.deep.equal([]);
      const tag = peer.read(8);
      const answers = await peer.received();
      expect(responseOf(answers)).to.equal(functionComplete);
      expect(tagsOf(answers), 'the read is one of the affected').to.not.include(tag);
      expectAtRest(world);
    });
  }

  for (const [name, tmf] of allFunctions) {
    it(`${name} is answered when the open R2Ts have been served`, async () => {
      const { world, peer } = await connected();
      peer.write(8);
      peer.write(8);
      const [first, second] = await peer.received();
      peer.manage(tmf);
      expect(await peer.received(), 'two are open').to.deep.equal([]);
      serve(peer, first!, 4 * BLOCK, false);
      serve(peer, first!, 4 * BLOCK);
      expect(await peer.received(), 'one is open').to.deep.equal([]);
      serve(peer, second!);
      expect(responseOf(await peer.received())).to.equal(functionComplete);
      expectAtRest(world);
    });
  }

  it('are answered after a second where the initiator serves nothing any more', async () => {
    const { world, peer } = await connected();
    peer.write(8);
    await peer.received();
    peer.manage(TaskManagementFunction.logicalUnitReset);
    expect(await peer.received()).to.deep.equal([]);
    world.timers.advance(900);
    expect(await peer.received()).to.deep.equal([]);
    world.timers.advance(200);
    expect(responseOf(await peer.received())).to.equal(functionComplete);
  });

  it('do not wait for data of other logical units', async () => {
    const { peer } = await connected();
    peer.write(8);
    await peer.received();
    const lun = Buffer.from('0003000000000000', 'hex');
    peer.manage(TaskManagementFunction.abortTaskSet, { lun });
    expect(responseOf(await peer.received())).to.equal(TaskManagementResponseCode.lunDoesNotExist);
  });

  it('are answered behind the responses on the session’s other connections', async () => {
    const world = new TargetWorld();
    const a = await new Peer(world).connect({ keys: { MaxConnections: '2' } });
    const b = await new Peer(world).connect({ tsih: a.tsih, cid: 2, cmdSn: a.cmdSn });
    b.testUnitReady(a.cmdSn++);
    a.manage(TaskManagementFunction.logicalUnitReset);
    expect(await a.received(), 'b may not have its response yet').to.deep.equal([]);
    const [response, asked] = await b.received();
    expect([response!.opcode, asked!.opcode]).to.deep.equal([Opcode.scsiResponse, Opcode.nopIn]);
    const targetTransferTag = asked!.header.readUInt32BE(20);
    const pong = { immediate: true, initiatorTaskTag: 0xffffffff, targetTransferTag };
    b.send(nopOut, { ...pong, cmdSn: a.cmdSn });
    expect(responseOf(await a.received())).to.equal(functionComplete);
  });

  it('are bounded in number', async () => {
    const { peer } = await connected({ limits: { taskManagementFunctions: 2 } });
    for (let count = 0; count < 3; count++) {
      peer.manage(TaskManagementFunction.abortTaskSet, { cmdSn: peer.cmdSn + 1 });
    }
    const refused = TaskManagementResponseCode.functionRejected;
    expect((await peer.received()).map(({ header }) => header[2])).to.deep.equal([refused]);
    peer.testUnitReady();
    expect(await peer.received()).to.have.length(3);
    peer.manage(TaskManagementFunction.abortTaskSet);
    expect(responseOf(await peer.received())).to.equal(functionComplete);
  });

  it('do not wait for a CmdSN that can not come', async () => {
    const { peer } = await connected();
    peer.manage(TaskManagementFunction.abortTaskSet, { cmdSn: peer.cmdSn + 100_000 });
    expect(responseOf(await peer.received())).to.equal(functionComplete);
  });
});

describe('The response to a function is the last word on its tasks (rule 51)', () => {
  for (const [name, tmf] of allFunctions) {
    it(`${name}: a medium that answers late changes nothing`, async () => {
      const world = new TargetWorld({
        device: (timers) => new DelayLayer(memory(), timers, 100),
      });
      const peer = await new Peer(world).connect();
      for (let count = 0; count < 4; count++) peer.read(8);
      peer.manage(tmf);
      const before = await peer.received();
      for (let step = 0; step < 30; step++) world.timers.advance(100);
      const all = [...before, ...(await peer.received())];
      const answered = all.findIndex(({ opcode }) => opcode === Opcode.taskManagementResponse);
      expect(answered).to.be.at.least(0);
      expect(opcodesOf(all.slice(answered + 1))).to.deep.equal([]);
      expectAtRest(world);
    });
  }
});

describe('What functions reach (rules 53, 54)', () => {
  it('ABORT TASK SET ends the sender’s tasks and no others', async () => {
    const { peer, world } = await connected(stuck);
    const other = await new Peer(world).connect({ name: OTHER });
    peer.read(8);
    other.read(8);
    peer.manage(TaskManagementFunction.abortTaskSet);
    expect(responseOf(await peer.received())).to.equal(functionComplete);
    expect(world.buffers.usedBytes, 'the other’s is still there').to.be.above(0);
    other.testUnitReady();
    expect(senseOf(await other.answer())).to.equal('');
  });

  it('CLEAR TASK SET ends everybody’s, and tells the others by unit attention 2F/00', async () => {
    const { peer, world } = await connected(stuck);
    const other = await new Peer(world).connect({ name: OTHER });
    other.read(8);
    peer.manage(TaskManagementFunction.clearTaskSet);
    expect(responseOf(await peer.received())).to.equal(functionComplete);
    expectAtRest(world);
    other.testUnitReady();
    expect(senseOf(await other.answer())).to.equal('6/2f00');
    peer.testUnitReady();
    expect(senseOf(await peer.answer()), 'not the sender').to.equal('');
  });

  it('with TAS=1 the others’ tasks end with TASK ABORTED instead', async () => {
    const { peer, world } = await connected(stuck);
    const other = await new Peer(world).connect({ name: OTHER });
    world.unit.modes.taskAbortedStatus = true;
    const tag = other.read(8);
    peer.manage(TaskManagementFunction.clearTaskSet);
    expect(responseOf(await peer.received())).to.equal(functionComplete);
    const ended = await other.answer();
    expect([ended.tag, ended.header[3]]).to.deep.equal([tag, 0x40]);
    other.testUnitReady();
    expect(senseOf(await other.answer())).to.equal('');
  });

  it('LOGICAL UNIT RESET tells every nexus by unit attention 29/03', async () => {
    const { peer, world } = await connected();
    const other = await new Peer(world).connect({ name: OTHER });
    peer.manage(TaskManagementFunction.logicalUnitReset);
    await peer.received();
    for (const one of [peer, other]) {
      one.testUnitReady();
      expect(senseOf(await one.answer())).to.equal('6/2903');
    }
  });

  it('TARGET COLD RESET closes all connections of the sender’s sessions', async () => {
    const { peer, world } = await connected();
    const second = await new Peer(world).connect({ isid: '800000000002' });
    const other = await new Peer(world).connect({ name: OTHER });
    peer.manage(TaskManagementFunction.targetColdReset);
    expect(responseOf(await peer.received())).to.equal(functionComplete);
    await second.received();
    expect([peer.closed, second.closed, other.closed]).to.deep.equal([true, true, false]);
  });
});

describe('Functions that are not there (rules 52, 55)', () => {
  for (const [name, tmf, response] of [
    ['CLEAR ACA', TaskManagementFunction.clearAca, notSupported],
    ['QUERY TASK', TaskManagementFunction.queryTask, notSupported],
    ['I_T NEXUS RESET', TaskManagementFunction.itNexusReset, notSupported],
    ['function 0', 0, notSupported],
    ['function 127', 127, notSupported],
    [
      'TASK REASSIGN',
      TaskManagementFunction.taskReassign,
      TaskManagementResponseCode.reassignmentNotSupported,
    ],
  ] as const) {
    it(`${name} is answered ${response}`, async () => {
      const { peer } = await connected();
      peer.manage(tmf);
      expect(responseOf(await peer.received())).to.equal(response);
    });
  }
});
