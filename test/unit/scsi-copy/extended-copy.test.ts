import { expect } from 'chai';
import { SeededRandom } from '../../../lib/base/index.ts';
import { MemoryDevice, promiseFace } from '../../../lib/block/index.ts';
import type { BlockDevice, BlockRequest } from '../../../lib/block/index.ts';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import type { LogicalUnit } from '../../../lib/scsi/index.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';
import type { ScsiAnswer } from '../../fakes/scsi-harness.ts';
import { Prout, PrType, prout } from '../scsi-reservations/pr-commands.ts';
import { BLOCK, copyCdb, copyList, cscd, resultsCdb, segment } from './copy-commands.ts';
import type { ListFields } from './copy-commands.ts';

const MIB = 1024 * 1024;
const THIRD_UUID = '0d3c1a52-1111-4222-8333-d2e5f6a7b80f';
const SECOND_UUID = '0d3c1a52-1111-4222-8333-d2e5f6a7b800';
const { good, checkCondition, reservationConflict } = ScsiStatus;
const seed = 20_261_120;

/** Performs requests one by one in random order. */
function shuffling(device: BlockDevice, random: SeededRandom): BlockDevice {
  const waiting: BlockRequest[] = [];
  const performOne = (): void => {
    const [request] = waiting.splice(random.below(waiting.length), 1);
    if (request !== undefined) device.submit(request);
    if (waiting.length > 0) setImmediate(performOne);
  };
  return withSubmit(device, (request) => {
    waiting.push(request);
    if (waiting.length === 1) setImmediate(performOne);
  });
}

