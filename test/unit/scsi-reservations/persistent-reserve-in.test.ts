import { expect } from 'chai';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';
import { MemoryStore, Prout, PrType, prin, prout, transportIdOf } from './pr-commands.ts';

const KEY = 0xabcdn;

describe('PERSISTENT RESERVE IN', () => {
  it('READ KEYS tells the whole length where the allocation length cuts the keys off', async () => {
    const scsi = new ScsiHarness();
    await prout(scsi, scsi.nexus, Prout.registerAndIgnore, { newKey: KEY });
    const { data, status } = await prin(scsi, scsi.nexus, 0, 8);
    expect(status).to.equal(ScsiStatus.good);
    expect(data.length).to.equal(8);
    expect(data.readUInt32BE(4)).to.equal(8);
  });

  it('REPORT CAPABILITIES tells all six types and, with a store, PTPL_C', async () => {
    const scsi = new ScsiHarness({ reservationStore: new MemoryStore() });
    const { data } = await prin(scsi, scsi.nexus, 2);
    expect(data.toString('hex')).to.equal('00081d80ea010000');
  });

  it('REPORT CAPABILITIES tells PTPL_A once a registration asked for it', async () => {
    const scsi = new ScsiHarness({ reservationStore: new MemoryStore() });
    await prout(scsi, scsi.nexus, Prout.register, { newKey: KEY, aptpl: true });
    const { data } = await prin(scsi, scsi.nexus, 2);
    expect(data[3]! & 0x01).to.equal(1);
  });

  it('REPORT CAPABILITIES has PTPL_C 0 where nothing keeps registrations', async () => {
    const scsi = new ScsiHarness();
    const { data } = await prin(scsi, scsi.nexus, 2);
    expect(data[2]! & 0x01).to.equal(0);
  });

  it('READ FULL STATUS tells key, holder, type, port and TransportID of every registration', async () => {
    const scsi = new ScsiHarness();
    const two = scsi.secondNexus();
    await prout(scsi, scsi.nexus, Prout.registerAndIgnore, { newKey: KEY });
    await prout(scsi, two, Prout.registerAndIgnore, { newKey: 2n });
    await prout(scsi, two, Prout.reserve, { key: 2n, type: PrType.earo });
    const { data } = await prin(scsi, scsi.nexus, 3);
    const id = transportIdOf(scsi.nexus);
    expect(data.readUInt32BE(4)).to.equal(data.length - 8);
    expect(data.readBigUInt64BE(8)).to.equal(KEY);
    expect(data.subarray(20, 22).toString('hex'), 'not the holder').to.equal('0000');
    expect(data.readUInt16BE(26)).to.equal(1);
    expect(data.readUInt32BE(28)).to.equal(id.length);
    expect(data.subarray(32, 32 + id.length).equals(id)).to.equal(true);
    const second = 32 + id.length;
    expect(data.readBigUInt64BE(second)).to.equal(2n);
    expect(data.subarray(second + 12, second + 14).toString('hex')).to.equal('0106');
  });

  it('refuses service actions beyond READ FULL STATUS', async () => {
    const scsi = new ScsiHarness();
    for (let action = 4; action < 0x20; action++) {
      const answer = await prin(scsi, scsi.nexus, action);
      expect(answer).to.include({ status: ScsiStatus.checkCondition, key: 5, asc: 0x2400 });
    }
  });
});
