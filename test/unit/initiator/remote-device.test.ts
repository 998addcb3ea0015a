import { expect } from 'chai';
import { BlockOp, outcomeName, wrapMemory } from '../../../lib/block/index.ts';
import type { BlockRequest, BlockOutcome } from '../../../lib/block/index.ts';
import { RemoteDevice } from '../../../lib/initiator/index.ts';
import { Opcode } from '../../../lib/iscsi/index.ts';
import { transfer } from '../../contract/transfer.ts';
import type { Transfer } from '../../contract/transfer.ts';
import { ScriptedTarget, tagOf } from './scripted-target.ts';
import type { SentPdu } from './scripted-target.ts';

const BLOCK = 512;
const READ10 = 0x28;
const WRITE10 = 0x2a;
const SYNCHRONIZE = 0x35;
const WRITE_SAME = 0x93;

interface Disk {
  readonly blocks?: number;
  /** Device-specific parameter of MODE SENSE: 10h FUA, 80h write protected. */
  readonly modeBits?: number;
  readonly writeCache?: boolean;
}

/** Lets promises and microtasks run. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

const opcodeOf = (pdu: SentPdu): number => pdu.header[32]!;

function capacityData(blocks: number): Buffer {
  const data = Buffer.alloc(32);
  data.writeUInt32BE(blocks - 1, 4);
  data.writeUInt32BE(BLOCK, 8);
  return data;
}

/** Answers what a device asks when it is opened. */
function answerProbe(target: ScriptedTarget, pdu: SentPdu, disk: Disk): void {
  const { blocks = 1_000_000, modeBits = 0x10, writeCache = true } = disk;
  const expected = pdu.header.readUInt32BE(20);
  const answers: Readonly<Record<number, () => Buffer | null>> = {
    0x00: () => null,
    0x12: () => (pdu.header[33] === 1 ? Buffer.from([0, 0, 0, 0]) : Buffer.alloc(36)),
    0x9e: () => capacityData(blocks),
    0x1a: () => Buffer.from([23, 0, modeBits, 0, 8, 18, writeCache ? 4 : 0, ...zeros(17)]),
  };
  const data = answers[opcodeOf(pdu)]!();
  if (data === null) return target.good(tagOf(pdu));
  const residualBytes = expected - data.length;
  const status = { statusPresent: true, underflow: residualBytes > 0, residualBytes };
  target.dataIn(tagOf(pdu), data.subarray(0, expected), status);
}

const zeros = (count: number): number[] => new Array<number>(count).fill(0);

async function openDisk(disk: Disk = {}): Promise<{ target: ScriptedTarget; disk: RemoteDevice }> {
  const target = new ScriptedTarget();
  target.login();
  let opened: RemoteDevice | null = null;
  const { session, timers } = target;
  const opening = RemoteDevice.open({ session, lun: 0, timers }).then((it) => (opened = it));
  while (opened === null) {
    target.flush();
    while (target.sent.length > 0) answerProbe(target, target.sent.shift()!, disk);
    await settle();
  }
  return { target, disk: await opening };
}

interface Pending {
  readonly request: Promise<BlockRequest>;
  ended: BlockRequest | null;
}

function start(disk: RemoteDevice, fields: Transfer): Pending {
  const pending: Pending = { request: transfer(disk, fields), ended: null };
  void pending.request.then((request) => (pending.ended = request));
  return pending;
}

const read = (lengthBytes = BLOCK): Transfer => ({
  op: BlockOp.read,
  lengthBytes,
  memory: wrapMemory(Buffer.alloc(lengthBytes)),
});
const write = (lengthBytes = BLOCK, fua = false): Transfer => ({
  ...read(lengthBytes),
  op: BlockOp.write,
  fua,
});

const command = (target: ScriptedTarget): SentPdu => target.next(Opcode.scsiCommand);