/** The device with another way in. */
const withSubmit = (device: BlockDevice, submit: (request: BlockRequest) => void): BlockDevice =>
  new Proxy(device, {
    get: (target, name) => {
      if (name === 'submit') return submit;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });

describe(`EXTENDED COPY (seed ${seed})`, () => {
  let scsi: ScsiHarness;
  let device: MemoryDevice;
  let other: LogicalUnit;
  let otherDevice: MemoryDevice;
  let content: Buffer;

  beforeEach(async () => {
    device = new MemoryDevice({ capacityBytes: 8 * MIB });
    otherDevice = new MemoryDevice({ capacityBytes: 8 * MIB });
    scsi = new ScsiHarness({ device });
    other = scsi.makeUnit(otherDevice, SECOND_UUID);
    scsi.map(scsi.nexus, 1, other);
    content = new SeededRandom(seed).bytes(3 * MIB + 5 * BLOCK);
    await promiseFace(device).write(BLOCK, content);
  });

  const copy = (
    cscds: Buffer[],
    segments: Buffer[],
    fields: ListFields = {},
  ): Promise<ScsiAnswer> => {
    const data = copyList(cscds, segments, fields);
    return scsi.run(copyCdb(data.length), { data });
  };
  const whole = (): number => content.length / BLOCK;
  const read = async (from: BlockDevice, lba: number, bytes: number): Promise<Buffer> => {
    const into = Buffer.alloc(bytes);
    await promiseFace(from).read(lba * BLOCK, into);
    return into;
  };
  it('copies blocks to another logical unit of the nexus', async () => {
    const answer = await copy(
      [cscd(scsi.unit), cscd(other)],
      [segment({ source: 0, destination: 1, blocks: whole(), from: 1, to: 7 })],
    );
    expect(answer.status).to.equal(good);
    expect((await read(otherDevice, 7, content.length)).equals(content)).to.equal(true);
  });

  it('leaves no transfer memory and no command behind', async () => {
    await copy([cscd(scsi.unit)], [segment({ blocks: 4000, from: 1, to: 8001 })]);
    expect(scsi.buffers.usedBytes).to.equal(0);
    expect(scsi.unit.tasks.count).to.equal(0);
    expect(scsi.unit.ranges.count).to.equal(0);
  });

  describe('on a device that answers in any order', () => {
    beforeEach(() => {
      const shuffled = scsi.makeUnit(shuffling(device, new SeededRandom(seed)), THIRD_UUID);
      scsi.map(scsi.nexus, 2, shuffled);
      other = shuffled;
    });

    for (const [direction, from, to] of [
      ['upwards', 1, 1 + 700],
      ['downwards', 1, 0],
    ] as const) {
      it(`copies a range that overlaps itself ${direction} as through a buffer`, async () => {
        for (let round = 0; round < 10; round++) {
          await promiseFace(device).write(from * BLOCK, content);
          const answer = await copy([cscd(other)], [segment({ blocks: whole(), from, to })]);
          expect(answer.status).to.equal(good);
          expect((await read(device, to, content.length)).equals(content)).to.equal(true);
        }
      });
    }

    it('performs segments in their order, a later one reading what an earlier one wrote', async () => {
      const answer = await copy(
        [cscd(other)],
        [
          segment({ blocks: 4100, from: 1, to: 8000 }),
          segment({ blocks: 4100, from: 8000, to: 12_200 }),
        ],
      );
      expect(answer.status).to.equal(good);
      const copied = await read(device, 12_200, 4100 * BLOCK);
      expect(copied.equals(content.subarray(0, 4100 * BLOCK))).to.equal(true);
    });
  });

  it('does not look at LU ID TYPE, as an identification descriptor has no LU IDENTIFIER', async () => {
    const segments = [segment({ blocks: 1, from: 1, to: 100 })];
    expect((await copy([cscd(scsi.unit, { luIdType: 3 })], segments)).status).to.equal(good);
  });

  it('without parameter list is good', async () => {
    expect((await scsi.run(copyCdb(0))).status).to.equal(good);
  });

  it('between units of different block size takes the length in blocks of the source, or with DC of the destination', async () => {
    const device4k = new MemoryDevice({ capacityBytes: 8 * MIB, blockSizeBytes: 4096 });
    const unit4k = scsi.makeUnit(device4k, '0d3c1a52-1111-4222-8333-d2e5f6a7b801');
    scsi.map(scsi.nexus, 2, unit4k);
    const cscds = [cscd(scsi.unit), cscd(unit4k)];
    const fields = { source: 0, destination: 1, from: 1, to: 1 };
    const bySource = await copy(cscds, [segment({ ...fields, blocks: 16 })]);
    expect(bySource.status).to.equal(good);
    expect((await read(device4k, 8, 8192)).equals(content.subarray(0, 8192))).to.equal(true);
    expect((await read(device4k, 24, 4096)).equals(Buffer.alloc(4096))).to.equal(true);
    const byDestination = { ...fields, blocks: 3, countsDestination: true };
    expect((await copy(cscds, [segment(byDestination)])).status).to.equal(good);
    expect((await read(device4k, 8, 12288)).equals(content.subarray(0, 12288))).to.equal(true);
    const inexact = await copy(cscds, [segment({ ...fields, blocks: 15 })]);
    expect(inexact).to.include({ status: checkCondition, key: 0xa, asc: 0x260a });
  });

  describe('refuses', () => {
    const one = (): Buffer[] => [segment({ blocks: 10, from: 1, to: 100 })];

    it('a parameter list cut inside a descriptor', async () => {
      const data = copyList([cscd(scsi.unit)], one());
      for (const bytes of [10, 16 + 31, data.length - 1]) {
        const answer = await scsi.run(copyCdb(bytes), { data: data.subarray(0, bytes) });
        expect(answer, `${bytes} bytes`).to.include({ key: 5, asc: 0x1a00 });
      }
    });

    it('more descriptors than OPERATING PARAMETERS tells', async () => {
      const { data } = await scsi.run(resultsCdb(3));
      const cscdsMax = data.readUInt16BE(8);
      const segmentsMax = data.readUInt16BE(10);
      const many = (count: number, of: Buffer): Buffer[] => new Array<Buffer>(count).fill(of);
      const tooManyCscds = await copy(many(cscdsMax + 1, cscd(scsi.unit)), one());
      expect(tooManyCscds).to.include({ key: 5, asc: 0x2606 });
      const tooManySegments = await copy([cscd(scsi.unit)], many(segmentsMax + 1, one()[0]!));
      expect(tooManySegments).to.include({ key: 5, asc: 0x2608 });
      const both = await copy(
        many(cscdsMax + 1, cscd(scsi.unit)),
        many(segmentsMax + 1, one()[0]!),
      );
      expect(both).to.include({ key: 5, asc: 0x1a00 });
    });

    it('other descriptor types', async () => {
      const fibreChannel = await copy([cscd(scsi.unit, { type: 0xe0 })], one());
      expect(fibreChannel).to.include({ key: 5, asc: 0x2607 });
      const stream = await copy(
        [cscd(scsi.unit)],
        [segment({ type: 0x03, blocks: 1, from: 0, to: 1 })],
      );
      expect(stream).to.include({ key: 5, asc: 0x2609 });
    });

    it('inline data and reserved list identifier usage', async () => {
      const inline = await copy([cscd(scsi.unit)], one(), { inlineBytes: 8 });
      expect(inline).to.include({ key: 5, asc: 0x260b });
      const usage = await copy([cscd(scsi.unit)], one(), { usage: 1 });
      expect(usage).to.include({ key: 5, asc: 0x2600 });
      const identified = await copy([cscd(scsi.unit)], one(), { usage: 3, listId: 1 });
      expect(identified).to.include({ key: 5, asc: 0x2600 });
    });

    it('null devices and indices without descriptor', async () => {
      const nullDevice = await copy([cscd(scsi.unit, { nullDevice: true })], one());
      expect(nullDevice).to.include({ key: 0xa, asc: 0x0804 });
      const missing = [segment({ destination: 1, blocks: 1, from: 0, to: 1 })];
      expect(await copy([cscd(scsi.unit)], missing)).to.include({ key: 0xa, asc: 0x0804 });
    });

    it('devices of another type or block length', async () => {
      const tape = await copy([cscd(scsi.unit, { peripheral: 1 })], one());
      expect(tape).to.include({ key: 0xa, asc: 0x0d03 });
      const blocks = await copy([cscd(scsi.unit, { blockBytes: 4096 })], one());
      expect(blocks).to.include({ key: 5, asc: 0x2600 });
    });

    it('ranges outside the medium, and copies nothing before', async () => {
      const last = scsi.unit.capacityBlocks;
      for (const wrong of [
        { blocks: 2, from: 1, to: last - 1 },
        { blocks: 2, from: last - 1, to: 1 },
        { blocks: 1, from: 2 ** 53, to: 1 },
      ]) {
        const segments = [segment({ blocks: 10, from: 1, to: 10_000 }), segment(wrong)];
        const answer = await copy([cscd(scsi.unit)], segments);
        expect(answer).to.include({ status: checkCondition, key: 0xa, asc: 0x0000 });
      }
      expect((await read(device, 10_000, 10 * BLOCK)).equals(Buffer.alloc(10 * BLOCK))).to.equal(
        true,
      );
    });
  });

  describe('reaches no further than its sender:', () => {
    const across = (): Buffer[] => [
      segment({ source: 0, destination: 1, blocks: 10, from: 1, to: 0 }),
    ];

    it('not a logical unit of another host, named by its NAA', async () => {
      const hidden = scsi.makeUnit(otherDevice, '0d3c1a52-1111-4222-8333-d2e5f6a7b8aa');
      const owner = scsi.openNexus('iqn.2026-11.test:owner', 4);
      scsi.map(owner, 0, hidden);
      const to = await copy([cscd(scsi.unit), cscd(hidden)], across());
      expect(to).to.include({ status: checkCondition, key: 0xa, asc: 0x0d02 });
      const from = await copy([cscd(hidden), cscd(scsi.unit)], across());
      expect(from).to.include({ status: checkCondition, key: 0xa, asc: 0x0d02 });
    });

    it('not a logical unit that was taken away', async () => {
      await scsi.nexus.unmap(1);
      const answer = await copy([cscd(scsi.unit), cscd(other)], across());
      expect(answer).to.include({ status: checkCondition, key: 0xa, asc: 0x0d02 });
    });

    it('not for writing where it may only read', async () => {
      await scsi.nexus.unmap(1);
      scsi.map(scsi.nexus, 1, other, true);
      const to = await copy([cscd(scsi.unit), cscd(other)], across());
      expect(to).to.include({ status: checkCondition, key: 7, asc: 0x2700 });
      const from = await copy([cscd(other), cscd(scsi.unit)], across());
      expect(from.status).to.equal(good);
    });

    it('not past a reservation on the destination or on the source', async () => {
      const holder = scsi.secondNexus();
      scsi.map(holder, 1, other);
      await prout(scsi, holder, Prout.registerAndIgnore, { newKey: 1n });
      await prout(scsi, holder, Prout.reserve, { key: 1n, type: PrType.we });
      const to = await copy([cscd(other), cscd(scsi.unit)], across());
      expect(to.status).to.equal(reservationConflict);
      const from = await copy([cscd(scsi.unit), cscd(other)], across());
      expect(from.status, 'write exclusive lets read').to.equal(good);
      await prout(scsi, holder, Prout.preempt, { key: 1n, newKey: 1n, type: PrType.ea });
      const readBarred = await copy([cscd(scsi.unit), cscd(other)], across());
      expect(readBarred.status).to.equal(reservationConflict);
    });
  });

  describe('in progress', () => {
    /** Holds requests back until told to let them go. */
    class Gate {
      readonly waiting: (() => void)[] = [];
      open = true;
      readonly device: BlockDevice;
      constructor(next: BlockDevice) {
        this.device = withSubmit(next, (request) => {
          if (this.open) next.submit(request);
          else this.waiting.push(() => next.submit(request));
        });
      }
      release(): void {
        this.open = true;
        for (const go of this.waiting.splice(0)) go();
      }
    }

    let gate: Gate;
    let slow: LogicalUnit;
    beforeEach(() => {
      gate = new Gate(new MemoryDevice({ capacityBytes: 8 * MIB }));
      slow = scsi.makeUnit(gate.device, '0d3c1a52-1111-4222-8333-d2e5f6a7b8bb');
      scsi.map(scsi.nexus, 3, slow);
      gate.open = false;
    });

    const begin = (listId = 5) => {
      const segments = [segment({ source: 0, destination: 1, blocks: whole(), from: 1, to: 0 })];
      const data = copyList([cscd(scsi.unit), cscd(slow)], segments, { listId });
      return scsi.begin(scsi.nexus, copyCdb(data.length), { data }).run();
    };
    const settle = async (): Promise<void> => {
      for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done));
    };

    it('tells its progress, then once how it ended', async () => {
      const command = begin();
      await settle();
      const during = await scsi.run(resultsCdb(0, 5));
      expect(during.data[4]).to.equal(0);
      gate.release();
      expect((await command.done).status).to.equal(good);
      const after = await scsi.run(resultsCdb(0, 5));
      expect(after.data.readUInt32BE(0)).to.equal(8);
      expect(after.data[4]).to.equal(1);
      expect(after.data.readUInt16BE(5)).to.equal(1);
      expect(after.data[7]).to.equal(0);
      expect(after.data.readUInt32BE(8)).to.equal(content.length);
      const again = await scsi.run(resultsCdb(0, 5));
      expect(again).to.include({ status: checkCondition, key: 5, asc: 0x2400 });
    });

    it('keeps its list identifier', async () => {
      const command = begin(5);
      await settle();
      const second = await copy([cscd(scsi.unit)], [], { listId: 5 });
      expect(second).to.include({ status: checkCondition, key: 5, asc: 0x0016 });
      gate.release();
      await command.done;
      expect((await copy([cscd(scsi.unit)], [], { listId: 5 })).status).to.equal(good);
    });

    it('ends when it is aborted, once nothing of it can touch the medium', async () => {
      const command = begin();
      await settle();
      const abort = scsi.target.abortTaskSet(scsi.nexus, 0);
      await settle();
      expect(command.ended).to.equal(false);
      gate.release();
      expect(await abort).to.equal('complete');
      expect((await command.done).aborted).to.equal(true);
      expect(scsi.buffers.usedBytes).to.equal(0);
      expect(slow.tasks.count).to.equal(0);
    });

    it('fails when a logical unit that it uses is reset', async () => {
      const command = begin();
      await settle();
      const reset = scsi.target.logicalUnitReset(scsi.nexus, 3);
      gate.release();
      expect(await reset).to.equal('complete');
      expect(await command.done).to.include({ status: checkCondition, key: 0xa, asc: 0x0d01 });
      const details = await scsi.run(resultsCdb(4, 5));
      expect(details.data[56]).to.equal(checkCondition);
      expect(details.data.readUInt16BE(58)).to.equal(18);
      expect(details.data[60 + 2]! & 0x0f).to.equal(0xa);
    });

    it('holds up taking a logical unit away until it no longer touches it', async () => {
      const command = begin();
      await settle();
      let gone = false;
      const unmapped = scsi.nexus.unmap(3).then(() => (gone = true));
      await settle();
      expect(gone).to.equal(false);
      gate.release();
      await unmapped;
      expect((await command.done).status).to.equal(checkCondition);
      expect(slow.tasks.count).to.equal(0);
    });

    it('keeps no results where it was told to discard them', async () => {
      await copy([cscd(scsi.unit)], [], { listId: 9, usage: 2 });
      expect((await scsi.run(resultsCdb(0, 9))).status).to.equal(checkCondition);
    });

    it('is forgotten with its nexus', async () => {
      await copy([cscd(scsi.unit)], [], { listId: 9 });
      const again = scsi.secondNexus(scsi.nexus.identity.initiatorName, 1);
      expect((await scsi.runOn(again, resultsCdb(0, 9))).status).to.equal(checkCondition);
    });
  });

  it('OPERATING PARAMETERS tells limits and descriptor types', async () => {
    const { data } = await scsi.run(resultsCdb(3));
    expect(data.readUInt32BE(0)).to.equal(data.length - 4);
    expect(data.readUInt32BE(12)).to.equal(data.readUInt16BE(8) * 32 + data.readUInt16BE(10) * 28);
    expect([...data.subarray(43)]).to.deep.equal([2, 0x02, 0xe4]);
  });

  it('keeps the results of a bounded number of copies', async () => {
    for (let listId = 1; listId <= 100; listId++) await copy([cscd(scsi.unit)], [], { listId });
    expect((await scsi.run(resultsCdb(0, 1))).status).to.equal(checkCondition);
    expect((await scsi.run(resultsCdb(0, 100))).status).to.equal(good);
  });
});
