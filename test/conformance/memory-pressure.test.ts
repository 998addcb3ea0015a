import { expect } from 'chai';
import { KIB } from '../../lib/base/index.ts';
import { promiseFace } from '../../lib/block/index.ts';
import { Opcode, TaskManagementFunction, dataOut } from '../../lib/iscsi/index.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import type { WorldOptions } from '../fakes/target-harness.ts';
import { BLOCK, OTHER, Peer, expectAtRest, opcodesOf } from './support/peer.ts';

const KEYS = { InitialR2T: 'No', FirstBurstLength: '8192', MaxRecvDataSegmentLength: '262144' };

async function connected(options: WorldOptions): Promise<{ world: TargetWorld; peer: Peer }> {
  const world = new TargetWorld(options);
  return { world, peer: await new Peer(world).connect({ keys: KEYS }) };
}

async function stored(world: TargetWorld, bytes: number): Promise<Buffer> {
  const into = Buffer.alloc(bytes);
  await promiseFace(world.device).read(0, into);
  return into;
}

describe('A server that is short of transfer memory (rules 5, 23)', () => {
  it('opens the command window no further than its minimum until memory is back', async () => {
    const limits = { queueDepth: 8, queueDepthMin: 2 };
    const { world, peer } = await connected({ limits, budgetBytes: 64 * KIB });
    const taken = world.buffers.acquire(64 * KIB)!;
    const { maxCmdSn: before } = await ping(peer);
    for (let count = 0; count < 2; count++) peer.read(8);
    for (let count = 0; count < 4; count++) peer.testUnitReady();
    expect((await peer.received()).map(({ maxCmdSn }) => maxCmdSn)).to.deep.equal(
      new Array<number>(4).fill(before),
    );
    taken.release();
    const last = (await peer.received()).at(-1)!;
    expect(last.maxCmdSn - last.expCmdSn + 1).to.equal(8);
    expectAtRest(world);
  });

  it('lets a session without commands send its minimum', async () => {
    const limits = { queueDepth: 4, queueDepthMin: 2 };
    const { world, peer } = await connected({ limits, budgetBytes: 64 * KIB });
    const other = await new Peer(world).connect({ name: OTHER, keys: KEYS });
    const taken = world.buffers.acquire(64 * KIB)!;
    peer.read(8);
    for (let count = 0; count < 8; count++) {
      other.testUnitReady();
      const { maxCmdSn, expCmdSn } = await other.answer();
      expect(maxCmdSn - expCmdSn + 1).to.be.at.least(2);
    }
    taken.release();
    await peer.received();
    expectAtRest(world);
  });

  it('keeps unsolicited data until there is memory, also in the middle of a PDU', async () => {
    const { world, peer } = await connected({ budgetBytes: 64 * KIB });
    const data = Buffer.from(Array.from({ length: 8192 }, (_, index) => (index * 13) & 0xff));
    const taken = world.buffers.acquire(64 * KIB)!;
    taken.data.fill(0xee);
    const tag = peer.write(16, data.subarray(0, 2048), { final: false });
    const value = { initiatorTaskTag: tag, final: true, bufferOffsetBytes: 2048 };
    const rest = peer.bytesOf(dataOut, value, data.subarray(2048));
    peer.sendBytes(rest.subarray(0, 3000));
    taken.release();
    expect(await peer.received(), 'the PDU is not complete').to.deep.equal([]);
    peer.sendBytes(rest.subarray(3000));
    const response = await peer.answer();
    expect([response.opcode, response.header[3]]).to.deep.equal([Opcode.scsiResponse, 0]);
    expect((await stored(world, 8192)).equals(data)).to.equal(true);
    expectAtRest(world);
  });

  it('and gets it in the middle of a command’s immediate data', async () => {
    const { world, peer } = await connected({ budgetBytes: 64 * KIB });
    const taken = world.buffers.acquire(64 * KIB)!;
    const pieces: Buffer[] = [];
    const send = peer.sendBytes.bind(peer);
    peer.sendBytes = (bytes) => pieces.push(bytes);
    peer.write(16, Buffer.alloc(4096, 0xa1));
    const pdu = Buffer.concat(pieces);
    send(pdu.subarray(0, 1000));
    taken.release();
    send(pdu.subarray(1000));
    const [asked] = await peer.received();
    expect(asked!.opcode).to.equal(Opcode.r2t);
    expect(asked!.header.readUInt32BE(40), 'offset asked for').to.equal(4096);
    const tags = {
      initiatorTaskTag: asked!.tag,
      targetTransferTag: asked!.header.readUInt32BE(20),
    };
    const rest = Buffer.alloc(4096, 0xa2);
    peer.sendBytes = send;
    peer.send(dataOut, { ...tags, final: true, bufferOffsetBytes: 4096 }, rest);
    expect((await peer.answer()).header[3]).to.equal(0);
    const expected = Buffer.concat([Buffer.alloc(4096, 0xa1), rest]);
    expect((await stored(world, 8192)).equals(expected)).to.equal(true);
  });

  it('never gives memory to a command that was aborted while it waited', async () => {
    const { world, peer } = await connected({ budgetBytes: 64 * KIB });
    const taken = world.buffers.acquire(64 * KIB)!;
    peer.write(16, Buffer.alloc(8192, 0xcc));
    peer.read(8);
    peer.manage(TaskManagementFunction.abortTaskSet);
    expect((await peer.answer()).header[2]).to.equal(0);
    taken.release();
    expect(await peer.received()).to.deep.equal([]);
    expect((await stored(world, 8192)).every((byte) => byte === 0)).to.equal(true);
    expectAtRest(world);
  });

  it('aborts a command for a LUN that is not there while it waits', async () => {
    const { world, peer } = await connected({ budgetBytes: 64 * KIB });
    const taken = world.buffers.acquire(64 * KIB)!;
    const cdb = Buffer.alloc(16);
    cdb[0] = 0x12;
    cdb[4] = 36;
    const lun = Buffer.from('0005000000000000', 'hex');
    const value = { read: true, expectedDataTransferLengthBytes: 36, lun };
    const tag = peer.command(cdb, value);
    const abort = { referencedTaskTag: tag, refCmdSn: peer.cmdSn - 1, lun };
    peer.manage(TaskManagementFunction.abortTask, abort);
    const answer = await peer.answer();
    expect([answer.opcode, answer.header[2]]).to.deep.equal([Opcode.taskManagementResponse, 0]);
    taken.release();
    const again = peer.command(cdb, value);
    expect((await peer.answer()).tag).to.equal(again);
    expectAtRest(world);
  });
});

