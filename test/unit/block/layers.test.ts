import { expect } from 'chai';
import { AssertionError, KIB } from '../../../lib/base/index.ts';
import {
  BlockOp,
  BlockOutcome,
  BlockRequest,
  CheckedLayer,
  DelayLayer,
  ErrorLayer,
  formatTrace,
  fromPromises,
  Layer,
  MemoryDevice,
  outcomeName,
  promiseFace,
  ReadOnlyLayer,
  subDevice,
  TraceLayer,
  wrapMemory,
} from '../../../lib/block/index.ts';
import { outcomeOf, transfer } from '../../contract/transfer.ts';
import { VirtualTimers } from '../../fakes/virtual-timers.ts';

const make = (): MemoryDevice => new MemoryDevice({ capacityBytes: 64 * KIB });
const memory = wrapMemory(Buffer.alloc(4 * KIB, 9));
const write = { op: BlockOp.write, lengthBytes: 4 * KIB, memory };
const read = { ...write, op: BlockOp.read, memory: wrapMemory(Buffer.alloc(4 * KIB)) };

describe('ReadOnlyLayer', () => {
  it('refuses what changes the device and lets the rest through', async () => {
    const layer = new ReadOnlyLayer(make());
    expect(layer.features).to.include({ readOnly: true, unmap: false });
    expect(await outcomeOf(layer, write)).to.equal('readOnly');
    expect(await outcomeOf(layer, { op: BlockOp.unmap, lengthBytes: 512 })).to.equal('readOnly');
    expect(await outcomeOf(layer, { op: BlockOp.writeZeroes })).to.equal('readOnly');
    expect(await outcomeOf(layer, read)).to.equal('ok');
    expect(await outcomeOf(layer, { op: BlockOp.flush })).to.equal('ok');
  });
});

describe('ErrorLayer', () => {
  it('fails what a rule names, after `skip` and only `times`', async () => {
    const outcome = BlockOutcome.noSpace;
    const layer = new ErrorLayer(make(), [{ outcome, op: BlockOp.write, skip: 1, times: 2 }]);
    const outcomes: string[] = [];
    for (let index = 0; index < 4; index++) outcomes.push(await outcomeOf(layer, write));
    expect(outcomes).to.deep.equal(['ok', 'noSpace', 'noSpace', 'ok']);
    expect(await outcomeOf(layer, read)).to.equal('ok');
  });

  it('fails what touches a range, until the rule is taken away', async () => {
    const layer = new ErrorLayer(make());
    const rule = { outcome: BlockOutcome.ioError, startBytes: 8 * KIB, endBytes: 9 * KIB };
    const remove = layer.addRule(rule);
    expect(await outcomeOf(layer, { ...read, offsetBytes: 4 * KIB })).to.equal('ok');
    expect(await outcomeOf(layer, { ...read, offsetBytes: 8 * KIB })).to.equal('ioError');
    expect(await outcomeOf(layer, { ...read, offsetBytes: 9 * KIB })).to.equal('ok');
    remove();
    expect(await outcomeOf(layer, { ...read, offsetBytes: 8 * KIB })).to.equal('ok');
  });

  it('performs or does not perform what it fails', async () => {
    for (const afterwards of [true, false]) {
      const device = make();
      const layer = new ErrorLayer(device, [{ outcome: BlockOutcome.unknownOutcome, afterwards }]);
      expect(await outcomeOf(layer, write)).to.equal('unknownOutcome');
      const into = Buffer.alloc(512);
      await promiseFace(device).read(0, into);
      expect(into[0]).to.equal(afterwards ? 9 : 0);
    }
  });
});

describe('DelayLayer', () => {
  it('holds a request back for its time', async () => {
    const timers = new VirtualTimers();
    const layer = new DelayLayer(make(), timers, 10);
    let ended = false;
    const reading = outcomeOf(layer, read).then((name) => {
      ended = true;
      return name;
    });
    timers.advance(9);
    await Promise.resolve();
    expect(ended).to.equal(false);
    timers.advance(1);
    expect(await reading).to.equal('ok');
  });

  it('cancels what it holds back, which then never touches the device', async () => {
    const timers = new VirtualTimers();
    const device = make();
    const layer = new DelayLayer(device, timers, Infinity);
    const request = Object.assign(new BlockRequest(), write);
    const ended = new Promise<BlockRequest>((resolve) => (request.onDone = resolve));
    layer.submit(request);
    expect(layer.heldCount).to.equal(1);
    layer.cancel(request);
    expect(outcomeName((await ended).outcome)).to.equal('cancelled');
    const into = Buffer.alloc(512);
    await promiseFace(device).read(0, into);
    expect(into[0]).to.equal(0);
    expect(layer.heldCount).to.equal(0);
  });

  it('releases all that hangs', async () => {
    const layer = new DelayLayer(make(), new VirtualTimers(), Infinity);
    const outcomes = [outcomeOf(layer, write), outcomeOf(layer, read)];
    layer.release();
    expect(await Promise.all(outcomes)).to.deep.equal(['ok', 'ok']);
  });
});

