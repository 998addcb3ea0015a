import { expect } from 'chai';
import { KIB, MIB } from '../../../lib/base/index.ts';
import { alignedMemory } from '../../../lib/block/aligned-memory.ts';
import {
  BlockError,
  BlockOutcome,
  InFlight,
  MemoryDevice,
  outcomeName,
  promiseFace,
  TransferBuffers,
} from '../../../lib/block/index.ts';

const allocate = (bytes: number): { bytes: Buffer; nativeId: number } => ({
  bytes: Buffer.alloc(bytes),
  nativeId: -1,
});

describe('MemoryDevice', () => {
  it('grows, and the new space reads as zeros', async () => {
    const device = new MemoryDevice({ capacityBytes: MIB });
    const told: number[] = [];
    const end = device.onCapacityChange((bytes) => told.push(bytes));
    device.grow(3 * MIB);
    end();
    device.grow(4 * MIB);
    expect(told).to.deep.equal([3 * MIB]);
    const into = Buffer.alloc(512, 1);
    await promiseFace(device).read(4 * MIB - 512, into);
    expect(into.every((byte) => byte === 0)).to.equal(true);
  });

  it('tells holes by pages, and keeps a page that is only partly unmapped', async () => {
    const device = new MemoryDevice({ capacityBytes: 4 * MIB });
    const io = promiseFace(device);
    await io.write(MIB - 4 * KIB, Buffer.alloc(16 * KIB, 1));
    await io.unmap(MIB + 512, 8 * KIB);
    const list = await device.extents(0, 4 * MIB);
    const found = list.map(({ kind, offsetBytes }) => `${kind}@${(offsetBytes - MIB) / KIB}`);
    expect(found).to.deep.equal(['zero@-1024', 'data@-4', 'zero@4', 'data@8', 'zero@12']);
  });
});

describe('TransferBuffers', () => {
  it('hands out page-aligned room with a head and a tail around it', () => {
    const buffers = new TransferBuffers(allocate, 16 * MIB);
    const buffer = buffers.acquire(5000)!;
    expect(buffer.start % 4096).to.equal(0);
    expect(buffer.capacityBytes).to.equal(8192);
    expect(buffer.frame(48, 5004).length).to.equal(48 + 5004);
    expect(buffer.frame(48, 5004)).to.equal(buffer.frame(48, 5004));
  });

  it('never hands out overlapping memory, heads and tails included', () => {
    const buffers = new TransferBuffers(allocate, 64 * MIB);
    const taken = Array.from({ length: 100 }, () => buffers.acquire(4096)!);
    for (const [index, buffer] of taken.entries()) {
      buffer.frame(512, 4096 + 64).fill(index);
    }
    const spoiled = taken.filter((buffer, index) => {
      return !buffer.frame(512, 4096 + 64).every((byte) => byte === index);
    });
    expect(spoiled).to.deep.equal([]);
  });

  it('keeps its budget, and tells who waits when something comes back', () => {
    const buffers = new TransferBuffers(allocate, 64 * KIB);
    const first = buffers.acquire(64 * KIB)!;
    expect(buffers.acquire(4 * KIB)).to.equal(undefined);
    let told = 0;
    buffers.whenReleased(() => told++);
    first.release();
    expect(told).to.equal(1);
    expect(buffers.usedBytes).to.equal(0);
    expect(buffers.acquire(4 * KIB)).not.to.equal(undefined);
  });

  it('gives one buffer beyond the budget rather than none for ever', () => {
    const buffers = new TransferBuffers(allocate, 64 * KIB);
    expect(buffers.acquire(MIB)).not.to.equal(undefined);
  });

  it('stops a buffer that is released twice', () => {
    const buffer = new TransferBuffers(allocate, MIB).acquire(4 * KIB)!;
    buffer.release();
    expect(() => buffer.release()).to.throw('twice');
  });
});

describe('InFlight', () => {
  it('drains what began before and not what keeps coming', async () => {
    const inFlight = new InFlight();
    const first = inFlight.begin();
    let drained = false;
    const draining = inFlight.drained().then(() => (drained = true));
    const second = inFlight.begin();
    await Promise.resolve();
    expect(drained).to.equal(false);
    inFlight.end(first);
    await draining;
    expect(inFlight.count).to.equal(1);
    inFlight.end(second);
  });

  it('ends drains in the order of their asking', async () => {
    const inFlight = new InFlight();
    const order: string[] = [];
    const first = inFlight.begin();
    const a = inFlight.drained().then(() => order.push('a'));
    const second = inFlight.begin();
    const b = inFlight.drained().then(() => order.push('b'));
    inFlight.end(second);
    await Promise.resolve();
    expect(order).to.deep.equal([]);
    inFlight.end(first);
    await Promise.all([a, b]);
    expect(order).to.deep.equal(['a', 'b']);
  });

  it('stops a second end', () => {
    const inFlight = new InFlight();
    const era = inFlight.begin();
    inFlight.end(era);
    expect(() => inFlight.end(era)).to.throw('twice');
  });
});

describe('outcomes', () => {
  it('have their names', () => {
    for (const [name, code] of Object.entries(BlockOutcome)) {
      expect(outcomeName(code)).to.equal(name);
    }
  });

  it('stand in the error of the promise face, with the device and the range', async () => {
    const device = new MemoryDevice({ capacityBytes: MIB, name: 'scratch' });
    let caught: unknown;
    await promiseFace(device)
      .write(MIB, Buffer.alloc(512))
      .catch((error: unknown) => (caught = error));
    expect(caught).to.be.instanceOf(BlockError);
    expect((caught as BlockError).message).to.equal(
      'write on scratch, 512 bytes at 1048576: outOfRange',
    );
  });
});

describe('alignedMemory', () => {
  it('is zeroed and has the length asked for', () => {
    const bytes = alignedMemory(5000);
    expect(bytes.length).to.equal(5000);
    expect(bytes.every((byte) => byte === 0)).to.equal(true);
  });
});
