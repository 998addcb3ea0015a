/** How requests of a BlockDevice are refused and ended, and what it tells of itself. */
import { expect } from 'chai';
import { KIB } from '../../lib/base/index.ts';
import {
  BlockError,
  BlockOp,
  BlockOutcome,
  BlockRequest,
  outcomeName,
  promiseFace,
  wrapMemory,
} from '../../lib/block/index.ts';
import type { BlockDevice, BlockExtent } from '../../lib/block/index.ts';
import { outcomeOf, pattern, transfer } from './transfer.ts';

export function describeRefusals(use: () => BlockDevice): void {
  const ops = { read: BlockOp.read, write: BlockOp.write, writeZeroes: BlockOp.writeZeroes };
  for (const [name, op] of Object.entries(ops)) {
    const memory = op === BlockOp.writeZeroes ? null : wrapMemory(Buffer.alloc(16 * KIB));

    it(`refuses a ${name} beyond its end and does nothing`, async () => {
      const device = use();
      const offsetBytes = device.capacityBytes - device.blockSizeBytes;
      const lengthBytes = 2 * device.blockSizeBytes;
      const fields = { op, offsetBytes, lengthBytes, memory };
      await promiseFace(device).write(offsetBytes, Buffer.alloc(device.blockSizeBytes, 0x77));
      expect(await outcomeOf(device, fields)).to.equal('outOfRange');
      const into = Buffer.alloc(device.blockSizeBytes);
      await promiseFace(device).read(offsetBytes, into);
      expect(into.every((byte) => byte === 0x77)).to.equal(true);
    });

    it(`refuses a ${name} that is not on its blocks`, async () => {
      const device = use();
      const block = device.blockSizeBytes;
      const shifted = { op, offsetBytes: 1, lengthBytes: block, memory };
      const uneven = { op, offsetBytes: 0, lengthBytes: block + 1, memory };
      const before = { op, offsetBytes: -block, lengthBytes: block, memory };
      expect(await outcomeOf(device, shifted)).to.equal('outOfRange');
      expect(await outcomeOf(device, uneven)).to.equal('outOfRange');
      expect(await outcomeOf(device, before)).to.equal('outOfRange');
    });
  }
}

export function describeCompletion(use: () => BlockDevice): void {
  it('calls onDone once and never from inside submit', async () => {
    const device = use();
    let inside = true;
    let calls = 0;
    const memory = wrapMemory(Buffer.alloc(device.blockSizeBytes));
    const good = { op: BlockOp.read, lengthBytes: device.blockSizeBytes, memory };
    const bad = { ...good, offsetBytes: device.capacityBytes };
    for (const fields of [good, bad, { op: BlockOp.flush, lengthBytes: 0, memory: null }]) {
      const request = new BlockRequest();
      Object.assign(request, fields);
      request.onDone = () => {
        expect(inside, 'inside submit').to.equal(false);
        calls++;
      };
      device.submit(request);
    }
    inside = false;
    await device.drain();
    await device.drain();
    expect(calls).to.equal(3);
  });

  it('leaves the fields of a request as they were', async () => {
    const device = use();
    const memory = wrapMemory(Buffer.alloc(device.blockSizeBytes * 2));
    const owner = {};
    const fields = {
      op: BlockOp.write,
      offsetBytes: device.blockSizeBytes,
      lengthBytes: device.blockSizeBytes,
      memory,
      memoryStart: device.blockSizeBytes,
      fua: true,
      owner,
    };
    const request = await transfer(device, fields);
    expect(request).to.deep.include(fields);
    expect(request.memory).to.equal(memory);
  });

  it('takes a request again from inside its onDone', async () => {
    const device = use();
    const request = new BlockRequest();
    request.memory = wrapMemory(Buffer.alloc(device.blockSizeBytes));
    request.lengthBytes = device.blockSizeBytes;
    let turns = 0;
    await new Promise<void>((resolve) => {
      request.onDone = () => (++turns === 5 ? resolve() : device.submit(request));
      device.submit(request);
    });
    expect(turns).to.equal(5);
  });
}