describe('A peer that does not take its answers', () => {
  it('holds no more than its share of the transfer memory', async () => {
    const { world, peer } = await connected({ budgetBytes: 256 * KIB });
    const other = await new Peer(world).connect({ name: OTHER, keys: KEYS });
    const { connection } = peer;
    const batches: NonNullable<ReturnType<typeof connection.takeBatch>>[] = [];
    for (let count = 0; count < 16; count++) {
      peer.read(32);
      await Promise.resolve();
      const batch = connection.takeBatch();
      if (batch !== undefined) batches.push(batch);
    }
    expect(world.buffers.usedBytes).to.be.at.most(64 * KIB + 16 * KIB);
    other.read(128);
    expect((await other.received()).at(-1)!.flags & 0x01, 'others are served').to.equal(1);
    for (const batch of batches) connection.batchDone(batch);
    const rest = await peer.received();
    expect(rest.length + batches.length, 'every command is answered').to.be.at.least(16);
    expectAtRest(world);
  });

  it('may have one command of any size', async () => {
    const { world, peer } = await connected({ budgetBytes: 256 * KIB });
    peer.read(512);
    const answers = await peer.received();
    expect(opcodesOf(answers).every((opcode) => opcode === Opcode.dataIn)).to.equal(true);
    expect(Buffer.concat(answers.map(({ data }) => data)).length).to.equal(512 * BLOCK);
    expectAtRest(world);
  });
});

describe('A length that a header names (rule 23)', () => {
  it('costs no memory: the CDB says what is needed', async () => {
    const { world, peer } = await connected({});
    peer.write(1, undefined, { expectedDataTransferLengthBytes: 0xffffffff });
    const [asked] = await peer.received();
    expect(asked!.header.readUInt32BE(44), 'desired length').to.equal(BLOCK);
    expect(world.buffers.usedBytes).to.be.at.most(4 * KIB);
    peer.read(1, { expectedDataTransferLengthBytes: 0xffffffff });
    const [data] = await peer.received();
    expect(data!.data.length).to.equal(BLOCK);
    expect(data!.flags & 0x06, 'underflow').to.equal(0x02);
  });

  it('costs none where the command is refused', async () => {
    const { world, peer } = await connected({});
    const cdb = Buffer.alloc(16);
    cdb[0] = 0x8a;
    cdb.writeUInt32BE(0xffffffff, 10);
    const value = { write: true, expectedDataTransferLengthBytes: 0xffffffff };
    peer.command(cdb, value);
    expect((await peer.answer()).header[3]).to.equal(2);
    expectAtRest(world);
  });
});

async function ping(peer: Peer) {
  peer.ping();
  return (await peer.received()).at(-1)!;
}
