import { expect } from 'chai';
import { BlockOp, MemoryDevice } from '../../../lib/block/index.ts';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import { compareAndWrite, orWrite, read10, write10, writeAtomic } from '../../fakes/cdbs.ts';
import { HeldDevice } from '../../fakes/held-device.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';

const block = (fill: string): Buffer => Buffer.alloc(512, fill);
const pair = (expected: string, wanted: string): Buffer =>
  Buffer.concat([block(expected), block(wanted)]);

function held(): { device: HeldDevice; harness: ScsiHarness } {
  const device = new HeldDevice(new MemoryDevice({ capacityBytes: 1024 * 1024 }));
  return { device, harness: new ScsiHarness({ device }) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('COMPARE AND WRITE', () => {
  it('writes when the medium holds what was expected', async () => {
    const harness = new ScsiHarness();
    await harness.run(write10(9, 1), { data: block('a') });
    const answer = await harness.run(compareAndWrite(9, 1), { data: pair('a', 'b') });
    expect(answer.status).to.equal(ScsiStatus.good);
    expect((await harness.run(read10(9, 1))).data).to.deep.equal(block('b'));
  });

  it('writes nothing on a miscompare and tells where the first difference is', async () => {
    const harness = new ScsiHarness();
    await harness.run(write10(0, 2), { data: Buffer.alloc(1024, 'a') });
    const data = Buffer.concat([Buffer.alloc(1024, 'a'), Buffer.alloc(1024, 'b')]);
    data[700] = 0x78;
    const answer = await harness.run(compareAndWrite(0, 2), { data });
    expect([answer.key, answer.asc]).to.deep.equal([0xe, 0x1d00]);
    expect(answer.sense[0]).to.equal(0xf0);
    expect(answer.sense.readUInt32BE(3)).to.equal(700);
    expect((await harness.run(read10(0, 2))).data.toString()).to.equal('a'.repeat(1024));
  });

  it('of no blocks does nothing', async () => {
    expect((await new ScsiHarness().run(compareAndWrite(0, 0))).status).to.equal(0);
  });

  it('refuses Data-Out of another length than twice the blocks', async () => {
    for (const blocks of [1, 3]) {
      const data = Buffer.alloc(4 * 512);
      expect((await new ScsiHarness().run(compareAndWrite(0, blocks), { data })).asc).to.equal(
        0x2400,
      );
    }
  });

  it('of two nexuses on one block lets exactly one win', async () => {
    const { device, harness } = held();
    const other = harness.secondNexus();
    device.holding = true;
    const first = harness.begin(harness.nexus, compareAndWrite(4, 1), { data: pair('\0', 'a') });
    const second = harness.begin(other, compareAndWrite(4, 1), { data: pair('\0', 'b') });
    first.run();
    second.run();
    // without the range lock both would have read the old block by now
    expect(device.held.length).to.equal(1);
    device.holding = false;
    device.release();
    const answers = await Promise.all([first.done, second.done]);
    expect(answers.map(({ key }) => key)).to.deep.equal([0, 0xe]);
    expect((await harness.run(read10(4, 1))).data).to.deep.equal(block('a'));
  });

  it('of neighbouring blocks run side by side', () => {
    const { device, harness } = held();
    device.holding = true;
    harness.begin(harness.nexus, compareAndWrite(4, 1), { data: pair('\0', 'a') }).run();
    harness.begin(harness.nexus, compareAndWrite(5, 1), { data: pair('\0', 'a') }).run();
    expect(device.held.length).to.equal(2);
  });

  it('waits for a write that is under way, and a later write waits for it', async () => {
    const { device, harness } = held();
    device.holding = true;
    const before = harness.begin(harness.nexus, write10(8, 2), { data: Buffer.alloc(1024, 'a') });
    const swap = harness.begin(harness.nexus, compareAndWrite(9, 1), { data: pair('a', 'b') });
    const after = harness.begin(harness.nexus, write10(9, 1), { data: block('c') });
    const elsewhere = harness.begin(harness.nexus, write10(20, 1), { data: block('d') });
    for (const command of [before, swap, after, elsewhere]) command.run();
    const underWay = (): number[] =>
      device.held.map(({ op, offsetBytes }) => op * 1e6 + offsetBytes);
    expect(underWay()).to.deep.equal([1e6 + 8 * 512, 1e6 + 20 * 512]);
    device.release(1);
    await before.done;
    expect(underWay()).to.deep.equal([1e6 + 20 * 512, 9 * 512]);
    device.holding = false;
    device.release();
    expect((await swap.done).status).to.equal(ScsiStatus.good);
    await after.done;
    expect((await harness.run(read10(9, 1))).data).to.deep.equal(block('c'));
    expect(harness.unit.ranges.count).to.equal(0);
  });

  it('with FUA makes the write durable', async () => {
    const memory = new MemoryDevice({ capacityBytes: 65536 });
    const device = new HeldDevice(memory, { volatileWriteCache: true });
    const harness = new ScsiHarness({ device });
    await harness.run(compareAndWrite(0, 1, 0x08), { data: pair('\0', 'a') });
    expect(device.seen.map(({ op, fua }) => [op, fua])).to.deep.equal([
      [BlockOp.read, false],
      [BlockOp.write, true],
    ]);
  });

  it('that is aborted while it waits never touches the medium', async () => {
    const { device, harness } = held();
    device.holding = true;
    const first = harness.begin(harness.nexus, write10(0, 1), { data: block('a') }).run();
    const swap = harness.begin(harness.nexus, compareAndWrite(0, 1), {
      data: pair('a', 'b'),
      tag: 77,
    });
    swap.run();
    expect(await harness.target.abortTask(harness.nexus, 0, 77)).to.equal('complete');
    expect((await swap.done).aborted).to.equal(true);
    device.release();
    await first.done;
    await turn();
    expect(device.seen.length).to.equal(1);
    expect(harness.unit.ranges.count).to.equal(0);
  });

  it('that is aborted after its read does not write', async () => {
    const { device, harness } = held();
    device.holding = true;
    device.cancels = false;
    const swap = harness.begin(harness.nexus, compareAndWrite(0, 1), { data: pair('\0', 'b') });
    swap.run();
    const aborted = harness.target.abortTaskSet(harness.nexus, 0);
    device.release();
    expect(await aborted).to.equal('complete');
    expect((await swap.done).aborted).to.equal(true);
    expect(device.seen.map(({ op }) => op)).to.deep.equal([BlockOp.read]);
  });
});

describe('ORWRITE', () => {
  it('sets bits and keeps those that are set', async () => {
    const harness = new ScsiHarness();
    await harness.run(write10(1, 2), { data: Buffer.alloc(1024, 0xa1) });
    const answer = await harness.run(orWrite(1, 2), { data: Buffer.alloc(1024, 0x1a) });
    expect(answer.status).to.equal(ScsiStatus.good);
    expect((await harness.run(read10(1, 2))).data).to.deep.equal(Buffer.alloc(1024, 0xbb));
  });

  it('of two nexuses loses no bit', async () => {
    const { device, harness } = held();
    const other = harness.secondNexus();
    device.holding = true;
    const one = harness.begin(harness.nexus, orWrite(0, 1), { data: Buffer.alloc(512, 1) }).run();
    const two = harness.begin(other, orWrite(0, 1), { data: Buffer.alloc(512, 2) }).run();
    device.holding = false;
    device.release();
    await Promise.all([one.done, two.done]);
    expect((await harness.run(read10(0, 1))).data[0]).to.equal(3);
  });
});

describe('WRITE ATOMIC', () => {
  it('goes to the device in one request, and nothing touches the range meanwhile', async () => {
    const { device, harness } = held();
    device.holding = true;
    const atomic = harness.begin(harness.nexus, writeAtomic(0, 8), { data: Buffer.alloc(4096, 1) });
    atomic.run();
    const read = harness.begin(harness.nexus, read10(4, 1)).run();
    expect(device.held.map(({ lengthBytes }) => lengthBytes)).to.deep.equal([4096]);
    device.holding = false;
    device.release();
    await atomic.done;
    expect((await read.done).data[0]).to.equal(1);
  });

  it('is refused above the atomic length, with a boundary, and with less Data-Out', async () => {
    const harness = new ScsiHarness();
    const { atomicBlocks } = harness.unit.limits;
    const data = Buffer.alloc((atomicBlocks + 1) * 512);
    expect((await harness.run(writeAtomic(0, atomicBlocks + 1), { data })).asc).to.equal(0x2400);
    const bounded = writeAtomic(0, 1);
    bounded[11] = 1;
    expect((await harness.run(bounded, { data: block('a') })).asc).to.equal(0x2400);
    expect((await harness.run(writeAtomic(0, 2), { data: block('a') })).asc).to.equal(0x0e03);
  });
});
