import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { KIB, MIB } from '../../../lib/base/index.ts';
import {
  BlockError,
  BlockOp,
  BlockRequest,
  createEngine,
  EngineOp,
  FileDevice,
  outcomeName,
  promiseFace,
  systemMemory,
  wrapMemory,
} from '../../../lib/block/index.ts';
import { outcomeOf, transfer } from '../../contract/transfer.ts';
import { FaultyEngine } from './faulty-engine.ts';

const { errno: Errno } = constants;
const memory = wrapMemory(Buffer.alloc(4 * KIB, 0x11));
const write = { op: BlockOp.write, lengthBytes: 4 * KIB, memory };
const durableWrite = { ...write, fua: true };
const flush = { op: BlockOp.flush };
const read = { ...write, op: BlockOp.read };

describe('FileDevice', () => {
  let folder: string;
  let engine: FaultyEngine;
  let device: FileDevice;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hawser-file-'));
    engine = new FaultyEngine();
    const path = join(folder, 'disk.img');
    device = await FileDevice.open({ path, sizeBytes: 4 * MIB, direct: false, engine });
  });
  afterEach(async () => {
    engine.fault = () => undefined;
    engine.hold = () => false;
    await device.close();
    rmSync(folder, { recursive: true });
  });

  const failOnce = (op: EngineOp, errno: number): void => {
    engine.fault = (one) => {
      if (one.op !== op) return undefined;
      engine.fault = () => undefined;
      return -errno;
    };
  };

  it('fails every flush and durable write after a failed sync, though later syncs would succeed', async () => {
    failOnce(EngineOp.sync, Errno.EIO);
    const first = await transfer(device, flush);
    expect([outcomeName(first.outcome), first.detail]).to.deep.equal(['ioError', 'sync: EIO']);
    expect(await outcomeOf(device, flush)).to.equal('ioError');
    expect(await outcomeOf(device, durableWrite)).to.equal('ioError');
    expect(await outcomeOf(device, { ...flush, op: BlockOp.writeZeroes, fua: true })).to.equal(
      'ioError',
    );
    expect(await outcomeOf(device, read)).to.equal('ok');
    expect(device.failure).to.equal('sync: EIO');
  });

  it('fails every flush after a failed durable write', async () => {
    failOnce(EngineOp.writeDurable, Errno.EIO);
    expect(await outcomeOf(device, durableWrite)).to.equal('ioError');
    expect(await outcomeOf(device, flush)).to.equal('ioError');
  });

  it('goes on after a plain write that failed', async () => {
    failOnce(EngineOp.write, Errno.EIO);
    expect(await outcomeOf(device, write)).to.equal('ioError');
    expect(await outcomeOf(device, flush)).to.equal('ok');
  });

  it('goes on after a durable write that found no space', async () => {
    failOnce(EngineOp.writeDurable, Errno.ENOSPC);
    expect(await outcomeOf(device, durableWrite)).to.equal('noSpace');
    expect(await outcomeOf(device, flush)).to.equal('ok');
  });

  it('tells of its failure once', async () => {
    const reasons: string[] = [];
    device.onFailed((reason) => reasons.push(reason));
    engine.fault = (one) => (one.op === EngineOp.sync ? -Errno.EIO : undefined);
    await outcomeOf(device, flush);
    await outcomeOf(device, flush);
    expect(reasons).to.deep.equal(['sync: EIO']);
  });

  it('rejects close where the last sync fails, and only then', async () => {
    failOnce(EngineOp.sync, Errno.EIO);
    let caught: unknown;
    await device.close().catch((error: unknown) => (caught = error));
    expect(caught).to.be.instanceOf(BlockError);
    const path = device.path;
    device = await FileDevice.open({ path, engine, direct: false });
    expect(await outcomeOf(device, flush)).to.equal('ok');
  });

  it('lets flushes share a sync that begins after all of them came', async () => {
    engine.hold = (one) => one.op === EngineOp.sync;
    const first = outcomeOf(device, flush);
    const others = [outcomeOf(device, flush), outcomeOf(device, flush), outcomeOf(device, flush)];
    expect(engine.queued).to.deep.equal([EngineOp.sync]);
    engine.release();
    expect(await first).to.equal('ok');
    expect(engine.queued).to.deep.equal([EngineOp.sync, EngineOp.sync]);
    engine.release();
    expect(await Promise.all(others)).to.deep.equal(['ok', 'ok', 'ok']);
  });

  it('cancels a flush that waits for another', async () => {
    engine.hold = (one) => one.op === EngineOp.sync;
    const first = outcomeOf(device, flush);
    const request = Object.assign(new BlockRequest(), flush);
    const ended = new Promise<BlockRequest>((resolve) => (request.onDone = resolve));
    device.submit(request);
    device.cancel(request);
    expect(outcomeName((await ended).outcome)).to.equal('cancelled');
    engine.release();
    expect(await first).to.equal('ok');
    engine.hold = () => false;
  });

  it('makes zeroing and unmapping durable with a sync', async () => {
    const zero = { op: BlockOp.writeZeroes, lengthBytes: 4 * KIB, fua: true };
    expect(await outcomeOf(device, zero)).to.equal('ok');
    expect(engine.queued).to.deep.equal([EngineOp.zeroRange, EngineOp.sync]);
  });

  it('writes zeros where the file system cannot zero a range', async () => {
    await outcomeOf(device, { ...write, lengthBytes: 4 * KIB, offsetBytes: 3 * MIB });
    engine.fault = (one) => (one.op === EngineOp.zeroRange ? -Errno.EOPNOTSUPP : undefined);
    const zero = { op: BlockOp.writeZeroes, offsetBytes: 512, lengthBytes: 4 * MIB - 512 };
    expect(await outcomeOf(device, zero)).to.equal('ok');
    const into = Buffer.alloc(4 * MIB, 1);
    await promiseFace(device).read(0, into);
    expect(into.subarray(512).every((byte) => byte === 0)).to.equal(true);
  });

  it('sees that its file has grown', async () => {
    const told: number[] = [];
    device.onCapacityChange((bytes) => told.push(bytes));
    truncateSync(device.path, 6 * MIB + 100);
    expect(device.refreshCapacity()).to.equal(6 * MIB);
    device.refreshCapacity();
    expect(told).to.deep.equal([6 * MIB]);
    expect(await outcomeOf(device, { ...write, offsetBytes: 5 * MIB })).to.equal('ok');
  });

  it('drains what came before, not what keeps coming', async () => {
    const request = await transfer(device, read);
    let stop = false;
    request.onDone = (again) => {
      if (!stop) device.submit(again);
    };
    device.submit(request);
    await device.drain();
    stop = true;
  });
});

