import { expect } from 'chai';
import { BlockOp, MemoryDevice } from '../../../lib/block/index.ts';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import { modeSelect6, modeSense6, read10, write10 } from '../../fakes/cdbs.ts';
import { HeldDevice } from '../../fakes/held-device.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';
import type { ScsiAnswer } from '../../fakes/scsi-harness.ts';

const CACHING = 0x08;
const CONTROL = 0x0a;
const ALL = 0x3f;
const DBD = 0x08;

const cached = (): ScsiHarness =>
  new ScsiHarness({
    device: new HeldDevice(new MemoryDevice({ capacityBytes: 65536 }), {
      volatileWriteCache: true,
    }),
  });

/** Reads a page, changes one byte, and selects it. */
async function change(
  harness: ScsiHarness,
  page: number,
  byte: number,
  mask: number,
): Promise<ScsiAnswer> {
  const sensed = (await harness.run(modeSense6(page, 0, DBD))).data;
  const list = Buffer.concat([Buffer.alloc(4), sensed.subarray(4)]);
  list[4 + byte]! ^= mask;
  return harness.run(modeSelect6(list.length), { data: list });
}

const pageOf = async (harness: ScsiHarness, page: number, control = 0): Promise<Buffer> =>
  (await harness.run(modeSense6(page, control, DBD))).data.subarray(4);

describe('MODE SENSE', () => {
  it('tells all pages ascending, with block descriptor and DPOFUA', async () => {
    const { data } = await new ScsiHarness().run(modeSense6(ALL));
    expect(data[0]).to.equal(data.length - 1);
    expect(data[2]).to.equal(0x10);
    expect(data[3]).to.equal(8);
    expect(data.readUInt32BE(4)).to.equal(2048);
    expect(data.readUIntBE(9, 3)).to.equal(512);
    const codes: number[] = [];
    for (let at = 12; at < data.length; at += 2 + data[at + 1]!) codes.push(data[at]!);
    expect(codes).to.deep.equal([0x08, 0x0a, 0x1c]);
  });

  it('of 10 bytes tells the long block descriptor with LLBAA', async () => {
    const cdb = [0x5a, 0x10, ALL, 0, 0, 0, 0, 0, 255, 0];
    const { data } = await new ScsiHarness().run(cdb);
    expect(data.readUInt16BE(0)).to.equal(data.length - 2);
    expect([data[4], data.readUInt16BE(6)]).to.deep.equal([1, 16]);
    expect(Number(data.readBigUInt64BE(8))).to.equal(2048);
    expect(data.readUInt32BE(20)).to.equal(512);
  });

  it('shows write protection of a nexus that may only read', async () => {
    const { data } = await new ScsiHarness({ readOnly: true }).run(modeSense6(CONTROL));
    expect(data[2]).to.equal(0x90);
  });

  it('refuses saved values, unknown pages and subpages', async () => {
    const harness = new ScsiHarness();
    expect((await harness.run(modeSense6(CONTROL, 3))).asc).to.equal(0x3900);
    expect((await harness.run(modeSense6(0x02))).asc).to.equal(0x2400);
    expect((await harness.run([0x1a, 0, CONTROL, 1, 255, 0])).asc).to.equal(0x2400);
  });

  it('tells WCE as it is', async () => {
    expect((await pageOf(new ScsiHarness(), CACHING))[2]).to.equal(0);
    expect((await pageOf(cached(), CACHING))[2]).to.equal(0x04);
  });

  it('offers WCE as changeable only where there is a cache', async () => {
    expect((await pageOf(new ScsiHarness(), CACHING, 1))[2]).to.equal(0);
    expect((await pageOf(cached(), CACHING, 1))[2]).to.equal(0x04);
    expect((await pageOf(cached(), CACHING, 2))[2]).to.equal(0x04);
  });
});

