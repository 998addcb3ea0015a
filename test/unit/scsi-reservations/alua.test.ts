import { expect } from 'chai';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import { ScsiHarness, bytesOf } from '../../fakes/scsi-harness.ts';

const reportTargetPortGroups = (format = 0, allocationBytes = 256): number[] => [
  0xa3,
  (format << 5) | 0x0a,
  0,
  0,
  0,
  0,
  ...bytesOf(allocationBytes, 4),
  0,
  0,
];

describe('REPORT TARGET PORT GROUPS', () => {
  it('tells one group, active/optimized, with the port of the nexus', async () => {
    const scsi = new ScsiHarness();
    const { data } = await scsi.run(reportTargetPortGroups());
    expect(data.toString('hex')).to.equal('0000000c' + '0001000100000001' + '00000001');
  });

  it('has the extended header where asked for', async () => {
    const scsi = new ScsiHarness();
    const { data } = await scsi.run(reportTargetPortGroups(1));
    expect(data.toString('hex')).to.equal('0000001010000000' + '0001000100000001' + '00000001');
  });

  it('names group and port as the Device Identification page does', async () => {
    const scsi = new ScsiHarness();
    const nexus = scsi.openNexus('iqn.2026-11.test:other', 3, 7);
    scsi.map(nexus, 0, scsi.unit);
    const { data } = await scsi.runOn(nexus, reportTargetPortGroups());
    const vpd = (await scsi.runOn(nexus, [0x12, 1, 0x83, 1, 0, 0])).data.toString('hex');
    const designator = (type: number, value: number): string =>
      `5${1}9${type}0004` + value.toString(16).padStart(8, '0');
    expect(vpd).to.contain(designator(5, data.readUInt16BE(6)));
    expect(vpd).to.contain(designator(4, data.readUInt16BE(14)));
  });

  it('refuses reserved formats', async () => {
    const scsi = new ScsiHarness();
    const answer = await scsi.run(reportTargetPortGroups(2));
    expect(answer).to.include({ status: ScsiStatus.checkCondition, key: 5, asc: 0x2400 });
  });

  it('is not accompanied by SET TARGET PORT GROUPS', async () => {
    const scsi = new ScsiHarness();
    const answer = await scsi.run([0xa4, 0x0a, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0]);
    expect(answer).to.include({ status: ScsiStatus.checkCondition, key: 5, asc: 0x2000 });
  });
});
