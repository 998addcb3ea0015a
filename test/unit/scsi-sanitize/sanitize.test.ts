import { expect } from 'chai';
import { MemoryDevice, promiseFace } from '../../../lib/block/index.ts';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import type { ItNexus } from '../../../lib/scsi/index.ts';
import { ScsiHarness, bytesOf } from '../../fakes/scsi-harness.ts';
import type { PendingCommand, ScsiAnswer } from '../../fakes/scsi-harness.ts';

const { good, checkCondition, reservationConflict } = ScsiStatus;
const MIB = 1024 * 1024;
const CAPACITY_BYTES = 5 * MIB;
const OVERWRITE = 1;
const BLOCK_ERASE = 2;
const CRYPTO_ERASE = 3;
const EXIT_FAILURE_MODE = 0x1f;
const IMMED = 0x80;
const AUSE = 0x20;

const testUnitReady = [0x00, 0, 0, 0, 0, 0];
const requestSense = [0x03, 0, 0, 0, 18, 0];
const inquiry = [0x12, 0, 0, 0, 96, 0];
const read10 = [0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0];
const startUnit = [0x1b, 0, 0, 0, 0x01, 0];

const sanitizeCdb = (action: number, listBytes: number, flags = 0): number[] => [
  0x48,
  flags | action,
  ...new Array<number>(5).fill(0),
  ...bytesOf(listBytes, 2),
  0,
];

/** Fails what it is told to fail. */
class FailingDevice extends MemoryDevice {
  failing = false;
  override submit(request: Parameters<MemoryDevice['submit']>[0]): void {
    if (this.failing && request.offsetBytes >= 2 * MIB) {
      queueMicrotask(() => {
        request.outcome = 1;
        request.onDone(request);
      });
    } else super.submit(request);
  }
}