describe('MODE SELECT', () => {
  it('turns the write cache off: what is in it and all that follows is durable', async () => {
    const harness = cached();
    expect((await change(harness, CACHING, 2, 0x04)).status).to.equal(ScsiStatus.good);
    await harness.run(write10(0, 1), { data: Buffer.alloc(512) });
    const { seen } = harness.device as HeldDevice;
    expect(seen.map(({ op, fua }) => [op, fua])).to.deep.equal([
      [BlockOp.flush, false],
      [BlockOp.write, true],
    ]);
  });

  it('refuses to turn on a cache that is not there', async () => {
    const answer = await change(new ScsiHarness(), CACHING, 2, 0x04);
    expect([answer.asc, answer.sense.readUInt16BE(16)]).to.deep.equal([0x2600, 6]);
  });

  it('refuses to change what is constant, and then changes nothing', async () => {
    const harness = new ScsiHarness();
    const pages = (await harness.run(modeSense6(ALL, 0, DBD))).data.subarray(4);
    const list = Buffer.concat([Buffer.alloc(4), pages]);
    list[4 + 20 + 2]! ^= 0x04;
    list[4 + 20 + 12 + 3]! ^= 0x01;
    expect((await harness.run(modeSelect6(list.length), { data: list })).asc).to.equal(0x2600);
    expect(harness.unit.modes.descriptorSense).to.equal(false);
  });

  it('with D_SENSE switches to descriptor sense data', async () => {
    const harness = new ScsiHarness();
    await change(harness, CONTROL, 2, 0x04);
    const { sense } = await harness.run(read10(4000, 1));
    expect([...sense.subarray(0, 4)]).to.deep.equal([0x72, 5, 0x21, 0]);
  });

  it('with SWP refuses writes of everybody, until it is taken back', async () => {
    const harness = new ScsiHarness();
    const data = Buffer.alloc(512);
    await change(harness, CONTROL, 4, 0x08);
    const answer = await harness.run(write10(0, 1), { data });
    expect([answer.key, answer.asc]).to.deep.equal([7, 0x2702]);
    expect((await harness.run(read10(0, 1))).status).to.equal(0);
    await change(harness, CONTROL, 4, 0x08);
    expect((await harness.run(write10(0, 1), { data })).status).to.equal(0);
  });

  it('tells the other nexuses once, and not who did it', async () => {
    const harness = new ScsiHarness();
    const other = harness.secondNexus();
    await change(harness, CONTROL, 5, 0x40);
    expect((await harness.run(read10(0, 1))).status).to.equal(0);
    const told = await harness.runOn(other, read10(0, 1));
    expect([told.key, told.asc]).to.deep.equal([6, 0x2a01]);
    expect((await harness.runOn(other, read10(0, 1))).status).to.equal(0);
  });

  it('that changes nothing tells nobody', async () => {
    const harness = new ScsiHarness();
    const other = harness.secondNexus();
    await change(harness, CONTROL, 5, 0);
    expect((await harness.runOn(other, read10(0, 1))).status).to.equal(0);
  });

  it('is not for a nexus that may only read', async () => {
    const answer = await change(new ScsiHarness({ readOnly: true }), CONTROL, 4, 0x08);
    expect([answer.key, answer.asc]).to.deep.equal([5, 0x2002]);
  });

  it('refuses SP, no PF, short lists, cut pages and a descriptor of other blocks', async () => {
    const harness = new ScsiHarness();
    const page = await pageOf(harness, CONTROL);
    const select = (list: Buffer, flags = 0x10) =>
      harness.run(modeSelect6(list.length, flags), { data: list });
    const list = Buffer.concat([Buffer.alloc(4), page]);
    expect((await select(list, 0x11)).asc, 'SP').to.equal(0x2400);
    expect((await select(list, 0x00)).asc, 'PF').to.equal(0x2400);
    expect((await select(Buffer.alloc(3))).asc, 'short').to.equal(0x1a00);
    expect((await select(list.subarray(0, 10))).asc, 'cut').to.equal(0x1a00);
    const descriptor = Buffer.from([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 16, 0]);
    expect((await select(descriptor)).asc, 'blocks of 4096').to.equal(0x2600);
    descriptor[10] = 2;
    expect((await select(descriptor)).status, 'blocks of 512').to.equal(0);
  });

  it('of nothing is no error', async () => {
    expect((await new ScsiHarness().run(modeSelect6(0))).status).to.equal(0);
  });
});
