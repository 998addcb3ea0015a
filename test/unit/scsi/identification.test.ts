import { expect } from 'chai';
import { MemoryDevice } from '../../../lib/block/index.ts';
import { ScsiStatus, UnitIdentity } from '../../../lib/scsi/index.ts';
import { inquiry, readCapacity16, reportLuns } from '../../fakes/cdbs.ts';
import { HeldDevice } from '../../fakes/held-device.ts';
import { ScsiHarness, bytesOf } from '../../fakes/scsi-harness.ts';

const UUID_1 = '11111111-2222-4333-8444-555555555555';
const UUID_2 = '11111111-2222-4333-9444-555555555556';

interface Designator {
  readonly association: number;
  readonly type: number;
  readonly value: Buffer;
}

function designators(page: Buffer): Designator[] {
  const list: Designator[] = [];
  for (let at = 4; at < page.length; at += 4 + page[at + 3]!) {
    const value = page.subarray(at + 4, at + 4 + page[at + 3]!);
    list.push({ association: (page[at + 1]! >> 4) & 3, type: page[at + 1]! & 0xf, value });
  }
  return list;
}

describe('INQUIRY', () => {
  it('tells a direct access device of SPC-4 with vendor, product and revision', async () => {
    const { data } = await new ScsiHarness().run(inquiry());
    expect([data[0], data[1], data[2], data[4]]).to.deep.equal([0, 0, 6, data.length - 5]);
    expect(data.toString('latin1', 8, 36)).to.match(/^HAWSER {2}Virtual Disk {4}\d{4}$/);
    expect(data.readUInt16BE(64)).to.equal(0x04c0);
  });

  it('is cut to the allocation length', async () => {
    const harness = new ScsiHarness();
    const whole = (await harness.run(inquiry())).data;
    for (const bytes of [0, 1, 5, 36, 95, 96, 97]) {
      const { status, data } = await harness.run(inquiry(-1, bytes));
      expect(status).to.equal(ScsiStatus.good);
      expect(data).to.deep.equal(whole.subarray(0, bytes));
    }
  });

  it('refuses a page code without EVPD, and pages that are not there', async () => {
    const harness = new ScsiHarness();
    expect((await harness.run([0x12, 0, 1, 1, 0, 0])).asc).to.equal(0x2400);
    expect((await harness.run(inquiry(0xc5))).asc).to.equal(0x2400);
  });

  it('answers where there is no logical unit that none is there', async () => {
    const { status, data } = await new ScsiHarness().run(inquiry(), { lun: 5 });
    expect(status).to.equal(ScsiStatus.good);
    expect(data[0]).to.equal(0x7f);
  });

  it('lists its vital product data pages ascending, and each can be read', async () => {
    const harness = new ScsiHarness();
    const { data } = await harness.run(inquiry(0));
    const pages = [...data.subarray(4)];
    expect(pages).to.deep.equal([0x00, 0x80, 0x83, 0x86, 0x8f, 0xb0, 0xb1, 0xb2]);
    for (const code of pages) {
      const page = (await harness.run(inquiry(code))).data;
      expect(page[1]).to.equal(code);
      expect(page.readUInt16BE(2)).to.equal(page.length - 4);
    }
  });

  it('names the unit by NAA and serial from its UUID, whichever port is asked', async () => {
    const harness = new ScsiHarness();
    const other = harness.openNexus('iqn.2026-11.test:host9', 9, 7);
    harness.map(other, 3, harness.unit);
    const one = designators((await harness.run(inquiry(0x83))).data);
    const two = designators((await harness.runOn(other, inquiry(0x83), { lun: 3 })).data);
    const ofUnit = (list: Designator[]) => list.filter(({ association }) => association === 0);
    expect(ofUnit(two)).to.deep.equal(ofUnit(one));
    expect(ofUnit(one)[0]!.value[0]! >> 4).to.equal(3);
    const port = (list: Designator[]) => list.find(({ type }) => type === 4)!.value.readUInt16BE(2);
    expect([port(one), port(two)]).to.deep.equal([1, 7]);
  });

  it('tells port, port group and target by name', async () => {
    const list = designators((await new ScsiHarness().run(inquiry(0x83))).data);
    const name = (association: number) =>
      list.find((each) => each.association === association && each.type === 8)!.value;
    expect(name(1).toString()).to.match(/^iqn\.2026-11\.test:target,t,0x0001\0+$/);
    expect(name(1).length % 4).to.equal(0);
    expect(name(2).toString()).to.match(/^iqn\.2026-11\.test:target\0+$/);
  });

  it('gives different UUIDs different names', () => {
    const [one, two] = [new UnitIdentity(UUID_1), new UnitIdentity(UUID_2)];
    expect(one.serial).not.to.equal(two.serial);
    expect(one.naa.equals(two.naa)).to.equal(false);
    expect(new UnitIdentity(UUID_1.toUpperCase()).naa.equals(one.naa)).to.equal(true);
  });

  it('tells its limits', async () => {
    const harness = new ScsiHarness();
    const { data } = await harness.run(inquiry(0xb0));
    expect(data.length).to.equal(64);
    expect(data[4]! & 1, 'WSNZ').to.equal(0);
    expect(data[5]).to.equal(255);
    expect(data.readUInt32BE(8)).to.equal(8192);
    expect(data.readUInt32BE(20)).to.equal(2 ** 20);
    expect(data.readUInt32BE(24)).to.equal(256);
    expect(Number(data.readBigUInt64BE(36))).to.equal(65535);
    expect(data.readUInt32BE(44)).to.equal(256);
  });

  it('offers no unmapping where the device has none', async () => {
    const memory = new MemoryDevice({ capacityBytes: 65536 });
    const device = new HeldDevice(memory, { unmap: false, rotational: true });
    const harness = new ScsiHarness({ device });
    const limits = (await harness.run(inquiry(0xb0))).data;
    expect(limits.subarray(20, 36).every((byte) => byte === 0)).to.equal(true);
    expect((await harness.run(inquiry(0xb2))).data[5]).to.equal(0);
    expect((await harness.run(inquiry(0xb1))).data.readUInt16BE(4)).to.equal(0);
  });
});

