import { expect } from 'chai';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import type { ItNexus } from '../../../lib/scsi/index.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';
import {
  Prout,
  PrType,
  allTypes,
  keysOf,
  prin,
  prout,
  reservationOf,
  takeAttention,
  transportIdOf,
} from './pr-commands.ts';

const KEY1 = 0x1111_2222_3333_4444n;
const KEY2 = 0xfeed_0000_0000_0002n;
const { good, reservationConflict, checkCondition } = ScsiStatus;

describe('PERSISTENT RESERVE OUT', () => {
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

  describe('REGISTER', () => {
    it('registers a nexus whose reservation key is 0', async () => {
      expect(await status(one, Prout.register, { newKey: KEY1 })).to.equal(good);
      expect((await keysOf(scsi, one)).keys).to.deep.equal([KEY1]);
    });

    it('conflicts where an unregistered nexus claims a key', async () => {
      const answer = await status(one, Prout.register, { key: 9n, newKey: KEY1 });
      expect(answer).to.equal(reservationConflict);
      expect((await keysOf(scsi, one)).keys).to.deep.equal([]);
    });

    it('conflicts where a registered nexus does not name its key', async () => {
      await register(one, KEY1);
      expect(await status(one, Prout.register, { newKey: KEY2 })).to.equal(reservationConflict);
    });

    it('replaces the key of a registered nexus', async () => {
      await register(one, KEY1);
      expect(await status(one, Prout.register, { key: KEY1, newKey: KEY2 })).to.equal(good);
      expect((await keysOf(scsi, one)).keys).to.deep.equal([KEY2]);
    });

    it('with a new key of 0 ends the registration', async () => {
      await register(one, KEY1);
      expect(await status(one, Prout.register, { key: KEY1 })).to.equal(good);
      expect((await keysOf(scsi, one)).keys).to.deep.equal([]);
    });

    it('keeps two sessions of one initiator apart by their ISIDs', async () => {
      const again = scsi.secondNexus(one.identity.initiatorName, 9);
      await register(one, KEY1);
      await register(again, KEY2);
      expect((await keysOf(scsi, one)).keys).to.deep.equal([KEY1, KEY2]);
    });

    it('survives the session: the same initiator port finds its registration again', async () => {
      await register(one, KEY1);
      await scsi.target.closeNexus(one);
      const again = scsi.secondNexus(one.identity.initiatorName, 1);
      expect(await status(again, Prout.reserve, { key: KEY1, type: PrType.we })).to.equal(good);
    });

    it('with SPEC_I_PT registers the named ports too, with the same key', async () => {
      const others = [transportIdOf(two)];
      expect(await status(one, Prout.register, { newKey: KEY1, others })).to.equal(good);
      expect((await keysOf(scsi, one)).keys).to.deep.equal([KEY1, KEY1]);
      expect(await status(two, Prout.reserve, { key: KEY1, type: PrType.we })).to.equal(good);
    });

    it('with SPEC_I_PT leaves a port that is registered as it is', async () => {
      await register(two, KEY2);
      await status(one, Prout.register, { newKey: KEY1, others: [transportIdOf(two)] });
      expect((await keysOf(scsi, one)).keys).to.deep.equal([KEY2, KEY1]);
    });

    it('refuses SPEC_I_PT from a nexus that is registered', async () => {
      await register(one, KEY1);
      const fields = { key: KEY1, newKey: KEY1, others: [transportIdOf(two)] };
      const answer = await prout(scsi, one, Prout.register, fields);
      expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x2600 });
    });

    it('refuses a damaged TransportID and registers nobody', async () => {
      const answer = await prout(scsi, one, Prout.register, {
        newKey: KEY1,
        others: [Buffer.alloc(24)],
      });
      expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x2600 });
      expect((await keysOf(scsi, one)).keys).to.deep.equal([]);
    });

    it('shows ALL_TG_PT in the full status', async () => {
      await status(one, Prout.register, { newKey: KEY1, allTargetPorts: true });
      const { data } = await prin(scsi, one, 3);
      expect(data[8 + 12]! & 0x02).to.equal(0x02);
    });

    it('refuses APTPL where nothing keeps it', async () => {
      const answer = await prout(scsi, one, Prout.register, { newKey: KEY1, aptpl: true });
      expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x2600 });
    });
  });

  it('counts PRGENERATION for everything but RESERVE and RELEASE', async () => {
    await register(one, KEY1);
    expect((await keysOf(scsi, one)).generation).to.equal(1);
    await status(one, Prout.reserve, { key: KEY1, type: PrType.ea });
    await status(one, Prout.release, { key: KEY1, type: PrType.ea });
    expect((await keysOf(scsi, one)).generation).to.equal(1);
    await status(one, Prout.preempt, { key: KEY2, newKey: KEY1, type: PrType.ea });
    expect((await keysOf(scsi, one)).generation, 'a conflict counts nothing').to.equal(1);
    await status(one, Prout.clear, { key: KEY1 });
    expect((await keysOf(scsi, one)).generation).to.equal(2);
  });

  describe('RESERVE', () => {
    it('conflicts for a nexus that is not registered', async () => {
      const answer = await status(one, Prout.reserve, { key: 0n, type: PrType.we });
      expect(answer).to.equal(reservationConflict);
    });

    it('conflicts with the wrong key', async () => {
      await register(one, KEY1);
      const answer = await status(one, Prout.reserve, { key: KEY2, type: PrType.we });
      expect(answer).to.equal(reservationConflict);
    });

    for (const [name, type] of allTypes) {
      it(`of type ${name} is told by READ RESERVATION, with key 0 where all registrants hold it`, async () => {
        await register(one, KEY1);
        expect(await status(one, Prout.reserve, { key: KEY1, type })).to.equal(good);
        const key = type >= PrType.wear ? 0n : KEY1;
        expect(await reservationOf(scsi, one)).to.deep.equal({ key, type });
      });
    }

    it('is good again for the holder with the same type and conflicts with another', async () => {
      await register(one, KEY1);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.we });
      expect(await status(one, Prout.reserve, { key: KEY1, type: PrType.we })).to.equal(good);
      const other = await status(one, Prout.reserve, { key: KEY1, type: PrType.ea });
      expect(other).to.equal(reservationConflict);
    });

    it('conflicts for a registrant that does not hold the reservation', async () => {
      await register(one, KEY1);
      await register(two, KEY2);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.wero });
      const answer = await status(two, Prout.reserve, { key: KEY2, type: PrType.wero });
      expect(answer).to.equal(reservationConflict);
    });

    for (const type of [0, 2, 4, 9, 15]) {
      it(`refuses type ${type}`, async () => {
        await register(one, KEY1);
        const answer = await prout(scsi, one, Prout.reserve, { key: KEY1, type });
        expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x2400 });
      });
    }

    it('refuses a scope other than the logical unit', async () => {
      await register(one, KEY1);
      const fields = { key: KEY1, type: PrType.we, scope: 1 };
      const answer = await prout(scsi, one, Prout.reserve, fields);
      expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x2400 });
    });
  });

  describe('RELEASE', () => {
    it('conflicts for a nexus that is not registered', async () => {
      const answer = await status(one, Prout.release, { type: PrType.we });
      expect(answer).to.equal(reservationConflict);
    });

    it('is good and changes nothing for a registrant that does not hold it', async () => {
      await register(one, KEY1);
      await register(two, KEY2);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.ea });
      expect(await status(two, Prout.release, { key: KEY2, type: PrType.ea })).to.equal(good);
      expect(await reservationOf(scsi, one)).to.deep.equal({ key: KEY1, type: PrType.ea });
    });

    it('refuses another type than the one reserved', async () => {
      await register(one, KEY1);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.ea });
      const answer = await prout(scsi, one, Prout.release, { key: KEY1, type: PrType.we });
      expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x2604 });
    });

    it('tells the other registrants where they had access, nobody else and not the sender', async () => {
      await register(one, KEY1);
      await register(two, KEY2);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.wero });
      expect(await status(one, Prout.release, { key: KEY1, type: PrType.wero })).to.equal(good);
      expect(takeAttention(two)).to.equal('reservationsReleased');
      expect(takeAttention(one)).to.equal(undefined);
      expect(takeAttention(three)).to.equal(undefined);
    });

    it('tells nobody where others had no access', async () => {
      await register(one, KEY1);
      await register(two, KEY2);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.we });
      await status(one, Prout.release, { key: KEY1, type: PrType.we });
      expect(takeAttention(two)).to.equal(undefined);
    });
  });

  describe('unregistering', () => {
    for (const [name, type] of allTypes) {
      const shared = type >= PrType.wear;
      it(`${shared ? 'keeps' : 'ends'} a reservation of type ${name} of the nexus`, async () => {
        await register(one, KEY1);
        await register(two, KEY2);
        await status(one, Prout.reserve, { key: KEY1, type });
        await status(one, Prout.register, { key: KEY1 });
        const left = await reservationOf(scsi, one);
        expect(left).to.deep.equal(shared ? { key: 0n, type } : undefined);
      });
    }

    it('of the last registrant ends a reservation that all hold', async () => {
      await register(one, KEY1);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.eaar });
      await status(one, Prout.register, { key: KEY1 });
      expect(await reservationOf(scsi, one)).to.equal(undefined);
    });

    it('of the holder tells the other registrants of a registrants-only reservation', async () => {
      await register(one, KEY1);
      await register(two, KEY2);
      await status(one, Prout.reserve, { key: KEY1, type: PrType.earo });
      await status(one, Prout.register, { key: KEY1 });
      expect(takeAttention(two)).to.equal('reservationsReleased');
    });
  });

  it('refuses a parameter list of another length than 24 bytes', async () => {
    for (const listBytes of [0, 23, 9000]) {
      const answer = await prout(scsi, one, Prout.register, { newKey: KEY1, listBytes });
      expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x1a00 });
    }
  });

  it('refuses a parameter list that was not sent in full', async () => {
    const command = scsi.begin(one, [0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0], { data: Buffer.alloc(8) });
    expect(await command.run().done).to.include({ status: checkCondition, asc: 0x1a00 });
  });

  it('refuses an unknown service action', async () => {
    for (const action of [0x08, 0x1f]) {
      const answer = await prout(scsi, one, action, { newKey: KEY1 });
      expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x2400 });
    }
  });

  it('bounds the number of registrations', async () => {
    const { REGISTRATIONS_MAX } =
      await import('../../../lib/scsi/reservations/persistent-state.ts');
    for (let index = 0; index < REGISTRATIONS_MAX; index++) {
      const other = scsi.openNexus(`iqn.2026-11.test:many${index}`);
      scsi.map(other, 0, scsi.unit);
      expect(await register(other, BigInt(index + 1))).to.equal(good);
    }
    const answer = await prout(scsi, one, Prout.registerAndIgnore, { newKey: KEY1 });
    expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x5504 });
  });

  describe('from a nexus that may only read', () => {
    let reader: ItNexus;
    beforeEach(() => {
      reader = scsi.openNexus('iqn.2026-11.test:reader', 8);
      scsi.map(reader, 0, scsi.unit, true);
    });

    it('registers and unregisters', async () => {
      expect(await register(reader, KEY1)).to.equal(good);
      expect(await status(reader, Prout.register, { key: KEY1 })).to.equal(good);
    });

    it('neither reserves nor takes anything from others', async () => {
      await register(reader, KEY1);
      await register(one, KEY2);
      const fields = { key: KEY1, newKey: KEY2, type: PrType.ea };
      for (const action of [Prout.reserve, Prout.clear, Prout.preempt, Prout.preemptAndAbort]) {
        const answer = await prout(scsi, reader, action, fields);
        expect(answer).to.include({ status: checkCondition, key: 5, asc: 0x2002 });
      }
      expect((await keysOf(scsi, one)).keys).to.deep.equal([KEY1, KEY2]);
    });
  });
});
