import { expect } from 'chai';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import type { ItNexus } from '../../../lib/scsi/index.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';
import {
  Prout,
  PrType,
  keysOf,
  move,
  prout,
  reservationOf,
  takeAttention,
  transportIdOf,
} from './pr-commands.ts';

const KEY1 = 0x1111_2222_3333_4444n;
const KEY2 = 0xfeed_0000_0000_0002n;
const KEY3 = 3n;
const { good, reservationConflict, checkCondition } = ScsiStatus;

describe('PERSISTENT RESERVE OUT that takes from others', () => {
  let scsi: ScsiHarness;
  let one: ItNexus;
  let two: ItNexus;
  let three: ItNexus;

  beforeEach(() => {
    scsi = new ScsiHarness();
    one = scsi.nexus;
    two = scsi.secondNexus();
    three = scsi.secondNexus('iqn.2026-11.test:host3', 3);
  });

  const status = async (
    nexus: ItNexus,
    action: number,
    fields: Parameters<typeof prout>[3] = {},
  ): Promise<number> => (await prout(scsi, nexus, action, fields)).status;
  const register = (nexus: ItNexus, newKey: bigint): Promise<number> =>
    status(nexus, Prout.registerAndIgnore, { newKey });

  it('CLEAR ends reservation and registrations, and tells neither the sender nor strangers', async () => {
    await register(one, KEY1);
    await register(two, KEY2);
    await status(one, Prout.reserve, { key: KEY1, type: PrType.ea });
    expect(await status(two, Prout.clear, { key: KEY2 })).to.equal(good);
    expect(await reservationOf(scsi, two)).to.equal(undefined);
    expect((await keysOf(scsi, two)).keys).to.deep.equal([]);
    expect(takeAttention(two)).to.equal(undefined);
    expect(takeAttention(three)).to.equal(undefined);
  });

  it('CLEAR announces RESERVATIONS PREEMPTED to who was registered', async () => {
    await register(one, KEY1);
    await register(two, KEY2);
    await status(two, Prout.clear, { key: KEY2 });
    expect(takeAttention(one)).to.equal('reservationsPreempted');
  });

  describe('PREEMPT', () => {
    it('without a reservation takes registrations away and tells who lost them', async () => {
      await register(one, KEY1);
      await register(two, KEY2);
      const fields = { key: KEY2, newKey: KEY1, type: PrType.ea };
      expect(await status(two, Prout.preempt, fields)).to.equal(good);
      expect((await keysOf(scsi, two)).keys).to.deep.equal([KEY2]);
      expect(await reservationOf(scsi, two)).to.equal(undefined);
      expect(takeAttention(one)).to.equal('registrationsPreempted');
    });

    it('conflicts where nobody is registered with that key', async () => {
      await register(one, KEY1);
      const fields = { key: KEY1, newKey: KEY3, type: PrType.ea };
      expect(await status(one, Prout.preempt, fields)).to.equal(reservationConflict);
    });

    it('refuses key 0 where no reservation is held by all registrants', async () => {
      await register(one, KEY1);
      const answer = await prout(scsi, one, Prout.preempt, { key: KEY1, type: PrType.ea });
      expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x2600 });
    });

    it("by the holder's key takes the reservation over with the type of the command", async () => {
      await register(one, KEY1);
      await register(two, KEY2);
      await register(three, KEY3);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.ea });
      const fields = { key: KEY2, newKey: KEY1, type: PrType.wero };
      expect(await status(two, Prout.preempt, fields)).to.equal(good);
      expect(await reservationOf(scsi, two)).to.deep.equal({ key: KEY2, type: PrType.wero });
      expect((await keysOf(scsi, two)).keys).to.deep.equal([KEY2, KEY3]);
      expect(takeAttention(one)).to.equal('registrationsPreempted');
      expect(takeAttention(three), 'the type has changed').to.equal('reservationsReleased');
      expect(takeAttention(two)).to.equal(undefined);
    });

    it('of the type that was reserved tells only who lost the registration', async () => {
      await register(one, KEY1);
      await register(two, KEY2);
      await register(three, KEY3);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.ea });
      await status(two, Prout.preempt, { key: KEY2, newKey: KEY1, type: PrType.ea });
      expect(takeAttention(three)).to.equal(undefined);
    });

    it("by a key that isn't the holder's leaves the reservation", async () => {
      await register(one, KEY1);
      await register(two, KEY2);
      await register(three, KEY3);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.ea });
      await status(two, Prout.preempt, { key: KEY2, newKey: KEY3, type: PrType.we });
      expect(await reservationOf(scsi, one)).to.deep.equal({ key: KEY1, type: PrType.ea });
      expect((await keysOf(scsi, one)).keys).to.deep.equal([KEY1, KEY2]);
    });

    it('by the own key changes the type and stays registered', async () => {
      await register(one, KEY1);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.ea });
      await status(one, Prout.preempt, { key: KEY1, newKey: KEY1, type: PrType.we });
      expect(await reservationOf(scsi, one)).to.deep.equal({ key: KEY1, type: PrType.we });
      expect((await keysOf(scsi, one)).keys).to.deep.equal([KEY1]);
    });

    it('by key 0 takes over what all registrants held and ends their registrations', async () => {
      await register(one, KEY1);
      await register(two, KEY2);
      await register(three, KEY3);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.wear });
      const fields = { key: KEY2, newKey: 0n, type: PrType.ea };
      expect(await status(two, Prout.preempt, fields)).to.equal(good);
      expect(await reservationOf(scsi, two)).to.deep.equal({ key: KEY2, type: PrType.ea });
      expect((await keysOf(scsi, two)).keys).to.deep.equal([KEY2]);
      expect(takeAttention(one)).to.equal('registrationsPreempted');
      expect(takeAttention(three)).to.equal('registrationsPreempted');
    });

    it('by a key leaves a reservation of all registrants to those that remain', async () => {
      await register(one, KEY1);
      await register(two, KEY2);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.wear });
      await status(two, Prout.preempt, { key: KEY2, newKey: KEY1, type: PrType.ea });
      expect(await reservationOf(scsi, two)).to.deep.equal({ key: 0n, type: PrType.wear });
    });
  });

  describe('REGISTER AND MOVE', () => {
    beforeEach(async () => {
      await register(one, KEY1);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.ea });
    });

    it('hands the reservation to another port and registers it', async () => {
      const answer = await move(scsi, one, { key: KEY1, newKey: KEY2, to: transportIdOf(two) });
      expect(answer.status).to.equal(good);
      expect(await reservationOf(scsi, two)).to.deep.equal({ key: KEY2, type: PrType.ea });
      expect((await keysOf(scsi, two)).keys).to.deep.equal([KEY1, KEY2]);
    });

    it('with UNREG ends the registration of the sender', async () => {
      const to = transportIdOf(two);
      await move(scsi, one, { key: KEY1, newKey: KEY2, to, unregister: true });
      expect((await keysOf(scsi, two)).keys).to.deep.equal([KEY2]);
    });

    it('conflicts for a registrant that does not hold the reservation', async () => {
      await register(two, KEY2);
      const answer = await move(scsi, two, { key: KEY2, newKey: KEY3, to: transportIdOf(three) });
      expect(answer.status).to.equal(reservationConflict);
    });

    it('refuses the own port, key 0 and an unknown target port', async () => {
      const fields = { key: KEY1, newKey: KEY2, to: transportIdOf(two) };
      for (const wrong of [{ to: transportIdOf(one) }, { newKey: 0n }, { relativePortId: 7 }]) {
        const answer = await move(scsi, one, { ...fields, ...wrong });
        expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x2600 });
      }
      expect(await reservationOf(scsi, one)).to.deep.equal({ key: KEY1, type: PrType.ea });
    });
  });
});