describe('READ CAPACITY', () => {
  it('tells the last LBA, block size, physical blocks and LBPRZ', async () => {
    const { data } = await new ScsiHarness().run(readCapacity16());
    expect(Number(data.readBigUInt64BE(0))).to.equal(2047);
    expect(data.readUInt32BE(8)).to.equal(512);
    expect([data[13], data[14]]).to.deep.equal([3, 0xc0]);
  });

  it('of 10 bytes tells FFFFFFFFh above 2 TiB', async () => {
    const cdb = [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const small = await new ScsiHarness().run(cdb);
    expect(small.data.readUInt32BE(0)).to.equal(2047);
    const large = new ScsiHarness({ capacityBytes: 2 ** 41 + 512 });
    expect((await large.run(cdb)).data.readUInt32BE(0)).to.equal(0xffffffff);
    const { data } = await large.run(readCapacity16());
    expect(Number(data.readBigUInt64BE(0))).to.equal(2 ** 32);
  });

  it('READ DEFECT DATA reports no defects', async () => {
    const harness = new ScsiHarness();
    const ten = await harness.run([0x37, 0, 0x1d, 0, 0, 0, 0, 0, 32, 0]);
    expect([...ten.data]).to.deep.equal([0, 0x1d, 0, 0]);
    const twelve = await harness.run([0xb7, 0x1d, 0, 0, 0, 0, ...bytesOf(32, 4), 0, 0]);
    expect([...twelve.data]).to.deep.equal([0, 0x1d, 0, 0, 0, 0, 0, 0]);
  });
});

describe('REPORT LUNS', () => {
  it('lists the LUNs of the nexus that asks, on any LUN', async () => {
    const harness = new ScsiHarness();
    harness.map(harness.nexus, 300, harness.makeUnit(harness.device, UUID_1));
    harness.map(harness.nexus, 7, harness.makeUnit(harness.device, UUID_2));
    const { data } = await harness.run(reportLuns(), { lun: 99 });
    expect(data.readUInt32BE(0)).to.equal(24);
    const luns = [8, 16, 24].map((at) => data.readUInt16BE(at));
    expect(luns).to.deep.equal([0, 7, 0x4000 | 300]);
  });

  it('lists nothing of another nexus', async () => {
    const harness = new ScsiHarness();
    const stranger = harness.openNexus('iqn.2026-11.test:stranger');
    const { data } = await harness.runOn(stranger, reportLuns());
    expect([...data]).to.deep.equal([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  for (const [select, bytes] of [
    [0x00, 16],
    [0x01, 8],
    [0x02, 16],
    [0x10, 8],
    [0x11, 16],
    [0x12, 8],
  ] as const) {
    it(`takes SELECT REPORT ${select}`, async () => {
      expect((await new ScsiHarness().run(reportLuns(select))).data.length).to.equal(bytes);
    });
  }

  it('refuses another SELECT REPORT', async () => {
    expect((await new ScsiHarness().run(reportLuns(0x13))).asc).to.equal(0x2400);
  });
});
