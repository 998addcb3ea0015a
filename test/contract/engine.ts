/** What every Engine promises, as one suite run over each of them. */
import { rmSync, truncateSync } from 'node:fs';
import { constants } from 'node:os';
import { expect } from 'chai';
import { KIB } from '../../lib/base/index.ts';
import { EngineOp, EngineTransfer, systemMemory } from '../../lib/block/index.ts';
import type { Engine, TransferMemory } from '../../lib/block/index.ts';
import { pattern } from './transfer.ts';

const { errno: Errno } = constants;
const FILE_BYTES = 1024 * KIB;

interface Fields {
  readonly op: EngineOp;
  readonly fd: number;
  readonly memory?: TransferMemory;
  readonly memoryStart?: number;
  readonly offsetBytes?: number;
  readonly lengthBytes?: number;
}

/** @returns the transfer and the promise of its result. */
export function perform(engine: Engine, fields: Fields): [EngineTransfer, Promise<number>] {
  const transfer = Object.assign(new EngineTransfer(), fields);
  const ended = new Promise<number>(
    (resolve) => (transfer.onDone = () => resolve(transfer.result)),
  );
  engine.queue(transfer);
  return [transfer, ended];
}

const resultOf = (engine: Engine, fields: Fields): Promise<number> => perform(engine, fields)[1];

/** @param make a new engine. @param path an absent file in a folder of the test's own. */
export function describeEngine(name: string, make: () => Engine, path: () => string): void {
  describe(`engine contract: ${name}`, () => {
    let engine: Engine;
    let fd: number;
    const use = (): Engine => engine;
    const file = (): number => fd;

    beforeEach(() => {
      engine = make();
      fd = engine.open(path(), { readOnly: false, direct: false, create: true }).fd;
      truncateSync(path(), FILE_BYTES);
    });

    afterEach(async () => {
      await engine.closeFile(fd);
      engine.close();
      rmSync(path(), { force: true });
    });

    describeTransfers(use, file);
    describeCompletions(use, file);
    describeErrors(use, file);
    describeCancelling(use, file);
    describeFacts(use, path);
  });
}

function describeTransfers(use: () => Engine, file: () => number): void {
  for (const op of [EngineOp.write, EngineOp.writeDurable]) {
    it(`reads what operation ${op} wrote`, async () => {
      const memory = systemMemory(64 * KIB);
      const data = pattern(32 * KIB, 1);
      data.copy(memory.bytes, 4 * KIB);
      const range = { fd: file(), memory, offsetBytes: 8 * KIB, lengthBytes: 32 * KIB };
      expect(await resultOf(use(), { op, ...range, memoryStart: 4 * KIB })).to.equal(0);
      memory.bytes.fill(0);
      expect(await resultOf(use(), { op: EngineOp.read, ...range })).to.equal(0);
      expect(memory.bytes.subarray(0, 32 * KIB).equals(data)).to.equal(true);
    });
  }

  it('performs more at once than its depth and its batches hold', async () => {
    const memory = systemMemory(FILE_BYTES);
    pattern(FILE_BYTES, 2).copy(memory.bytes);
    const before = Buffer.from(memory.bytes);
    const pieces = Array.from({ length: FILE_BYTES / 512 }, (_, index) => index * 512);
    const move = (op: EngineOp, at: number): Promise<number> => {
      const range = { memoryStart: at, offsetBytes: at, lengthBytes: 512 };
      return resultOf(use(), { op, fd: file(), memory, ...range });
    };
    const written = await Promise.all(pieces.map((at) => move(EngineOp.write, at)));
    memory.bytes.fill(0);
    const read = await Promise.all(pieces.map((at) => move(EngineOp.read, at)));
    expect([...new Set([...written, ...read])]).to.deep.equal([0]);
    expect(memory.bytes.equals(before)).to.equal(true);
    expect(use().inFlight()).to.equal(0);
  });

  it('zeros a range and syncs', async () => {
    const memory = systemMemory(16 * KIB);
    memory.bytes.fill(0x55);
    const whole = { fd: file(), memory, lengthBytes: 16 * KIB };
    await resultOf(use(), { op: EngineOp.write, ...whole });
    const range = { fd: file(), offsetBytes: 4 * KIB, lengthBytes: 4 * KIB };
    expect(await resultOf(use(), { op: EngineOp.zeroRange, ...range })).to.equal(0);
    expect(await resultOf(use(), { op: EngineOp.sync, fd: file() })).to.equal(0);
    await resultOf(use(), { op: EngineOp.read, ...whole });
    const zeroed = memory.bytes.subarray(4 * KIB, 8 * KIB);
    expect(zeroed.every((byte) => byte === 0)).to.equal(true);
    expect(memory.bytes[4 * KIB - 1]).to.equal(0x55);
    expect(memory.bytes[8 * KIB]).to.equal(0x55);
  });
}

