import { expect } from 'chai';
import { MemoryDevice } from '../../../lib/block/index.ts';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import { inquiry, read10, reportLuns, requestSense, testUnitReady } from '../../fakes/cdbs.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';

const UUID_1 = '11111111-2222-4333-8444-555555555555';

describe('unit attention', () => {
  function fresh() {
    const harness = new ScsiHarness();
    const nexus = harness.openNexus('iqn.2026-11.test:new', 5);
    nexus.map(0, harness.unit, { readOnly: false });
    return { harness, nexus };
  }

  it('of power on is told to a new nexus, once', async () => {
    const { harness, nexus } = fresh();
    const first = await harness.runOn(nexus, testUnitReady);
    expect([first.status, first.key, first.asc]).to.deep.equal([2, 6, 0x2900]);
    expect((await harness.runOn(nexus, testUnitReady)).status).to.equal(ScsiStatus.good);
  });

  it('is not told by INQUIRY and REPORT LUNS, which go through', async () => {
    const { harness, nexus } = fresh();
    expect((await harness.runOn(nexus, inquiry())).status).to.equal(ScsiStatus.good);
    expect((await harness.runOn(nexus, reportLuns())).status).to.equal(ScsiStatus.good);
    expect((await harness.runOn(nexus, testUnitReady)).asc).to.equal(0x2900);
  });

  it('is told by REQUEST SENSE as data, and then is gone', async () => {
    const { harness, nexus } = fresh();
    const answer = await harness.runOn(nexus, requestSense());
    expect(answer.status).to.equal(ScsiStatus.good);
    expect([answer.data[0], answer.data[2], answer.data.readUInt16BE(12)]).to.deep.equal([
      0x70, 6, 0x2900,
    ]);
    expect((await harness.runOn(nexus, testUnitReady)).status).to.equal(ScsiStatus.good);
  });

  it('comes before the refusal of the command itself', async () => {
    const { harness, nexus } = fresh();
    expect((await harness.runOn(nexus, [0xc1])).asc).to.equal(0x2900);
    expect((await harness.runOn(nexus, [0xc1])).asc).to.equal(0x2000);
  });

  it('is told in order, resets first, each once', async () => {
    const harness = new ScsiHarness();
    const itl = harness.nexus.units.get(0)!;
    itl.addUnitAttention('capacityChanged');
    itl.addUnitAttention('modeParametersChanged');
    itl.addUnitAttention('capacityChanged');
    itl.addUnitAttention('deviceReset');
    const told: number[] = [];
    for (let count = 0; count < 4; count++) told.push((await harness.run(testUnitReady)).asc);
    expect(told).to.deep.equal([0x2903, 0x2a09, 0x2a01, 0]);
  });

  it('of a larger capacity reaches every nexus, and the new blocks are there', async () => {
    const device = new MemoryDevice({ capacityBytes: 512 * 100 });
    const harness = new ScsiHarness({ device });
    const other = harness.secondNexus();
    expect((await harness.run(read10(100, 1))).asc).to.equal(0x2100);
    device.grow(512 * 200);
    expect((await harness.run(read10(100, 1))).asc).to.equal(0x2a09);
    expect((await harness.run(read10(100, 1))).status).to.equal(ScsiStatus.good);
    expect((await harness.runOn(other, read10(100, 1))).asc).to.equal(0x2a09);
  });

  it('of a changed LUN map is told on the other LUNs of a nexus in use', async () => {
    const harness = new ScsiHarness();
    await harness.run(testUnitReady);
    harness.nexus.map(3, harness.makeUnit(harness.device, UUID_1), { readOnly: false });
    expect((await harness.run(testUnitReady)).asc).to.equal(0x3f0e);
    expect((await harness.run(testUnitReady, { lun: 3 })).asc).to.equal(0x2900);
    await harness.nexus.unmap(3);
    expect((await harness.run(testUnitReady)).asc).to.equal(0x3f0e);
    expect((await harness.run(testUnitReady, { lun: 3 })).asc).to.equal(0x2500);
  });

  it('of a changed LUN map is settled by REPORT LUNS', async () => {
    const harness = new ScsiHarness();
    await harness.run(testUnitReady);
    harness.nexus.map(3, harness.makeUnit(harness.device, UUID_1), { readOnly: false });
    await harness.run(reportLuns());
    expect((await harness.run(testUnitReady)).status).to.equal(ScsiStatus.good);
  });

  it('is passed to the transport when it comes up', () => {
    const harness = new ScsiHarness();
    const told: number[][] = [];
    harness.nexus.onUnitAttention = (lun, asc, ascq) => told.push([lun, asc, ascq]);
    harness.unit.attention('capacityChanged');
    harness.unit.attention('capacityChanged');
    expect(told).to.deep.equal([[0, 0x2a, 0x09]]);
  });
});

describe('REQUEST SENSE', () => {
  it('without anything to tell gives NO SENSE, in the format asked for', async () => {
    const harness = new ScsiHarness();
    const fixed = (await harness.run(requestSense())).data;
    expect([fixed.length, fixed[0], fixed[2]]).to.deep.equal([18, 0x70, 0]);
    const descriptor = (await harness.run(requestSense(true))).data;
    expect([descriptor.length, descriptor[0], descriptor[1]]).to.deep.equal([8, 0x72, 0]);
  });

  it('for a LUN that is not there tells so with status GOOD', async () => {
    const answer = await new ScsiHarness().run(requestSense(), { lun: 4 });
    expect(answer.status).to.equal(ScsiStatus.good);
    expect([answer.data[2], answer.data.readUInt16BE(12)]).to.deep.equal([5, 0x2500]);
  });

  it('tells why a closed unit is not ready', async () => {
    const harness = new ScsiHarness();
    await harness.unit.close();
    expect((await harness.run(requestSense())).data.readUInt16BE(12)).to.equal(0x0400);
    const answer = await harness.run(read10(0, 1));
    expect([answer.key, answer.asc]).to.deep.equal([2, 0x0400]);
  });
});
