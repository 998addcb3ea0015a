/** What a BlockDevice does with data. */
import { expect } from 'chai';
import { KIB, SeededRandom } from '../../lib/base/index.ts';
import { BlockOp, BlockOutcome, promiseFace, wrapMemory } from '../../lib/block/index.ts';
import type { BlockDevice } from '../../lib/block/index.ts';
import { outcomeOf, pattern, transfer } from './transfer.ts';

const SEED = 20_261_120;

export function describeData(use: () => BlockDevice): void {
  it('reads zeros from what was never written', async () => {
    const into = Buffer.alloc(64 * KIB, 0xee);
    await promiseFace(use()).read(0, into);
    expect(into.equals(Buffer.alloc(64 * KIB))).to.equal(true);
  });

  it('reads back what was written, and nothing around it changes', async () => {
    const io = promiseFace(use());
    const block = use().blockSizeBytes;
    const data = pattern(8 * block, 1);
    await io.write(4 * block, data);
    const whole = Buffer.alloc(16 * block, 0xee);
    await io.read(0, whole);
    expect(whole.subarray(4 * block, 12 * block).equals(data)).to.equal(true);
    expect(whole.subarray(0, 4 * block).every((byte) => byte === 0)).to.equal(true);
    expect(whole.subarray(12 * block).every((byte) => byte === 0)).to.equal(true);
  });

  it('uses its part of the memory only', async () => {
    const device = use();
    const block = device.blockSizeBytes;
    const from = pattern(4 * block + 99, 2);
    const into = Buffer.alloc(4 * block + 99, 0xee);
    const range = { offsetBytes: 2 * block, lengthBytes: 2 * block, memoryStart: 77 };
    await transfer(device, { op: BlockOp.write, ...range, memory: wrapMemory(from) });
    await transfer(device, { op: BlockOp.read, ...range, memory: wrapMemory(into) });
    const end = 77 + 2 * block;
    expect(into.subarray(77, end).equals(from.subarray(77, end))).to.equal(true);
    expect(into.subarray(0, 77).every((byte) => byte === 0xee)).to.equal(true);
    expect(into.subarray(end).every((byte) => byte === 0xee)).to.equal(true);
  });

  it('writes and reads its last block', async () => {
    const device = use();
    const data = pattern(device.blockSizeBytes, 3);
    const at = device.capacityBytes - device.blockSizeBytes;
    const into = Buffer.alloc(device.blockSizeBytes);
    await promiseFace(device).write(at, data, { fua: true });
    await promiseFace(device).read(at, into);
    expect(into.equals(data)).to.equal(true);
  });
}

/** Many blocks, many requests, long ones. */
export function describeBulk(use: () => BlockDevice): void {
  it(`agrees with a model over random operations (seed ${SEED})`, async () => {
    const device = use();
    const random = new SeededRandom(SEED);
    const model = Buffer.alloc(1024 * KIB);
    const blocks = model.length / device.blockSizeBytes;
    for (let step = 0; step < 60; step++) {
      await randomStep(device, random, model, blocks);
    }
    const into = Buffer.alloc(model.length);
    await promiseFace(device).read(0, into);
    expect(into.equals(model)).to.equal(true);
  });

  it('takes many requests at once', async () => {
    const device = use();
    const block = device.blockSizeBytes;
    const data = pattern(200 * block, 4);
    const write = { op: BlockOp.write, lengthBytes: block, memory: wrapMemory(data) };
    const starts = Array.from({ length: 200 }, (_, index) => index * block);
    const ended = await Promise.all(
      starts.map((start) => transfer(device, { ...write, offsetBytes: start, memoryStart: start })),
    );
    expect(ended.every((request) => request.outcome === BlockOutcome.ok)).to.equal(true);
    const into = Buffer.alloc(data.length);
    await promiseFace(device).read(0, into);
    expect(into.equals(data)).to.equal(true);
  });

  it('moves more than one megabyte in one request', async () => {
    const data = pattern(3 * 1024 * KIB, 5);
    const fields = { offsetBytes: 4096, lengthBytes: data.length };
    await transfer(use(), { op: BlockOp.write, ...fields, memory: wrapMemory(data) });
    const into = Buffer.alloc(data.length);
    await transfer(use(), { op: BlockOp.read, ...fields, memory: wrapMemory(into) });
    expect(into.equals(data)).to.equal(true);
  });

  it('ends flushes and empty transfers as ok', async () => {
    const device = use();
    expect(await outcomeOf(device, { op: BlockOp.flush })).to.equal('ok');
    const memory = wrapMemory(Buffer.alloc(0));
    expect(await outcomeOf(device, { op: BlockOp.read, memory })).to.equal('ok');
    expect(await outcomeOf(device, { op: BlockOp.write, memory, fua: true })).to.equal('ok');
    expect(await outcomeOf(device, { op: BlockOp.writeZeroes })).to.equal('ok');
  });
}

async function randomStep(
  device: BlockDevice,
  random: SeededRandom,
  model: Buffer,
  blocks: number,
): Promise<void> {
  const io = promiseFace(device);
  const first = random.below(blocks);
  const count = 1 + random.below(Math.min(64, blocks - first));
  const start = first * device.blockSizeBytes;
  const length = count * device.blockSizeBytes;
  const part = model.subarray(start, start + length);
  const choice = random.below(6);
  if (choice <= 2) {
    random.bytes(16).copy(part);
    part.fill(random.below(256), 16);
    await io.write(start, part, { fua: choice === 2 });
  } else if (choice === 3) {
    const into = Buffer.alloc(length);
    await io.read(start, into);
    expect(into.equals(part), `read of ${length} at ${start}`).to.equal(true);
  } else if (choice === 4 && device.features.unmap && device.features.unmapReadsZeroes) {
    await io.unmap(start, length);
    part.fill(0);
  } else {
    await io.writeZeroes(start, length, { mayUnmap: random.below(2) === 0 });
    part.fill(0);
  }
}

export function describeZeroes(use: () => BlockDevice): void {
  for (const mayUnmap of [false, true]) {
    it(`writes zeroes ${mayUnmap ? 'that may unmap' : 'that keep storage'}`, async () => {
      const io = promiseFace(use());
      await io.write(0, Buffer.alloc(256 * KIB, 0x55));
      await io.writeZeroes(8 * KIB, 128 * KIB, { mayUnmap, fua: true });
      const into = Buffer.alloc(256 * KIB);
      await io.read(0, into);
      const zeroed = into.subarray(8 * KIB, 136 * KIB);
      expect(zeroed.every((byte) => byte === 0)).to.equal(true);
      expect(into.subarray(0, 8 * KIB).every((byte) => byte === 0x55)).to.equal(true);
      expect(into.subarray(136 * KIB).every((byte) => byte === 0x55)).to.equal(true);
    });
  }

  it('unmaps to zeros where it says so, and refuses where it does not offer it', async () => {
    const device = use();
    const io = promiseFace(device);
    await io.write(0, Buffer.alloc(64 * KIB, 0x55));
    const outcome = await outcomeOf(device, { op: BlockOp.unmap, lengthBytes: 32 * KIB });
    expect(outcome).to.equal(device.features.unmap ? 'ok' : 'unsupported');
    if (!device.features.unmapReadsZeroes) return;
    const into = Buffer.alloc(64 * KIB);
    await io.read(0, into);
    expect(into.subarray(0, 32 * KIB).every((byte) => byte === 0)).to.equal(true);
    expect(into.subarray(32 * KIB).every((byte) => byte === 0x55)).to.equal(true);
  });
}