export function describeDraining(use: () => BlockDevice): void {
  it('ends a request that was cancelled, as cancelled or as it would have', async () => {
    const device = use();
    const request = new BlockRequest();
    request.memory = wrapMemory(Buffer.alloc(device.blockSizeBytes));
    request.lengthBytes = device.blockSizeBytes;
    const ended = new Promise<BlockRequest>((resolve) => (request.onDone = resolve));
    device.submit(request);
    device.cancel(request);
    expect(outcomeName((await ended).outcome)).to.be.oneOf(['ok', 'cancelled']);
  });

  it('has ended what came before when drain resolves', async () => {
    const device = use();
    const memory = wrapMemory(Buffer.alloc(64 * KIB));
    let ended = 0;
    for (let index = 0; index < 20; index++) {
      const fields = { op: BlockOp.write, offsetBytes: index * 64 * KIB, lengthBytes: 64 * KIB };
      void transfer(device, { ...fields, memory }).then(() => ended++);
    }
    await device.drain();
    await Promise.resolve();
    expect(ended).to.equal(20);
  });
}

export function describeEnd(use: () => BlockDevice): void {
  it('answers notReady after close, which may be called twice', async () => {
    const device = use();
    await promiseFace(device).write(0, Buffer.alloc(device.blockSizeBytes, 1));
    await Promise.all([device.close(), device.close()]);
    await device.close();
    const memory = wrapMemory(Buffer.alloc(device.blockSizeBytes));
    const read = { op: BlockOp.read, lengthBytes: device.blockSizeBytes, memory };
    expect(await outcomeOf(device, read)).to.equal('notReady');
    expect(await outcomeOf(device, { op: BlockOp.flush })).to.equal('notReady');
  });

  it('ends what is in flight before close resolves', async () => {
    const device = use();
    const memory = wrapMemory(pattern(64 * KIB, 6));
    const writing = transfer(device, { op: BlockOp.write, lengthBytes: 64 * KIB, memory });
    let ended = false;
    void writing.then(() => (ended = true));
    await device.close();
    await Promise.resolve();
    expect(ended).to.equal(true);
    expect(outcomeName((await writing).outcome)).to.equal('ok');
  });

  it('rejects through the promise face with the outcome', async () => {
    const device = use();
    let caught: unknown;
    await promiseFace(device)
      .read(device.capacityBytes, Buffer.alloc(device.blockSizeBytes))
      .catch((error: unknown) => (caught = error));
    expect(caught).to.be.instanceOf(BlockError);
    expect((caught as BlockError).outcome).to.equal(BlockOutcome.outOfRange);
    expect((caught as BlockError).message).to.contain(device.name);
  });
}

export function describeExtents(use: () => BlockDevice): void {
  it('answers extents that cover the range without gaps and tell no data as zeros', async () => {
    const device = use();
    await promiseFace(device).write(128 * KIB, Buffer.alloc(64 * KIB, 0x33), { fua: true });
    await promiseFace(device).flush();
    const start = 64 * KIB;
    const list = await device.extents(start, 512 * KIB);
    expect(coverage(list, start)).to.equal(start + 512 * KIB);
    const dataStart = 128 * KIB;
    const lying = list.filter(
      ({ kind, offsetBytes, lengthBytes }) =>
        kind === 'zero' &&
        offsetBytes < dataStart + 64 * KIB &&
        offsetBytes + lengthBytes > dataStart,
    );
    expect(lying).to.deep.equal([]);
  });

  it('tells holes from data where it is thin', async () => {
    const device = use();
    if (!device.features.thin) return;
    await promiseFace(device).write(256 * KIB, Buffer.alloc(64 * KIB, 0x33));
    await promiseFace(device).flush();
    const list = await device.extents(0, 1024 * KIB);
    const kinds = list.map(({ kind, offsetBytes }) => `${kind}@${offsetBytes / KIB}`);
    expect(kinds).to.deep.equal(['zero@0', 'data@256', 'zero@320']);
  });

  it('gives no more extents than the limit', async () => {
    const device = use();
    const list = await device.extents(0, device.capacityBytes, 1);
    expect(list).to.have.length(1);
    expect(list[0]!.offsetBytes).to.equal(0);
  });
}

/** Where a list that begins at `start` and has no gaps ends. */
function coverage(list: readonly BlockExtent[], start: number): number {
  let at = start;
  for (const extent of list) {
    expect(extent.offsetBytes).to.equal(at);
    expect(extent.lengthBytes).to.be.greaterThan(0);
    at += extent.lengthBytes;
  }
  return at;
}
