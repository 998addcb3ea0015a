import { expect } from 'chai';
import { Failure } from '../../../lib/base/index.ts';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import { emptyState } from '../../../lib/scsi/reservations/persistent-state.ts';
import {
  decodeReservations,
  encodeReservations,
} from '../../../lib/scsi/reservations/reservation-record.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';
import {
  MemoryStore,
  Prout,
  PrType,
  allTypes,
  beginProut,
  keysOf,
  prout,
  reservationOf,
  takeAttention,
} from './pr-commands.ts';

const KEY1 = 0xaaaa_bbbb_cccc_ddddn;
const KEY2 = 2n;
const { good, checkCondition, reservationConflict } = ScsiStatus;
const write10 = [0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0];

const start = (store: MemoryStore): ScsiHarness => new ScsiHarness({ reservationStore: store });

describe('APTPL', () => {
  let store: MemoryStore;
  beforeEach(() => (store = new MemoryStore()));

  for (const [name, type] of allTypes) {
    it(`brings registrations and a reservation of type ${name} back after a restart`, async () => {
      const before = start(store);
      await prout(before, before.nexus, Prout.register, { newKey: KEY1, aptpl: true });
      await prout(before, before.nexus, Prout.reserve, { key: KEY1, type });
      const after = start(store);
      const key = type >= PrType.wear ? 0n : KEY1;
      expect(await reservationOf(after, after.nexus)).to.deep.equal({ key, type });
      expect(await keysOf(after, after.nexus)).to.deep.equal({ generation: 0, keys: [KEY1] });
      const other = after.secondNexus();
      const write = await after.runOn(other, write10, { data: Buffer.alloc(512) });
      expect(write.status).to.equal(reservationConflict);
      const own = await after.run(write10, { data: Buffer.alloc(512) });
      expect(own.status).to.equal(good);
    });
  }

  it('of 0 in the last registration forgets everything at the next restart', async () => {
    const before = start(store);
    await prout(before, before.nexus, Prout.register, { newKey: KEY1, aptpl: true });
    await prout(before, before.nexus, Prout.register, { key: KEY1, newKey: KEY2 });
    const after = start(store);
    expect((await keysOf(after, after.nexus)).keys).to.deep.equal([]);
  });

  it('never asked for touches the store for nothing', async () => {
    const scsi = start(store);
    await prout(scsi, scsi.nexus, Prout.register, { newKey: KEY1 });
    await prout(scsi, scsi.nexus, Prout.reserve, { key: KEY1, type: PrType.ea });
    expect(store.saves).to.equal(0);
  });

  it('is durable before the command is good, and nobody sees the change earlier', async () => {
    const scsi = start(store);
    store.held = true;
    const register = { newKey: KEY1, aptpl: true };
    const command = beginProut(scsi, scsi.nexus, Prout.register, register).run();
    await Promise.resolve();
    expect(command.ended).to.equal(false);
    expect((await keysOf(scsi, scsi.nexus)).keys).to.deep.equal([]);
    store.release();
    expect((await command.done).status).to.equal(good);
    expect((await keysOf(scsi, scsi.nexus)).keys).to.deep.equal([KEY1]);
    const after = start(store);
    expect((await keysOf(after, after.nexus)).keys, 'durable').to.deep.equal([KEY1]);
  });

  it('judges commands one after the other, each by the state the one before has made', async () => {
    const scsi = start(store);
    store.held = true;
    const aptpl = true;
    const first = beginProut(scsi, scsi.nexus, Prout.register, { newKey: KEY1, aptpl }).run();
    const second = beginProut(scsi, scsi.nexus, Prout.register, { newKey: KEY2, aptpl }).run();
    store.release();
    expect((await first.done).status).to.equal(good);
    expect((await second.done).status, 'its key is no longer 0').to.equal(reservationConflict);
  });

  it('that cannot be saved fails the command and changes nothing', async () => {
    const scsi = start(store);
    const two = scsi.secondNexus();
    await prout(scsi, scsi.nexus, Prout.register, { newKey: KEY1, aptpl: true });
    await prout(scsi, two, Prout.register, { newKey: KEY2, aptpl: true });
    store.failing = true;
    const fields = { key: KEY2, newKey: KEY1, type: PrType.ea };
    const answer = await prout(scsi, two, Prout.preempt, fields);
    expect(answer).to.include({ status: checkCondition, key: 4, asc: 0x4400 });
    expect(takeAttention(scsi.nexus)).to.equal(undefined);
    expect((await keysOf(scsi, two)).keys).to.deep.equal([KEY1, KEY2]);
    store.failing = false;
    expect((await prout(scsi, two, Prout.preempt, fields)).status).to.equal(good);
  });

  it('is not attempted for a command that was aborted while it waited for its turn', async () => {
    const scsi = start(store);
    store.held = true;
    const aptpl = true;
    const two = scsi.secondNexus();
    const first = beginProut(scsi, scsi.nexus, Prout.register, { newKey: KEY1, aptpl }).run();
    const second = beginProut(scsi, two, Prout.register, { newKey: KEY2, aptpl }).run();
    const abort = scsi.target.abortTaskSet(two, 0);
    store.release();
    await Promise.all([first.done, second.done, abort]);
    expect((await keysOf(scsi, scsi.nexus)).keys).to.deep.equal([KEY1]);
  });

  it('record that is damaged keeps the unit from being served', async () => {
    const scsi = start(store);
    await prout(scsi, scsi.nexus, Prout.register, { newKey: KEY1, aptpl: true });
    const saved = store.bytes!;
    for (let at = 0; at < saved.length; at++) {
      store.bytes = Buffer.from(saved);
      store.bytes[at]! ^= 0x01;
      expect(() => start(store), `byte ${at}`).to.throw(Failure, /persistent reservations of disk/);
    }
    store.bytes = saved.subarray(0, saved.length - 1);
    expect(() => start(store)).to.throw(Failure);
  });

  it('record of version 1 stays readable', () => {
    const state = decodeReservations(Buffer.from(version1, 'base64'), 'disk');
    expect([...state.registrations.values()]).to.deep.equal([
      {
        port: { name: 'iqn.1993-08.org.debian:01:web1', isid: '00023d000001' },
        relativePortId: 1,
        key: 0x1234n,
        allTargetPorts: true,
      },
    ]);
    expect(state.reservation?.type.code).to.equal(PrType.earo);
    expect(state.aptpl).to.equal(true);
  });

  it('record of nothing is read as nothing', () => {
    const state = decodeReservations(encodeReservations(emptyState), 'disk');
    expect(state).to.deep.equal(emptyState);
  });
});