describe('TraceLayer', () => {
  it('remembers the last requests with their outcomes, oldest first', async () => {
    const layer = new TraceLayer(make(), new VirtualTimers(), 3);
    for (const offsetBytes of [0, 4 * KIB, 8 * KIB, 64 * KIB]) {
      await transfer(layer, { ...read, offsetBytes });
    }
    const found = layer.recent().map(({ sequence, offsetBytes }) => [sequence, offsetBytes]);
    expect(found).to.deep.equal([
      [1, 4 * KIB],
      [2, 8 * KIB],
      [3, 64 * KIB],
    ]);
    expect(layer.recent().at(-1)!.outcome).to.equal(BlockOutcome.outOfRange);
    expect(formatTrace(layer.recent()[0]!)).to.equal('#1 read 4096+4096 ok 0.0 ms');
  });

  it('knows what is in flight, also where newer requests have taken its record', async () => {
    const timers = new VirtualTimers();
    const layer = new TraceLayer(new DelayLayer(make(), timers, 5), timers, 2);
    const first = outcomeOf(layer, read);
    expect(formatTrace(layer.recent()[0]!)).to.contain('in flight');
    const others = [outcomeOf(layer, read), outcomeOf(layer, { op: BlockOp.flush })];
    timers.advance(5);
    await Promise.all([first, ...others]);
    const took = layer.recent().map(({ startMs, endMs }) => endMs - startMs);
    expect(took).to.deep.equal([5, 5]);
  });
});

describe('CheckedLayer', () => {
  const request = (fields: object): BlockRequest =>
    Object.assign(new BlockRequest(), { onDone: () => undefined }, fields);

  /** A device with one thing wrong. */
  class Broken extends Layer {
    readonly breakIt: (request: BlockRequest) => void;

    constructor(breakIt: (request: BlockRequest) => void) {
      super(make());
      this.breakIt = breakIt;
    }

    override submit(one: BlockRequest): void {
      this.breakIt(one);
    }
  }

  it('stops a device that ends a request inside submit', () => {
    const layer = new CheckedLayer(new Broken((one) => one.onDone(one)));
    expect(() => layer.submit(request(read))).to.throw(AssertionError, 'inside submit');
  });

  it('stops a device that ends a request twice', () => {
    let kept: BlockRequest | undefined;
    const layer = new CheckedLayer(new Broken((one) => (kept = one)));
    layer.submit(request(read));
    kept!.onDone(kept!);
    expect(() => kept!.onDone(kept!)).to.throw(AssertionError, 'twice');
  });

  it('stops a device that changes a request', () => {
    let kept: BlockRequest | undefined;
    const layer = new CheckedLayer(new Broken((one) => (kept = one)));
    layer.submit(request(read));
    kept!.offsetBytes = 512;
    expect(() => kept!.onDone(kept!)).to.throw(AssertionError, 'changed');
  });

  it('stops a device that performs what it must refuse', () => {
    let kept: BlockRequest | undefined;
    const layer = new CheckedLayer(new Broken((one) => (kept = one)));
    layer.submit(request({ ...read, offsetBytes: 64 * KIB }));
    expect(() => kept!.onDone(kept!)).to.throw(AssertionError, 'ok instead of outOfRange');
  });

  it('stops a caller that submits a request twice or misshapes it', () => {
    const layer = new CheckedLayer(make());
    const one = request(read);
    layer.submit(one);
    expect(() => layer.submit(one)).to.throw(AssertionError, 'again');
    expect(() => layer.submit(request({ ...read, memory: null }))).to.throw(AssertionError);
    expect(() => layer.submit(request({ ...read, memoryStart: 1 }))).to.throw(AssertionError);
    expect(() => layer.submit(request({ op: BlockOp.flush, lengthBytes: 512 }))).to.throw(
      AssertionError,
    );
    expect(() => layer.cancel(request(read))).to.throw(AssertionError);
  });
});

describe('subDevice', () => {
  it('touches its part of the whole only, and leaves the whole open', async () => {
    const whole = make();
    const part = subDevice(whole, 8 * KIB, 8 * KIB);
    await promiseFace(part).write(4 * KIB, Buffer.alloc(4 * KIB, 3));
    expect(await outcomeOf(part, { ...write, offsetBytes: 8 * KIB })).to.equal('outOfRange');
    await part.close();
    const into = Buffer.alloc(64 * KIB);
    await promiseFace(whole).read(0, into);
    expect(into.findIndex((byte) => byte !== 0)).to.equal(12 * KIB);
    expect(into.findLastIndex((byte) => byte !== 0)).to.equal(16 * KIB - 1);
  });

  it('gives extents in its own terms', async () => {
    const whole = make();
    await promiseFace(whole).write(12 * KIB, Buffer.alloc(4 * KIB, 3));
    const list = await subDevice(whole, 8 * KIB, 16 * KIB).extents(0, 16 * KIB);
    const found = list.map(({ kind, offsetBytes }) => `${kind}@${offsetBytes / KIB}`);
    expect(found).to.deep.equal(['zero@0', 'data@4', 'zero@8']);
  });
});

describe('fromPromises', () => {
  it('is read-only without write, and durable at once without flush', () => {
    const device = fromPromises({ capacityBytes: 1024, read: () => Promise.resolve() });
    expect(device.features).to.include({ readOnly: true, unmap: false, volatileWriteCache: false });
  });

  it('turns a rejection into an I/O error with its words', async () => {
    const device = fromPromises({
      capacityBytes: 4 * KIB,
      read: () => Promise.reject(new Error('tape torn')),
    });
    const request = await transfer(device, read);
    expect(request.outcome).to.equal(BlockOutcome.ioError);
    expect(request.detail).to.equal('tape torn');
  });

  it('flushes after a write with FUA', async () => {
    const calls: string[] = [];
    const note = (what: string) => (): Promise<void> => {
      calls.push(what);
      return Promise.resolve();
    };
    const device = fromPromises({
      capacityBytes: 4 * KIB,
      read: note('read'),
      write: note('write'),
      flush: note('flush'),
    });
    await outcomeOf(device, { ...write, fua: true });
    expect(calls).to.deep.equal(['write', 'flush']);
  });
});
