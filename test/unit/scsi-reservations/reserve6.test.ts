import { expect } from 'chai';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import type { ItNexus } from '../../../lib/scsi/index.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';
import { Prout, PrType, prin, prout } from './pr-commands.ts';

const { good, reservationConflict, checkCondition } = ScsiStatus;
const reserve6 = [0x16, 0, 0, 0, 0, 0];
const release6 = [0x17, 0, 0, 0, 0, 0];
const reserve10 = [0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const release10 = [0x57, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const modeSense6 = [0x1a, 0, 0x3f, 0, 255, 0];
const read10 = [0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0];

describe('RESERVE and RELEASE', () => {
  let scsi: ScsiHarness;
  let two: ItNexus;
  beforeEach(() => {
    scsi = new ScsiHarness();
    two = scsi.secondNexus();
  });
  const statusOf = async (nexus: ItNexus, cdb: number[]): Promise<number> =>
    (await scsi.runOn(nexus, cdb)).status;

  for (const [name, reserve, release] of [
    ['6', reserve6, release6],
    ['10', reserve10, release10],
  ] as const) {
    it(`(${name}) keep others away until the holder releases`, async () => {
      expect(await statusOf(scsi.nexus, [...reserve])).to.equal(good);
      expect(await statusOf(scsi.nexus, [...reserve]), 'again').to.equal(good);
      expect(await statusOf(two, [...reserve])).to.equal(reservationConflict);
      expect(await statusOf(two, modeSense6)).to.equal(reservationConflict);
      expect(await statusOf(two, read10)).to.equal(reservationConflict);
      expect(await statusOf(scsi.nexus, modeSense6)).to.equal(good);
      expect(await statusOf(two, [...release]), 'not the holder').to.equal(good);
      expect(await statusOf(two, read10)).to.equal(reservationConflict);
      expect(await statusOf(scsi.nexus, [...release])).to.equal(good);
      expect(await statusOf(two, read10)).to.equal(good);
    });
  }

  it('end with the session of the holder', async () => {
    await statusOf(scsi.nexus, reserve6);
    await scsi.target.closeNexus(scsi.nexus);
    expect(await statusOf(two, reserve6)).to.equal(good);
  });

  it('end with a logical unit reset, of whomever', async () => {
    await statusOf(scsi.nexus, reserve6);
    await scsi.target.logicalUnitReset(two, 0);
    two.units.get(0)!.takeUnitAttention();
    expect(await statusOf(two, reserve6)).to.equal(good);
  });

  it('refuse third parties and extents', async () => {
    const answer = await scsi.run([0x16, 0x10, 0, 0, 0, 0]);
    expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x2400 });
    expect((await scsi.run([0x16, 0x01, 0, 0, 0, 0])).status).to.equal(checkCondition);
  });

  it('are refused for a nexus that may only read', async () => {
    const reader = scsi.openNexus('iqn.2026-11.test:reader', 8);
    scsi.map(reader, 0, scsi.unit, true);
    const answer = await scsi.runOn(reader, reserve6);
    expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x2002 });
  });

  it('keep persistent reservations away meanwhile', async () => {
    await statusOf(scsi.nexus, reserve6);
    const answer = await prout(scsi, two, Prout.registerAndIgnore, { newKey: 1n });
    expect(answer.status).to.equal(reservationConflict);
    expect((await prin(scsi, two, 0)).status).to.equal(reservationConflict);
    expect((await prin(scsi, scsi.nexus, 0)).status).to.equal(good);
  });

  it('are good for registered nexuses and reserve nothing while there are registrations', async () => {
    await prout(scsi, scsi.nexus, Prout.registerAndIgnore, { newKey: 1n });
    await prout(scsi, scsi.nexus, Prout.reserve, { key: 1n, type: PrType.we });
    expect(await statusOf(scsi.nexus, reserve6)).to.equal(good);
    expect(await statusOf(two, reserve6)).to.equal(reservationConflict);
    expect(await statusOf(scsi.nexus, release6)).to.equal(good);
    expect(await statusOf(two, read10), 'only the persistent one counts').to.equal(good);
  });
});
