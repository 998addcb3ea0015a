import { expect } from 'chai';
import { KIB, MIB, SeededRandom } from '../../../lib/base/index.ts';
import {
  BlockOp,
  BlockOutcome,
  BlockRequest,
  ErrorLayer,
  MemoryDevice,
  outcomeName,
  promiseFace,
  TraceLayer,
  wrapMemory,
} from '../../../lib/block/index.ts';
import type { TraceRecord } from '../../../lib/block/index.ts';
import type { DiskArray, PartitionDevice } from '../../../lib/partition/index.ts';
import { CONTRACT_CAPACITY_BYTES, describeBlockDevice } from '../../contract/block-device.ts';
import { outcomeOf, transfer } from '../../contract/transfer.ts';
import { memoryDisks, openOn, readFrom, stillClock } from '../../fakes/partition-fixtures.ts';
import { HeldDevice } from '../../fakes/held-device.ts';

const SIZE = 16 * MIB;
const CHUNK = 64 * KIB;
const countOf = ({ count }: TraceLayer): number => count;
const since = (trace: TraceLayer, mark: number): TraceRecord[] =>
  trace.recent().filter(({ sequence }) => sequence >= mark);

for (const [name, options] of [
  ['partition of a linear array', { layout: 'linear' }],
  ['partition of a stripe', { layout: 'stripe', chunkBytes: 4 * KIB }],
] as const) {
  describeBlockDevice(name, async () => {
    const array = await openOn(memoryDisks(3, SIZE), options);
    // the partition begins in the middle of a disk and comes in pieces
    for (const filler of ['a', 'b', 'c']) await array.create({ name: filler, sizeBytes: 3 * MIB });
    await array.create({ name: 'rest', sizeBytes: array.status().freeBytes });
    for (const filler of ['a', 'c', 'rest']) await array.remove(filler);
    await array.create({ name: 'd', sizeBytes: CONTRACT_CAPACITY_BYTES });
    return { device: array.device('d'), dispose: () => array.close() };
  });
}

