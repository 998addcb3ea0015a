import { expect } from 'chai';
import { BlockOp, BlockOutcome, MemoryDevice } from '../../../lib/block/index.ts';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import { read10, read16, synchronizeCache10, write10 } from '../../fakes/cdbs.ts';
import { HeldDevice } from '../../fakes/held-device.ts';
import { ScsiHarness, bytesOf } from '../../fakes/scsi-harness.ts';

const pattern = (bytes: number): Buffer =>
  Buffer.from(Array.from({ length: bytes }, (_, index) => (index * 7) & 0xff));

const cached = (): HeldDevice =>
  new HeldDevice(new MemoryDevice({ capacityBytes: 1024 * 1024 }), { volatileWriteCache: true });

describe('reading and writing', () => {
  const forms: [string, number, (op: number, lba: number, blocks: number) => number[]][] = [
    ['6', 0x0a, (op, lba, n) => [op, ...bytesOf(lba, 3), n, 0]],
    ['10', 0x2a, (op, lba, n) => [op, 0, ...bytesOf(lba, 4), 0, ...bytesOf(n, 2), 0]],
    ['12', 0xaa, (op, lba, n) => [op, 0, ...bytesOf(lba, 4), ...bytesOf(n, 4), 0, 0]],
    ['16', 0x8a, (op, lba, n) => [op, 0, ...bytesOf(lba, 8), ...bytesOf(n, 4), 0, 0]],
  ];
  for (const blockSizeBytes of [512, 4096] as const) {
    for (const [form, opcode, cdb] of forms) {
      it(`WRITE(${form}) is read by READ(${form}) in blocks of ${blockSizeBytes}`, async () => {
        const harness = new ScsiHarness({ blockSizeBytes });
        const data = pattern(3 * blockSizeBytes);
        const written = await harness.run(cdb(opcode, 5, 3), { data });
        expect(written.status).to.equal(ScsiStatus.good);
        expect(written.dataOutBytes).to.equal(data.length);
        const read = await harness.run(cdb(opcode - 2, 5, 3));
        expect(read.status).to.equal(ScsiStatus.good);
        expect(read.data).to.deep.equal(data);
      });
    }
  }

  it('4096-byte blocks stand over a device of 512', async () => {
    const device = new MemoryDevice({ capacityBytes: 1024 * 1024, blockSizeBytes: 512 });
    const harness = new ScsiHarness({ device, blockSizeBytes: 4096 });
    const data = pattern(4096);
    await harness.run(write10(255, 1), { data });
    expect((await harness.run(read10(255, 1))).data).to.deep.equal(data);
    expect((await harness.run(read10(256, 1))).asc).to.equal(0x2100);
  });

  it('TRANSFER LENGTH 0 of READ(6) reads 256 blocks', async () => {
    const answer = await new ScsiHarness().run([0x08, 0, 0, 0, 0, 0]);
    expect(answer.dataInBytes).to.equal(256 * 512);
  });

  it('no blocks are no error, wherever the range ends', async () => {
    const harness = new ScsiHarness();
    expect((await harness.run(read10(2048, 0))).status).to.equal(ScsiStatus.good);
    expect((await harness.run(write10(0, 0))).status).to.equal(ScsiStatus.good);
  });

  for (const [what, cdb] of [
    ['one block beyond the end', read10(2048, 1)],
    ['no blocks beyond the end', read10(2049, 0)],
    ['a range that runs over the end', read10(2047, 2)],
    ['LBA 2^63', read16(2n ** 63n, 1)],
    ['LBA 2^64 - 1, where LBA + length wraps in 64 bits', read16(2n ** 64n - 1n, 2)],
  ] as const) {
    it(`${what} is LBA OUT OF RANGE`, async () => {
      const answer = await new ScsiHarness().run(cdb);
      expect([answer.key, answer.asc]).to.deep.equal([5, 0x2100]);
      expect(answer.dataInBytes).to.equal(0);
    });
  }

  it('a transfer above the limit names the length field', async () => {
    const harness = new ScsiHarness({ unit: { maxTransferBytes: 4096 } });
    expect((await harness.run(read10(0, 8))).status).to.equal(ScsiStatus.good);
    const answer = await harness.run(read10(0, 9));
    expect([answer.key, answer.asc]).to.deep.equal([5, 0x2400]);
    expect([...answer.sense.subarray(15, 18)]).to.deep.equal([0xcf, 0, 7]);
  });

  for (const [name, flags] of [
    ['RDPROTECT', 0x20],
    ['RARC', 0x04],
    ['the reserved bit', 0x01],
  ] as const) {
    it(`${name} in READ(10) is INVALID FIELD IN CDB`, async () => {
      const answer = await new ScsiHarness().run(read10(0, 1, flags));
      expect([answer.key, answer.asc]).to.deep.equal([5, 0x2400]);
      expect(answer.sense.readUInt16BE(16)).to.equal(1);
    });
  }

  it('NACA in the control byte is refused', async () => {
    const answer = await new ScsiHarness().run([...read10(0, 1).slice(0, 9), 0x04]);
    expect(answer.asc).to.equal(0x2400);
  });

  it('Data-Out that is announced short is written as far as whole blocks go', async () => {
    const harness = new ScsiHarness();
    await harness.run(write10(0, 2), { data: Buffer.alloc(1024, 'a') });
    const answer = await harness.run(write10(0, 2), { data: Buffer.alloc(512, 'b') });
    expect(answer.status).to.equal(ScsiStatus.good);
    expect(answer.dataOutBytes).to.equal(1024);
    const read = await harness.run(read10(0, 2));
    expect(read.data.toString()).to.equal('b'.repeat(512) + 'a'.repeat(512));
  });

  it('Data-Out that ends inside a block is INVALID FIELD IN COMMAND INFORMATION UNIT', async () => {
    const answer = await new ScsiHarness().run(write10(0, 1), { data: Buffer.alloc(200) });
    expect([answer.key, answer.asc]).to.deep.equal([5, 0x0e03]);
    expect(answer.dataOutBytes).to.equal(512);
  });

  it('a write without FUA may stay in the cache', async () => {
    const device = cached();
    await new ScsiHarness({ device }).run(write10(0, 1), { data: Buffer.alloc(512) });
    expect(device.seen.map(({ fua }) => fua)).to.deep.equal([false]);
  });

  it('FUA makes a write durable, and only that write', async () => {
    const device = cached();
    const harness = new ScsiHarness({ device });
    await harness.run(write10(0, 1, 0x08), { data: Buffer.alloc(512) });
    await harness.run(write10(0, 1), { data: Buffer.alloc(512) });
    expect(device.seen.map(({ fua }) => fua)).to.deep.equal([true, false]);
  });

  it('without a write cache allowed every write is durable', async () => {
    const device = cached();
    const harness = new ScsiHarness({ device, unit: { writeCache: false } });
    await harness.run(write10(0, 1), { data: Buffer.alloc(512) });
    expect(device.seen[0]!.fua).to.equal(true);
  });

  it('a READ with FUA brings the cache to the medium first', async () => {
    const device = cached();
    const harness = new ScsiHarness({ device });
    const answer = await harness.run(read10(0, 2, 0x08));
    expect(device.seen.map(({ op }) => op)).to.deep.equal([BlockOp.flush, BlockOp.read]);
    expect(answer.data.length).to.equal(1024);
  });

  it('SYNCHRONIZE CACHE flushes', async () => {
    const device = cached();
    const answer = await new ScsiHarness({ device }).run(synchronizeCache10);
    expect(answer.status).to.equal(ScsiStatus.good);
    expect(device.seen.map(({ op }) => op)).to.deep.equal([BlockOp.flush]);
  });

  it('a failed flush is not told as done', async () => {
    const device = cached();
    device.outcomes.set(BlockOp.flush, BlockOutcome.ioError);
    const answer = await new ScsiHarness({ device }).run(synchronizeCache10);
    expect([answer.key, answer.asc]).to.deep.equal([3, 0x0c00]);
  });

  for (const [outcome, op, key, asc] of [
    ['ioError', 'read', 3, 0x1100],
    ['ioError', 'write', 3, 0x0c00],
    ['noSpace', 'write', 7, 0x2707],
    ['readOnly', 'write', 7, 0x2700],
    ['notReady', 'read', 2, 0x0400],
    ['outOfRange', 'read', 5, 0x2100],
    ['stale', 'write', 4, 0x4400],
    ['unknownOutcome', 'write', 4, 0x4400],
    ['cancelled', 'read', 0x0b, 0x0000],
  ] as const) {
    it(`a ${op} that ends as ${outcome} has its sense data`, async () => {
      const device = cached();
      device.outcomes.set(BlockOp[op], BlockOutcome[outcome]);
      const harness = new ScsiHarness({ device });
      const cdb = op === 'read' ? read10(0, 1) : write10(0, 1);
      const answer = await harness.run(cdb, { data: Buffer.alloc(op === 'read' ? 0 : 512) });
      expect(answer.status).to.equal(ScsiStatus.checkCondition);
      expect([answer.key, answer.asc]).to.deep.equal([key, asc]);
      expect(answer.dataInBytes).to.equal(0);
    });
  }

  it('counts commands, bytes and errors', async () => {
    const device = cached();
    const harness = new ScsiHarness({ device });
    await harness.run(write10(0, 2), { data: Buffer.alloc(1024) });
    await harness.run(read10(0, 1));
    device.outcomes.set(BlockOp.read, BlockOutcome.ioError);
    await harness.run(read10(0, 1));
    const { counters } = harness.unit;
    expect(counters).to.include({ writeCommands: 1, writeBytes: 1024, readCommands: 1 });
    expect(counters).to.include({ readBytes: 512, readErrors: 1, failedCommands: 1 });
    expect(counters.readLatency.reduce((sum, count) => sum + count)).to.equal(1);
  });

  for (const [who, options] of [
    ['a nexus that may only read', { readOnly: true }],
    [
      'a read-only device',
      {
        device: new HeldDevice(new MemoryDevice({ capacityBytes: 65536 }), { readOnly: true }),
      },
    ],
  ] as const) {
    it(`${who} gets WRITE PROTECTED for everything that writes, and can read`, async () => {
      const harness = new ScsiHarness(options);
      const writes = [0x0a, 0x2a, 0xaa, 0x8a, 0x2e, 0xae, 0x8e, 0x89, 0x8b, 0x9c, 0x41, 0x93, 0x42];
      for (const opcode of writes) {
        const answer = await harness.run([opcode, ...new Array<number>(15).fill(0)]);
        expect([answer.key, answer.asc], `opcode ${opcode}`).to.deep.equal([7, 0x2700]);
      }
      expect((await harness.run(read10(0, 1))).status).to.equal(ScsiStatus.good);
    });
  }
});