describe('an initiator that loses its right to the unit', () => {
  it('loses its registrations, also of sessions that are gone, and its reservation', async () => {
    const store = new MemoryStore();
    const scsi = start(store);
    const two = scsi.secondNexus();
    const path = scsi.secondNexus(scsi.nexus.identity.initiatorName, 7);
    const aptpl = true;
    await prout(scsi, scsi.nexus, Prout.register, { newKey: KEY1, aptpl });
    await prout(scsi, path, Prout.register, { newKey: KEY1, aptpl });
    await prout(scsi, two, Prout.register, { newKey: KEY2, aptpl });
    await prout(scsi, scsi.nexus, Prout.reserve, { key: KEY1, type: PrType.earo });
    await scsi.target.closeNexus(path);
    await scsi.nexus.unmap(0, { dropRegistrations: true });
    expect(takeAttention(two)).to.equal('reservationsReleased');
    expect((await keysOf(scsi, two)).keys).to.deep.equal([KEY2]);
    expect(await reservationOf(scsi, two)).to.equal(undefined);
    expect(decodeReservations(store.bytes!, 'disk').registrations.size).to.equal(1);
  });

  it('keeps them, and who asked is told, where that cannot be saved', async () => {
    const store = new MemoryStore();
    const scsi = start(store);
    const two = scsi.secondNexus();
    await prout(scsi, scsi.nexus, Prout.register, { newKey: KEY1, aptpl: true });
    store.failing = true;
    let error: unknown;
    await scsi.nexus.unmap(0, { dropRegistrations: true }).catch((thrown: unknown) => {
      error = thrown;
    });
    expect(error).to.be.an('error').with.property('message', 'no space left');
    expect((await keysOf(scsi, two)).keys).to.deep.equal([KEY1]);
  });
});

/** Written by version 1: one registration, exclusive access, registrants only. */
const version1 =
  'SFdQUgAAAAEAAACt4ExMV3sicmVnaXN0cmF0aW9ucyI6W3sibmFtZSI6Imlxbi4xOTkzLTA4Lm9yZy5kZWJpYW46' +
  'MDE6d2ViMSIsImlzaWQiOiIwMDAyM2QwMDAwMDEiLCJyZWxhdGl2ZVBvcnRJZCI6MSwia2V5IjoiMTIzNCIsImFs' +
  'bFRhcmdldFBvcnRzIjp0cnVlfV0sInJlc2VydmF0aW9uIjp7InR5cGUiOjYsImhvbGRlciI6MH19';