function describeCompletions(use: () => Engine, file: () => number): void {
  it('does not call onDone from inside queue', async () => {
    let inside = true;
    const transfer = new EngineTransfer();
    transfer.op = EngineOp.sync;
    transfer.fd = file();
    const wasInside = new Promise<boolean>((resolve) => {
      transfer.onDone = () => resolve(inside);
    });
    use().queue(transfer);
    inside = false;
    expect(await wasInside).to.equal(false);
  });

  it('takes a transfer again from inside its onDone', async () => {
    const transfer = new EngineTransfer();
    transfer.op = EngineOp.sync;
    transfer.fd = file();
    let turns = 0;
    await new Promise<void>((resolve) => {
      transfer.onDone = () => (++turns === 5 ? resolve() : use().queue(transfer));
      use().queue(transfer);
    });
    expect(turns).to.equal(5);
  });
}

function describeErrors(use: () => Engine, file: () => number): void {
  it('answers -EIO where the file ends inside the range', async () => {
    const memory = systemMemory(64 * KIB);
    const range = { offsetBytes: FILE_BYTES - 4 * KIB, lengthBytes: 8 * KIB };
    const result = await resultOf(use(), { op: EngineOp.read, fd: file(), memory, ...range });
    expect(result).to.equal(-Errno.EIO);
  });

  it('answers -EBADF for a descriptor that is none', async () => {
    const result = await resultOf(use(), { op: EngineOp.sync, fd: 1_000_000 });
    expect(result).to.equal(-Errno.EBADF);
  });

  it('answers an error of one transfer beside the success of others', async () => {
    const memory = systemMemory(64 * KIB);
    const good = { op: EngineOp.read, fd: file(), memory, lengthBytes: 4 * KIB };
    const bad = { ...good, fd: 1_000_000 };
    const results = await Promise.all([good, bad, good].map((one) => resultOf(use(), one)));
    expect(results).to.deep.equal([0, -Errno.EBADF, 0]);
  });
}

function describeCancelling(use: () => Engine, file: () => number): void {
  it('ends each of many cancelled reads, as cancelled or as done', async () => {
    const memory = systemMemory(64 * KIB);
    const read = { op: EngineOp.read, fd: file(), memory, lengthBytes: 64 * KIB };
    const started = Array.from({ length: 100 }, () => perform(use(), read));
    for (const [transfer] of started) use().cancel(transfer);
    const results = await Promise.all(started.map(([, ended]) => ended));
    const unexpected = results.filter((result) => result !== 0 && result !== -Errno.ECANCELED);
    expect(unexpected).to.deep.equal([]);
    expect(use().inFlight()).to.equal(0);
  });

  it('ignores the cancellation of what has ended', async () => {
    const [transfer, ended] = perform(use(), { op: EngineOp.sync, fd: file() });
    expect(await ended).to.equal(0);
    use().cancel(transfer);
    expect(await resultOf(use(), { op: EngineOp.sync, fd: file() })).to.equal(0);
  });
}

function describeFacts(use: () => Engine, path: () => string): void {
  it('tells the size of a file, and of one that has grown', () => {
    const facts = use().open(`${path()}.other`, { readOnly: false, direct: false, create: true });
    truncateSync(`${path()}.other`, 12 * KIB);
    expect(facts.bytes).to.equal(0);
    expect(use().sizeBytes(facts.fd)).to.equal(12 * KIB);
    rmSync(`${path()}.other`);
    return use().closeFile(facts.fd);
  });

  it('throws an error with errno for an absent file', () => {
    let caught: unknown;
    try {
      use().open(`${path()}.absent`, { readOnly: true, direct: true, create: false });
    } catch (error) {
      caught = error;
    }
    expect((caught as NodeJS.ErrnoException).errno).to.equal(-Errno.ENOENT);
  });

  it('covers what was written with data ranges', async () => {
    const facts = use().open(path() + '.holes', { readOnly: false, direct: false, create: true });
    truncateSync(path() + '.holes', FILE_BYTES);
    const memory = systemMemory(64 * KIB);
    memory.bytes.fill(1);
    const { fd } = facts;
    const range = { memory, offsetBytes: 256 * KIB, lengthBytes: 64 * KIB };
    await resultOf(use(), { op: EngineOp.writeDurable, fd, ...range });
    const ranges = await use().dataRanges(fd, 0, FILE_BYTES, 10);
    const whole = use().findsHoles ? [256 * KIB, 320 * KIB] : [0, FILE_BYTES];
    expect([...ranges]).to.deep.equal(whole);
    await use().closeFile(fd);
    rmSync(path() + '.holes');
  });
}