describe('SANITIZE', () => {
  let device: FailingDevice;
  let scsi: ScsiHarness;

  beforeEach(async () => {
    device = new FailingDevice({ capacityBytes: CAPACITY_BYTES });
    scsi = new ScsiHarness({ device });
    await promiseFace(device).write(0, Buffer.alloc(CAPACITY_BYTES, 'a'));
  });

  const overwriteList = (pattern: Buffer, count = 1, flags = 0): Buffer =>
    Buffer.concat([Buffer.from([flags | count, 0, ...bytesOf(pattern.length, 2)]), pattern]);
  const begin = (
    action: number,
    list: Buffer = Buffer.alloc(0),
    flags = 0,
    nexus: ItNexus = scsi.nexus,
  ): PendingCommand =>
    scsi.begin(nexus, sanitizeCdb(action, list.length, flags), { data: list }).run();
  const run = (action: number, list?: Buffer, flags = 0): Promise<ScsiAnswer> =>
    begin(action, list, flags).done;
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 4; turn++) await new Promise((done) => setImmediate(done));
  };
  /** Lets time pass until the command has ended. @returns how much, in milliseconds. */
  const waitFor = async (isDone: () => boolean): Promise<number> => {
    const from = scsi.timers.now;
    while (!isDone()) {
      scsi.timers.advance(50);
      await settle();
      if (scsi.timers.now - from > 60_000) throw new Error('never ends');
    }
    return scsi.timers.now - from;
  };
  const content = async (): Promise<Buffer> => {
    const into = Buffer.alloc(CAPACITY_BYTES);
    await promiseFace(device).read(0, into);
    return into;
  };
  const isSanitizing = { status: checkCondition, key: 2, asc: 0x041b };

  describe('OVERWRITE', () => {
    it('writes the pattern over every block, repeated from each block on', async () => {
      const pattern = Buffer.from('sanitized');
      const command = begin(OVERWRITE, overwriteList(pattern));
      await waitFor(() => command.ended);
      expect((await command.done).status).to.equal(good);
      const block = Buffer.alloc(512, pattern);
      const expected = Buffer.alloc(CAPACITY_BYTES, block);
      expect((await content()).equals(expected)).to.equal(true);
    });

    it('inverts the pattern on every second pass where told to', async () => {
      const command = begin(OVERWRITE, overwriteList(Buffer.from([0x0f]), 2, 0x80));
      await waitFor(() => command.ended);
      expect((await content()).equals(Buffer.alloc(CAPACITY_BYTES, 0xf0))).to.equal(true);
    });

    it('takes a few seconds even where the medium is fast, so that hosts can see it', async () => {
      const command = begin(OVERWRITE, overwriteList(Buffer.from([1])));
      const tookMs = await waitFor(() => command.ended);
      expect(tookMs).to.be.within(8000, 8100);
    });

    it('leaves no memory, range or time-out behind', async () => {
      const command = begin(OVERWRITE, overwriteList(Buffer.from([1])));
      await waitFor(() => command.ended);
      await command.done;
      expect(scsi.buffers.usedBytes).to.equal(0);
      expect(scsi.unit.ranges.count).to.equal(0);
    });

    for (const bytes of [0, 1, 4, 512 + 5]) {
      it(`refuses a parameter list of ${bytes} bytes`, async () => {
        expect(await run(OVERWRITE, Buffer.alloc(bytes, 1))).to.include({ key: 5, asc: 0x2400 });
      });
    }

    const wrong: [string, Buffer, number][] = [
      ['an overwrite count of 0', overwriteList(Buffer.alloc(512), 0), 0x2600],
      ['a pattern of no length', Buffer.from([1, 0, 0, 0, 9]), 0x2600],
      ['a pattern longer than a block', Buffer.from([1, 0, 2, 1, ...new Uint8Array(512)]), 0x2600],
      ['a pattern longer than the list', Buffer.from([1, 0, 0, 2, 9]), 0x1a00],
      ['a test mode', overwriteList(Buffer.from([1]), 1, 0x20), 0x2600],
    ];
    for (const [name, list, asc] of wrong) {
      it(`refuses ${name} and changes nothing`, async () => {
        expect(await run(OVERWRITE, list)).to.include({ status: checkCondition, key: 5, asc });
        expect((await scsi.run(testUnitReady)).status).to.equal(good);
        expect((await content()).equals(Buffer.alloc(CAPACITY_BYTES, 'a'))).to.equal(true);
      });
    }
  });

  describe('BLOCK ERASE', () => {
    it('leaves zeros and gives the storage back', async () => {
      expect((await run(BLOCK_ERASE)).status).to.equal(good);
      expect((await content()).equals(Buffer.alloc(CAPACITY_BYTES))).to.equal(true);
      const extents = await device.extents(0, CAPACITY_BYTES);
      expect(extents.map(({ kind }) => kind)).to.deep.equal(['zero']);
    });

    it('refuses a parameter list', async () => {
      expect(await run(BLOCK_ERASE, Buffer.alloc(8))).to.include({ key: 5, asc: 0x2400 });
    });
  });

  describe('in progress', () => {
    let command: PendingCommand;
    beforeEach(async () => {
      command = begin(OVERWRITE, overwriteList(Buffer.from([7])));
      scsi.timers.advance(4000);
      await settle();
    });

    it('refuses media commands, START STOP UNIT and another SANITIZE', async () => {
      const list = overwriteList(Buffer.from([7]));
      for (const cdb of [testUnitReady, read10, startUnit, sanitizeCdb(BLOCK_ERASE, 0)]) {
        expect(await scsi.run(cdb), `opcode ${cdb[0]}`).to.include(isSanitizing);
      }
      expect(await run(OVERWRITE, list)).to.include(isSanitizing);
    });

    it('answers INQUIRY and tells REQUEST SENSE its progress', async () => {
      expect((await scsi.run(inquiry)).status).to.equal(good);
      const { data } = await scsi.run(requestSense);
      expect(data[2]! & 0x0f).to.equal(2);
      expect(data.readUInt16BE(12)).to.equal(0x041b);
      expect(data[15]! & 0x80).to.equal(0x80);
      expect(data.readUInt16BE(16)).to.be.within(0.3 * 65536, 0.6 * 65536);
    });

    it('goes on through abort, reset and the end of the session', async () => {
      expect(await scsi.target.abortTaskSet(scsi.nexus, 0)).to.equal('complete');
      expect((await command.done).aborted).to.equal(true);
      expect(await scsi.target.logicalUnitReset(scsi.nexus, 0)).to.equal('complete');
      await scsi.target.closeNexus(scsi.nexus);
      const again = scsi.secondNexus();
      expect(await scsi.runOn(again, testUnitReady)).to.include(isSanitizing);
      await waitFor(() => scsi.unit.notReady === null);
      expect((await scsi.runOn(again, testUnitReady)).status).to.equal(good);
      expect((await content()).equals(Buffer.alloc(CAPACITY_BYTES, 7))).to.equal(true);
    });

    it('ends with the unit', async () => {
      await scsi.unit.close();
      expect(scsi.buffers.usedBytes - (command.task.buffer?.capacityBytes ?? 0)).to.equal(0);
      expect(scsi.unit.ranges.count).to.equal(0);
    });
  });

  it('with IMMED is good at once and goes on', async () => {
    const answer = await run(OVERWRITE, overwriteList(Buffer.from([7])), IMMED);
    expect(answer.status).to.equal(good);
    expect(await scsi.run(testUnitReady)).to.include(isSanitizing);
    await waitFor(() => scsi.unit.notReady === null);
    expect((await content()).equals(Buffer.alloc(CAPACITY_BYTES, 7))).to.equal(true);
  });

  it('waits for a write that began before it', async () => {
    scsi.unit.ranges.enter({
      lba: 0,
      blocks: 1,
      exclusive: true,
      touching: false,
      rangeGranted: () => undefined,
    });
    const command = begin(BLOCK_ERASE);
    await settle();
    expect(command.ended).to.equal(false);
    expect((await content()).equals(Buffer.alloc(CAPACITY_BYTES, 'a'))).to.equal(true);
  });

  describe('that fails', () => {
    /** Begins an overwrite that fails. */
    const fail = async (flags = 0): Promise<void> => {
      const command = begin(OVERWRITE, overwriteList(Buffer.from([7])), flags);
      device.failing = true;
      await waitFor(() => command.ended);
      expect(await command.done).to.include({ status: checkCondition, key: 3, asc: 0x3103 });
      device.failing = false;
    };

    it('keeps the medium shut until another one succeeds', async () => {
      await fail();
      expect(await scsi.run(read10)).to.include({ status: checkCondition, key: 3, asc: 0x3103 });
      expect((await run(BLOCK_ERASE)).status).to.equal(good);
      expect((await scsi.run(read10)).status).to.equal(good);
    });

    it('is left by EXIT FAILURE MODE where AUSE allowed that', async () => {
      await fail(AUSE);
      expect((await run(EXIT_FAILURE_MODE)).status).to.equal(good);
      expect((await scsi.run(read10)).status).to.equal(good);
    });

    it('is not left by EXIT FAILURE MODE where AUSE did not allow it', async () => {
      await fail();
      expect(await run(EXIT_FAILURE_MODE)).to.include({ key: 5, asc: 0x2400 });
      expect((await scsi.run(read10)).status).to.equal(checkCondition);
    });
  });

  it('EXIT FAILURE MODE is good where nothing has failed, and takes no parameter list', async () => {
    expect((await run(EXIT_FAILURE_MODE)).status).to.equal(good);
    expect(await run(EXIT_FAILURE_MODE, Buffer.alloc(8))).to.include({ key: 5, asc: 0x2400 });
  });

  for (const action of [0, CRYPTO_ERASE, 4, 0x1e]) {
    it(`refuses service action ${action}`, async () => {
      expect(await run(action)).to.include({ status: checkCondition, key: 5, asc: 0x2400 });
    });
  }

  it('refuses reserved bits', async () => {
    for (let byte = 1; byte < 7; byte++) {
      const cdb = sanitizeCdb(BLOCK_ERASE, 0);
      cdb[byte]! |= 0x40;
      expect(await scsi.run(cdb)).to.include({ status: checkCondition, key: 5, asc: 0x2400 });
    }
  });

  it('is refused where the nexus may only read, writes are protected, or another nexus has reserved', async () => {
    const reader = scsi.openNexus('iqn.2026-11.test:reader', 8);
    scsi.map(reader, 0, scsi.unit, true);
    const byReader = await begin(BLOCK_ERASE, undefined, 0, reader).done;
    expect(byReader).to.include({ status: checkCondition, key: 7, asc: 0x2700 });
    scsi.unit.modes.softwareWriteProtect = true;
    expect(await run(BLOCK_ERASE)).to.include({ status: checkCondition, key: 7 });
    scsi.unit.modes.softwareWriteProtect = false;
    const two = scsi.secondNexus();
    await scsi.runOn(two, [0x16, 0, 0, 0, 0, 0]);
    expect((await run(BLOCK_ERASE)).status).to.equal(reservationConflict);
  });
});