describe('A partition of a stripe', () => {
  let traces: TraceLayer[];
  let array: DiskArray;
  let device: PartitionDevice;
  let marks: number[];

  beforeEach(async () => {
    traces = memoryDisks(3, SIZE).map((disk) => new TraceLayer(disk, stillClock));
    array = await openOn(traces, { layout: 'stripe', chunkBytes: CHUNK });
    await array.create({ name: 'a', sizeBytes: 9 * MIB });
    device = array.device('a');
    marks = traces.map(countOf);
  });

  const seen = (): [number, number, number][][] =>
    traces.map((trace, index) =>
      since(trace, marks[index]!).map(({ op, offsetBytes, lengthBytes }) => [
        op,
        offsetBytes,
        lengthBytes,
      ]),
    );
  const buffer = (
    lengthBytes: number,
  ): { lengthBytes: number; memory: ReturnType<typeof wrapMemory> } => ({
    lengthBytes,
    memory: wrapMemory(Buffer.alloc(lengthBytes)),
  });

  it('passes a request inside a chunk on as one request to one disk', async () => {
    await transfer(device, { op: BlockOp.read, offsetBytes: CHUNK + 4096, ...buffer(4096) });
    expect(seen()).to.deep.equal([[], [[BlockOp.read, 2 * MIB + 4096, 4096]], []]);
  });

  it('splits a longer one by chunks', async () => {
    await transfer(device, { op: BlockOp.write, offsetBytes: CHUNK / 2, ...buffer(2 * CHUNK) });
    expect(seen().map((list) => list.map(([, , length]) => length))).to.deep.equal([
      [CHUNK / 2],
      [CHUNK],
      [CHUNK / 2],
    ]);
  });

  it('sends zeroing and unmap as one request to each disk', async () => {
    for (const op of [BlockOp.writeZeroes, BlockOp.unmap]) {
      marks = traces.map(countOf);
      await transfer(device, { op, lengthBytes: 6 * MIB });
      expect(seen()).to.deep.equal(traces.map(() => [[op, 2 * MIB, 2 * MIB]]));
    }
  });

  it('flushes every disk', async () => {
    await transfer(device, { op: BlockOp.flush });
    expect(seen()).to.deep.equal(traces.map(() => [[BlockOp.flush, 0, 0]]));
  });

  it('passes FUA on with every part', async () => {
    await transfer(device, { op: BlockOp.write, ...buffer(3 * CHUNK), fua: true });
    expect(traces.map((trace, index) => since(trace, marks[index]!)[0]!.fua)).to.deep.equal([
      true,
      true,
      true,
    ]);
  });

  it('says what keeps all disks busy', () => {
    expect(device.features.optimalTransferBytes).to.equal(3 * CHUNK);
    expect(device.features.volatile).to.equal(true);
  });

  it('tells holes from data across the disks', async () => {
    await transfer(device, { op: BlockOp.write, offsetBytes: 4 * CHUNK, ...buffer(CHUNK) });
    expect(await device.extents(0, 9 * CHUNK)).to.deep.equal([
      { offsetBytes: 0, lengthBytes: 4 * CHUNK, kind: 'zero' },
      { offsetBytes: 4 * CHUNK, lengthBytes: CHUNK, kind: 'data' },
      { offsetBytes: 5 * CHUNK, lengthBytes: 4 * CHUNK, kind: 'zero' },
    ]);
    expect(await device.extents(0, 9 * CHUNK, 1)).to.have.length(1);
  });

  it('keeps apart what belongs to other partitions (seed 11)', async () => {
    await array.create({ name: 'b', sizeBytes: 5 * MIB });
    const random = new SeededRandom(11);
    const models = ['a', 'b'].map((name) => ({
      face: promiseFace(array.device(name)),
      bytes: Buffer.alloc(array.partition(name).sizeBytes),
    }));
    for (let round = 0; round < 150; round++) {
      const { face, bytes } = models[random.below(2)]!;
      const offset = random.below(bytes.length / 512 - 1) * 512;
      const length = 512 * (1 + random.below(Math.min(600, (bytes.length - offset) / 512)));
      const data = random.bytes(512);
      for (let at = 0; at < length; at += 512) data.copy(bytes, offset + at);
      await face.write(offset, bytes.subarray(offset, offset + length));
    }
    for (const { face, bytes } of models) {
      const found = Buffer.alloc(bytes.length);
      await face.read(0, found);
      expect(found.equals(bytes)).to.equal(true);
    }
  });
});

describe('A partition of a linear array', () => {
  it('flushes only the disks that hold some of it', async () => {
    const traces = memoryDisks(3, SIZE).map((disk) => new TraceLayer(disk, stillClock));
    const array = await openOn(traces);
    await array.create({ name: 'first', sizeBytes: 12 * MIB });
    await array.create({ name: 'next', sizeBytes: 14 * MIB });
    const marks = traces.map(countOf);
    await transfer(array.device('next'), { op: BlockOp.flush });
    expect(traces.map((trace, index) => since(trace, marks[index]!).length)).to.deep.equal([
      0, 1, 1,
    ]);
  });
});