async function outcome(pending: Pending): Promise<string> {
  await settle();
  return pending.ended === null ? 'pending' : outcomeName(pending.ended.outcome);
}

describe('remote device', () => {
  it('sends a command again after a unit attention and tells its listeners', async () => {
    const { target, disk } = await openDisk();
    const codes: number[] = [];
    disk.onUnitAttention(({ code }) => codes.push(code));
    const pending = start(disk, write());
    target.checkCondition(tagOf(command(target)), 6, 0x2900);
    expect(await outcome(pending)).to.equal('pending');
    target.good(tagOf(command(target)));
    expect(await outcome(pending)).to.equal('ok');
    expect(codes).to.deep.equal([0x2900]);
  });

  it('asks for the capacity when it changed and tells its listeners', async () => {
    const { target, disk } = await openDisk({ blocks: 1000 });
    const sizes: number[] = [];
    disk.onCapacityChange((bytes) => sizes.push(bytes));
    const pending = start(disk, write());
    target.checkCondition(tagOf(command(target)), 6, 0x2a09);
    target.flush();
    for (const pdu of target.sent.splice(0)) {
      if (opcodeOf(pdu) === WRITE10) target.good(tagOf(pdu));
      else answerProbe(target, pdu, { blocks: 2000 });
    }
    expect(await outcome(pending)).to.equal('ok');
    expect([disk.capacityBytes, sizes]).to.deep.equal([2000 * BLOCK, [2000 * BLOCK]]);
  });

  it('pauses longer and longer while the target is busy', async () => {
    const { target, disk } = await openDisk();
    const pending = start(disk, write());
    for (const pauseMs of [5, 10, 20]) {
      target.good(tagOf(command(target)), { status: 0x08 });
      target.timers.advance(pauseMs - 1);
      target.flush();
      expect(target.sent).to.have.length(0);
      target.timers.advance(1);
    }
    target.good(tagOf(command(target)));
    expect(await outcome(pending)).to.equal('ok');
  });

  it('sets FUA where the target knows it', async () => {
    const { target, disk } = await openDisk({ modeBits: 0x10 });
    start(disk, write(BLOCK, true));
    expect(command(target).header[33]! & 0x08).to.equal(0x08);
  });

  it('synchronizes the cache after the write where the target knows no FUA', async () => {
    const { target, disk } = await openDisk({ modeBits: 0 });
    const pending = start(disk, write(BLOCK, true));
    const pdu = command(target);
    expect(pdu.header[33]).to.equal(0);
    target.good(tagOf(pdu));
    expect(await outcome(pending)).to.equal('pending');
    const synchronize = command(target);
    expect(opcodeOf(synchronize)).to.equal(SYNCHRONIZE);
    target.good(tagOf(synchronize));
    expect(await outcome(pending)).to.equal('ok');
  });

  it('writes zeros as data where the target refuses WRITE SAME, and remembers it', async () => {
    const { target, disk } = await openDisk();
    const zeroes = { op: BlockOp.writeZeroes, lengthBytes: 8 * BLOCK };
    const pending = start(disk, zeroes);
    const first = command(target);
    expect(opcodeOf(first)).to.equal(WRITE_SAME);
    target.checkCondition(tagOf(first), 5, 0x2000);
    const second = command(target);
    expect(opcodeOf(second)).to.equal(WRITE10);
    expect(second.data.equals(Buffer.alloc(8 * BLOCK))).to.equal(true);
    target.good(tagOf(second));
    expect(await outcome(pending)).to.equal('ok');
    start(disk, zeroes);
    expect(opcodeOf(command(target))).to.equal(WRITE10);
  });

  it('splits what is longer than one command and keeps eight outstanding', async () => {
    const { target, disk } = await openDisk();
    const commandBytes = disk.features.maxTransferBytes;
    const pending = start(disk, read(10 * commandBytes));
    target.flush();
    const first = target.sent.splice(0);
    expect(first.map(opcodeOf)).to.deep.equal(new Array(8).fill(READ10));
    const addresses = first.map(({ header }) => header.readUInt32BE(34));
    expect(addresses).to.deep.equal(first.map((_, index) => (index * commandBytes) / BLOCK));
    for (const pdu of first) target.checkCondition(tagOf(pdu), 3, 0x1100);
    expect(await outcome(pending)).to.equal('ioError');
    target.flush();
    expect(target.sent).to.have.length(0);
  });

  it('names the first error in address order', async () => {
    const { target, disk } = await openDisk();
    const pending = start(disk, read(3 * disk.features.maxTransferBytes));
    const tags = [command(target), command(target), command(target)].map(tagOf);
    target.checkCondition(tags[2]!, 3, 0x1100);
    target.checkCondition(tags[0]!, 2, 0x0400);
    target.checkCondition(tags[1]!, 4, 0x4400);
    expect(await outcome(pending)).to.equal('notReady');
  });

  it('never says that nothing was done when a part was', async () => {
    const { target, disk } = await openDisk({ blocks: 2_000_000 });
    const zeroes = { op: BlockOp.writeZeroes, lengthBytes: 2 * disk.profile.writeSameBytesMax };
    const pending = start(disk, zeroes);
    target.good(tagOf(command(target)));
    target.checkCondition(tagOf(command(target)), 7, 0x2707);
    expect(await outcome(pending)).to.equal('unknownOutcome');
  });

  it('does not know what became of a write whose session is lost', async () => {
    const { target, disk } = await openDisk();
    const written = start(disk, write());
    const asked = start(disk, read());
    target.flush();
    target.cut();
    expect(await outcome(written)).to.equal('unknownOutcome');
    expect(await outcome(asked)).to.equal('notReady');
  });

  it('knows that nothing became of a write that was not sent', async () => {
    const { target, disk } = await openDisk();
    target.cut();
    expect(await outcome(start(disk, write()))).to.equal('notReady');
  });

  it('refuses writes where the target says write protected', async () => {
    const { disk } = await openDisk({ modeBits: 0x80 });
    expect(disk.features.readOnly).to.equal(true);
    expect(await outcome(start(disk, write()))).to.equal('readOnly');
  });

  it('takes a flush as done where the target has no cache and no command for it', async () => {
    const { target, disk } = await openDisk({ writeCache: false });
    const pending = start(disk, { op: BlockOp.flush });
    target.checkCondition(tagOf(command(target)), 5, 0x2000);
    expect(await outcome(pending)).to.equal('ok');
  });

  it('never takes a flush as done where the target has a cache and no command for it', async () => {
    const { target, disk } = await openDisk();
    const pending = start(disk, { op: BlockOp.flush });
    target.checkCondition(tagOf(command(target)), 5, 0x2000);
    expect(await outcome(pending)).to.equal('unsupported');
  });

  const conditions: readonly (readonly [number, number, keyof typeof BlockOutcome])[] = [
    [2, 0x0400, 'notReady'],
    [3, 0x1100, 'ioError'],
    [4, 0x4400, 'ioError'],
    [5, 0x2100, 'outOfRange'],
    [7, 0x2700, 'readOnly'],
    [7, 0x2707, 'noSpace'],
    [1, 0x1700, 'ok'],
  ];
  for (const [key, code, name] of conditions) {
    it(`ends as ${name} at sense key ${key}h with code ${code.toString(16)}h`, async () => {
      const { target, disk } = await openDisk();
      const pending = start(disk, write());
      target.checkCondition(tagOf(command(target)), key, code);
      expect(await outcome(pending)).to.equal(name);
    });
  }

  it('ends as conflict at a reservation of somebody else', async () => {
    const { target, disk } = await openDisk();
    const pending = start(disk, write());
    target.good(tagOf(command(target)), { status: 0x18 });
    expect(await outcome(pending)).to.equal('conflict');
  });
});
