import { expect } from 'chai';
import { KIB, MIB } from '../../../lib/base/index.ts';
import { DelayLayer, MemoryDevice } from '../../../lib/block/index.ts';
import type { BlockDevice, BlockRequest } from '../../../lib/block/index.ts';
import {
  Opcode,
  TaskManagementFunction,
  TaskManagementResponseCode,
  dataOut,
  r2t,
  scsiCommand,
  taskManagementRequest,
} from '../../../lib/iscsi/index.ts';
import { decode } from '../../../lib/wire/index.ts';
import { TargetWorld, UNIT_UUID, cdb10, settle } from '../../fakes/target-harness.ts';
import type { RawClient, ReceivedPdu, WorldOptions } from '../../fakes/target-harness.ts';

const HOST = 'iqn.2026-11.test:host';
const OTHER = 'iqn.2026-11.test:other';
const BLOCK = 512;

const memory = (): MemoryDevice => new MemoryDevice({ capacityBytes: 16 * MIB });
/** Holds every transfer until it is cancelled. */
const stuck: WorldOptions = { device: (timers) => new DelayLayer(memory(), timers, Infinity) };

/** Neither ends nor cancels anything: a dead disk. */
function deadDevice(): BlockDevice {
  const device = memory();
  device.submit = (_request: BlockRequest) => undefined;
  return device;
}

async function connected(world: TargetWorld, name = HOST): Promise<RawClient> {
  const client = world.client();
  await client.connect(name);
  return client;
}

function read(client: RawClient): number {
  const initiatorTaskTag = client.nextTag();
  const value = { read: true, expectedDataTransferLengthBytes: 8 * BLOCK, cdb: cdb10(0x28, 0, 8) };
  client.send(scsiCommand, { ...value, initiatorTaskTag, cmdSn: client.cmdSn++ });
  return initiatorTaskTag;
}

function manage(
  client: RawClient,
  tmf: TaskManagementFunction,
  referencedTaskTag = 0xffffffff,
  refCmdSn = 0,
): number {
  const initiatorTaskTag = client.nextTag();
  const value = { function: tmf, referencedTaskTag, refCmdSn, lun: Buffer.alloc(8) };
  const cmdSn = client.cmdSn;
  client.send(taskManagementRequest, { ...value, immediate: true, initiatorTaskTag, cmdSn });
  return initiatorTaskTag;
}

const responseOf = (pdus: readonly ReceivedPdu[]): number | undefined =>
  pdus.find(({ opcode }) => opcode === Opcode.taskManagementResponse)?.header[2];

describe('ABORT TASK', () => {
  it('ends the task without an answer, then says complete', async () => {
    const world = new TargetWorld(stuck);
    const client = await connected(world);
    const tag = read(client);
    manage(client, TaskManagementFunction.abortTask, tag, client.cmdSn - 1);
    const pdus = await client.received();
    expect(pdus.map(({ opcode }) => opcode)).to.deep.equal([Opcode.taskManagementResponse]);
    expect(responseOf(pdus)).to.equal(TaskManagementResponseCode.functionComplete);
    expect(world.buffers.usedBytes, 'its memory is given back').to.equal(0);
  });

  it('says that a task below the window does not exist', async () => {
    const client = await connected(new TargetWorld());
    manage(client, TaskManagementFunction.abortTask, 4711, 1);
    expect(responseOf(await client.received())).to.equal(
      TaskManagementResponseCode.taskDoesNotExist,
    );
  });

  it('drops a command that it named before it came', async () => {
    const client = await connected(new TargetWorld());
    const cmdSn = client.cmdSn++;
    manage(client, TaskManagementFunction.abortTask, 4711, cmdSn);
    expect(responseOf(await client.received())).to.equal(
      TaskManagementResponseCode.functionComplete,
    );
    const cdb = Buffer.alloc(16);
    client.send(scsiCommand, { initiatorTaskTag: 4711, cmdSn, cdb });
    expect(await client.received(), 'the aborted command').to.deep.equal([]);
    client.send(scsiCommand, { initiatorTaskTag: 4712, cmdSn: client.cmdSn++, cdb });
    expect(await client.received(), 'the one after it').to.have.length(1);
  });

  it('never says complete for what still runs on a dead disk, and answers in time', async () => {
    const world = new TargetWorld({ device: deadDevice, abortLimitMs: 5_000 });
    const client = await connected(world);
    const tag = read(client);
    manage(client, TaskManagementFunction.abortTask, tag, client.cmdSn - 1);
    expect(await client.received()).to.deep.equal([]);
    world.timers.advance(5_001);
    expect(responseOf(await client.received())).to.equal(
      TaskManagementResponseCode.functionRejected,
    );
  });

  it('drops the Data-Out that still comes for the aborted write', async () => {
    const world = new TargetWorld();
    const client = world.client();
    await client.connect(HOST, { InitialR2T: 'Yes', ImmediateData: 'No' });
    const tag = client.nextTag();
    const value = { write: true, expectedDataTransferLengthBytes: 4096, cdb: cdb10(0x2a, 0, 8) };
    client.send(scsiCommand, { ...value, initiatorTaskTag: tag, cmdSn: client.cmdSn++ });
    const [asked] = await client.received();
    const { targetTransferTag } = decode(r2t, asked!.header);
    manage(client, TaskManagementFunction.abortTask, tag, client.cmdSn - 1);
    expect(responseOf(await client.received())).to.equal(0);
    const data = Buffer.alloc(4096, 0xaa);
    client.send(dataOut, { initiatorTaskTag: tag, targetTransferTag, final: true }, data);
    expect(await client.received()).to.deep.equal([]);
    expect(client.closed).to.equal(false);
  });

  it('half a Data-Out goes nowhere when another host ends the task in its middle', async () => {
    const world = new TargetWorld();
    const client = world.client();
    await client.connect(HOST, { InitialR2T: 'Yes', ImmediateData: 'Yes' });
    const other = await connected(world, OTHER);
    const pieces: Buffer[] = [];
    const send = client.sendBytes.bind(client);
    client.sendBytes = (bytes) => pieces.push(bytes);
    const value = { write: true, expectedDataTransferLengthBytes: 4096, cdb: cdb10(0x2a, 0, 8) };
    const tag = { initiatorTaskTag: client.nextTag(), cmdSn: client.cmdSn++ };
    client.send(scsiCommand, { ...value, ...tag }, Buffer.alloc(4096, 0xaa));
    const pdu = Buffer.concat(pieces);
    send(pdu.subarray(0, 48 + 1024));
    manage(other, TaskManagementFunction.logicalUnitReset);
    expect(responseOf(await other.received())).to.equal(0);
    // the buffer that the task had belongs to somebody else by now
    const reused = world.buffers.acquire(4 * KIB)!;
    reused.data.fill(0x55);
    send(pdu.subarray(48 + 1024));
    await settle();
    expect(reused.data.every((byte) => byte === 0x55)).to.equal(true);
    expect(client.closed).to.equal(false);
  });
});