describe('Errors of a partition over several disks', () => {
  const build = async (): Promise<{ disks: ErrorLayer[]; device: PartitionDevice }> => {
    const disks = memoryDisks(3, SIZE).map((disk) => new ErrorLayer(disk));
    const array = await openOn(disks, { layout: 'stripe', chunkBytes: CHUNK });
    await array.create({ name: 'a', sizeBytes: 3 * MIB });
    return { disks, device: array.device('a') };
  };
  const long = (op: BlockOp): object => ({
    op,
    lengthBytes: 3 * CHUNK,
    memory: wrapMemory(Buffer.alloc(3 * CHUNK)),
  });

  it('are the first in address order', async () => {
    const { disks, device } = await build();
    disks[2]!.addRule({ op: BlockOp.read, outcome: BlockOutcome.ioError, detail: 'late' });
    disks[1]!.addRule({ op: BlockOp.read, outcome: BlockOutcome.noSpace, detail: 'early' });
    const { outcome, detail } = await transfer(device, long(BlockOp.read) as never);
    expect(outcomeName(outcome)).to.equal('noSpace');
    expect(detail).to.equal('early');
  });

  it('never call a write cancelled that other disks have done', async () => {
    const { disks, device } = await build();
    disks[1]!.addRule({ op: BlockOp.write, outcome: BlockOutcome.cancelled });
    expect(await outcomeOf(device, long(BlockOp.write) as never)).to.equal('unknownOutcome');
  });

  it('of one part leave nothing running: the request ends when all parts have', async () => {
    const { disks, device } = await build();
    disks[0]!.addRule({ op: BlockOp.read, outcome: BlockOutcome.ioError });
    expect(await outcomeOf(device, long(BlockOp.read) as never)).to.equal('ioError');
    expect(await outcomeOf(device, { ...long(BlockOp.write) } as never)).to.equal('ok');
  });
});

describe('A partition with requests under way', () => {
  const build = async (): Promise<{ held: HeldDevice; array: DiskArray }> => {
    const held = new HeldDevice(new MemoryDevice({ capacityBytes: SIZE, name: 'm0' }));
    const array = await openOn([held]);
    await array.create({ name: 'a', sizeBytes: MIB });
    held.holding = true;
    return { held, array };
  };
  const submit = (device: PartitionDevice): { request: BlockRequest; ended: () => boolean } => {
    const request = new BlockRequest();
    let done = false;
    Object.assign(request, { lengthBytes: 512, memory: wrapMemory(Buffer.alloc(512)) });
    request.onDone = () => (done = true);
    device.submit(request);
    return { request, ended: () => done };
  };
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };

  it('cancels them at the disk', async () => {
    const { array } = await build();
    const { request, ended } = submit(array.device('a'));
    const other = submit(array.device('a'));
    array.device('a').cancel(request);
    await turns();
    expect(ended()).to.equal(true);
    expect(outcomeName(request.outcome)).to.equal('cancelled');
    expect(other.ended()).to.equal(false);
  });

  it('is not deleted before they have ended', async () => {
    const { held, array } = await build();
    const { ended } = submit(array.device('a'));
    let removed = false;
    const removal = array.remove('a').then(() => (removed = true));
    await turns();
    expect(removed).to.equal(false);
    held.holding = false;
    held.release();
    await removal;
    expect(ended()).to.equal(true);
  });

  it('serves on when its deletion fails', async () => {
    const disk = new ErrorLayer(new MemoryDevice({ capacityBytes: SIZE, name: 'm0' }));
    const array = await openOn([disk]);
    await array.create({ name: 'a', sizeBytes: MIB });
    const device = array.device('a');
    const heal = disk.addRule({ op: BlockOp.write, outcome: BlockOutcome.noSpace });
    await array.remove('a').catch(() => undefined);
    heal();
    expect(await readFrom(device, 0, 512)).to.have.length(512);
  });
});

describe('A closed array', () => {
  it('refuses everything and has closed its disks', async () => {
    const disks = memoryDisks(2, SIZE);
    const array = await openOn(disks);
    await array.create({ name: 'a', sizeBytes: MIB });
    const device = array.device('a');
    await array.close();
    await array.close();
    expect(array.state).to.equal('closed');
    expect(() => array.device('a')).to.throw(/is closed/);
    expect(await readFrom(device, 0, 512).catch(String)).to.match(/notReady/);
    expect(await readFrom(disks[0]!, 0, 512).catch(String)).to.match(/notReady/);
  });

  it('stops zeroing where it is; the next opening starts over', async () => {
    const disks = memoryDisks(1, 512 * MIB);
    const array = await openOn(disks.map((disk) => new HeldDevice(disk)));
    const creation = array.create({ name: 'a', sizeBytes: 400 * MIB }).catch(String);
    await array.close();
    expect(await creation).to.match(/being closed/);
  });
});
