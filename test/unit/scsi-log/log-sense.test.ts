import { expect } from 'chai';
import { MemoryDevice, promiseFace } from '../../../lib/block/index.ts';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import { ScsiHarness, bytesOf } from '../../fakes/scsi-harness.ts';

const { good, checkCondition } = ScsiStatus;
const MIB = 1024 * 1024;
const read10 = [0x28, 0, 0, 0, 0, 1, 0, 0, 2, 0];
const write10 = [0x2a, 0, 0, 0, 0, 1, 0, 0, 3, 0];

interface LogFields {
  readonly subpage?: number;
  readonly control?: number;
  readonly pointer?: number;
  readonly allocationBytes?: number;
  readonly save?: boolean;
}

const logSense = (page: number, fields: LogFields = {}): number[] => [
  0x4d,
  fields.save === true ? 1 : 0,
  ((fields.control ?? 1) << 6) | page,
  fields.subpage ?? 0,
  0,
  ...bytesOf(fields.pointer ?? 0, 2),
  ...bytesOf(fields.allocationBytes ?? 1024, 2),
  0,
];

class ThickDevice extends MemoryDevice {
  override readonly features = {
    ...new MemoryDevice({ capacityBytes: MIB }).features,
    unmap: false,
    thin: false,
  };
}

/** Values of a page by parameter code. */
function parametersOf(page: Buffer): Map<number, Buffer> {
  const parameters = new Map<number, Buffer>();
  expect(page.readUInt16BE(2)).to.equal(page.length - 4);
  for (let at = 4; at < page.length; at += 4 + page[at + 3]!) {
    parameters.set(page.readUInt16BE(at), page.subarray(at + 4, at + 4 + page[at + 3]!));
  }
  return parameters;
}

describe('LOG SENSE', () => {
  let device: MemoryDevice;
  let scsi: ScsiHarness;
  beforeEach(() => {
    device = new MemoryDevice({ capacityBytes: 64 * MIB });
    scsi = new ScsiHarness({ device });
  });

  const page = async (code: number, fields: LogFields = {}): Promise<Buffer> => {
    const answer = await scsi.run(logSense(code, fields));
    expect(answer.status).to.equal(good);
    return answer.data;
  };

  it('lists its pages in ascending order, each of which it has', async () => {
    const codes = [...(await page(0)).subarray(4)];
    expect(codes).to.deep.equal([0x00, 0x02, 0x03, 0x0c, 0x19, 0x2f]);
    for (const code of codes) expect((await page(code))[0]! & 0x3f).to.equal(code);
  });

  it('lists its subpages', async () => {
    const data = await page(0, { subpage: 0xff });
    expect(data.subarray(0, 2).toString('hex')).to.equal('c0ff');
    expect(data.readUInt16BE(2)).to.equal(data.length - 4);
    expect(data.subarray(4, 8).toString('hex')).to.equal('000000ff');
  });

  it('counts commands and blocks in General Statistics and Performance', async () => {
    await scsi.run(read10);
    await scsi.run(read10);
    await scsi.run(write10, { data: Buffer.alloc(3 * 512) });
    const value = parametersOf(await page(0x19)).get(1)!;
    const words = [0, 8, 16, 24].map((at) => Number(value.readBigUInt64BE(at)));
    expect(words).to.deep.equal([2, 1, 3, 4]);
  });

  it('counts bytes and uncorrected errors in the error counter pages', async () => {
    scsi.unit.counters.readErrors = 5;
    await scsi.run(write10, { data: Buffer.alloc(3 * 512) });
    const reads = parametersOf(await page(0x03));
    expect(reads.get(6)!.readBigUInt64BE(0)).to.equal(5n);
    const writes = parametersOf(await page(0x02));
    expect(writes.get(5)!.readBigUInt64BE(0)).to.equal(1536n);
    expect(writes.get(6)!.readBigUInt64BE(0)).to.equal(0n);
  });

  it('tells storage in use in sets of the threshold exponent of VPD B2', async () => {
    await promiseFace(device).write(0, Buffer.alloc(3 * MIB, 1));
    await promiseFace(device).write(32 * MIB, Buffer.alloc(4096, 1));
    const vpd = await scsi.run([0x12, 1, 0xb2, 0, 255, 0]);
    const setBytes = 512 * 2 ** vpd.data[4]!;
    const used = parametersOf(await page(0x0c)).get(2)!;
    expect(used.readUInt32BE(0)).to.equal(Math.ceil((3 * MIB + 4096) / setBytes));
  });

  it('has no provisioning page where the device gives no storage back', async () => {
    const thick = new ThickDevice({ capacityBytes: MIB });
    const plain = new ScsiHarness({ device: thick });
    const answer = await plain.run(logSense(0x0c));
    expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x2400 });
  });

  it('predicts no failure', async () => {
    const value = parametersOf(await page(0x2f)).get(0)!;
    expect(value.subarray(0, 2).toString('hex')).to.equal('0000');
  });

  it('tells default values as zeros', async () => {
    await scsi.run(read10);
    const value = parametersOf(await page(0x19, { control: 3 })).get(1)!;
    expect(value.equals(Buffer.alloc(64))).to.equal(true);
  });

  it('begins at the parameter pointer', async () => {
    const parameters = parametersOf(await page(0x03, { pointer: 5 }));
    expect([...parameters.keys()]).to.deep.equal([5, 6]);
  });

  it('is cut at the allocation length, not in its page length', async () => {
    const whole = await page(0x19);
    const cut = await page(0x19, { allocationBytes: 8 });
    expect(cut.equals(whole.subarray(0, 8))).to.equal(true);
  });

  it('refuses unknown pages and subpages, thresholds and saving', async () => {
    const wrong = [
      logSense(0x3f),
      logSense(0x19, { subpage: 1 }),
      logSense(0x00, { subpage: 1 }),
      logSense(0x19, { control: 0 }),
      logSense(0x19, { control: 2 }),
      logSense(0x19, { save: true }),
    ];
    for (const cdb of wrong) {
      expect(await scsi.run(cdb)).to.include({ status: checkCondition, key: 5, asc: 0x2400 });
    }
  });
});