describe('Resets', () => {
  it('LOGICAL UNIT RESET ends every nexus’ tasks and reopens a window that was closed', async () => {
    const world = new TargetWorld({ ...stuck, limits: { queueDepth: 2 } });
    const client = await connected(world);
    const other = await connected(world, OTHER);
    read(client);
    read(client);
    manage(other, TaskManagementFunction.logicalUnitReset);
    expect(responseOf(await other.received())).to.equal(0);
    const told = await client.received();
    const shown = told.findLast(({ opcode }) => opcode === Opcode.nopIn)!.header;
    expect(shown.readUInt32BE(32) - shown.readUInt32BE(28), 'MaxCmdSN - ExpCmdSN').to.equal(1);
  });

  it('TARGET COLD RESET ends the sender’s session and nobody else’s', async () => {
    const world = new TargetWorld();
    const client = await connected(world);
    const other = await connected(world, OTHER);
    manage(client, TaskManagementFunction.targetColdReset);
    expect(responseOf(await client.received())).to.equal(0);
    await settle();
    expect(client.closed).to.equal(true);
    expect(other.closed).to.equal(false);
  });

  it('TASK REASSIGN is refused at error recovery level 0', async () => {
    const client = await connected(new TargetWorld());
    manage(client, TaskManagementFunction.taskReassign, 1);
    expect(responseOf(await client.received())).to.equal(
      TaskManagementResponseCode.reassignmentNotSupported,
    );
  });
});

describe('Access that is taken away', () => {
  it('unassigning returns only when the host’s tasks have ended, and the LUN is gone', async () => {
    const world = new TargetWorld(stuck);
    const client = await connected(world);
    read(client);
    world.views.set(HOST, { ...world.openView(HOST), luns: new Map() });
    await world.node.refreshAccess();
    expect(world.unit.itlNexuses.size).to.equal(0);
    expect(world.buffers.usedBytes).to.equal(0);
    read(client);
    const answers = await client.received();
    const response = answers.find(({ opcode }) => opcode === Opcode.scsiResponse)!;
    expect(response.data.subarray(14, 16).toString('hex'), 'LU not supported').to.equal('2500');
    expect(world.node.lunSeenBy(0, UNIT_UUID), 'saw the unit itself').to.deep.equal([]);
    expect(world.node.lunSeenBy(0, 'another unit')).to.have.length(1);
  });

  it('a host that is no host any more loses its session', async () => {
    const world = new TargetWorld();
    const client = await connected(world);
    world.views.set(HOST, undefined);
    await world.node.refreshAccess();
    expect(client.closed).to.equal(true);
  });

  it('a host that got a secret loses the session that it opened without', async () => {
    const world = new TargetWorld();
    const client = await connected(world);
    const chap = { user: 'web1', secret: 'twelve bytes or more' };
    world.views.set(HOST, { ...world.openView(HOST), chap });
    await world.node.refreshAccess();
    expect(client.closed).to.equal(true);
  });
});