describe('FileDevice over the native engine', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'hawser-native-'))));
  after(() => rmSync(folder, { recursive: true }));

  for (const kind of ['io_uring', 'threads'] as const) {
    it(`takes slab memory at any start over ${kind}`, async () => {
      const engine = createEngine(kind);
      const path = join(folder, `${kind}.img`);
      const device = await FileDevice.open({ path, sizeBytes: 4 * MIB, engine });
      const slab = systemMemory(64 * KIB);
      for (const memoryStart of [0, 512, 4096, 1, 513, 4095]) {
        slab.bytes.fill(memoryStart % 251, memoryStart, memoryStart + 8 * KIB);
        const range = { lengthBytes: 8 * KIB, memory: slab, memoryStart };
        expect(await outcomeOf(device, { op: BlockOp.write, ...range })).to.equal('ok');
        slab.bytes.fill(0xff);
        expect(await outcomeOf(device, { op: BlockOp.read, ...range })).to.equal('ok');
        const part = slab.bytes.subarray(memoryStart, memoryStart + 8 * KIB);
        expect(part.every((byte) => byte === memoryStart % 251)).to.equal(true);
        expect(slab.bytes[memoryStart + 8 * KIB]).to.equal(0xff);
      }
      await device.close();
      engine.close();
    });
  }

  it('waits for a bounce buffer where all are out', async () => {
    const path = join(folder, 'bounce.img');
    const device = await FileDevice.open({ path, sizeBytes: 64 * MIB });
    const data = wrapMemory(Buffer.alloc(2 * MIB, 0x66));
    const starts = Array.from({ length: 40 }, (_, index) => (index % 32) * 2 * MIB);
    const fields = { op: BlockOp.write, lengthBytes: 2 * MIB, memory: data };
    const outcomes = await Promise.all(
      starts.map((offsetBytes) => outcomeOf(device, { ...fields, offsetBytes })),
    );
    expect(new Set(outcomes)).to.deep.equal(new Set(['ok']));
    await device.close();
  });
});
