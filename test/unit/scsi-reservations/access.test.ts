import { expect } from 'chai';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import type { ItNexus } from '../../../lib/scsi/index.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';
import { Prout, PrType, beginProut, prout, takeAttention } from './pr-commands.ts';

const KEY1 = 1n;
const KEY2 = 2n;
const { good, reservationConflict, taskAborted } = ScsiStatus;
const read10 = [0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0];
const write10 = [0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0];
const oneBlock = Buffer.alloc(512, 0x5a);

interface Access {
  readonly type: keyof typeof PrType;
  readonly registered: { readonly read: boolean; readonly write: boolean };
  readonly stranger: { readonly read: boolean; readonly write: boolean };
}

const none = { read: false, write: false };
const readOnly = { read: true, write: false };
const all = { read: true, write: true };

const table: readonly Access[] = [
  { type: 'we', registered: readOnly, stranger: readOnly },
  { type: 'ea', registered: none, stranger: none },
  { type: 'wero', registered: all, stranger: readOnly },
  { type: 'earo', registered: all, stranger: none },
  { type: 'wear', registered: all, stranger: readOnly },
  { type: 'eaar', registered: all, stranger: none },
];

describe('a persistent reservation', () => {
  let scsi: ScsiHarness;
  let holder: ItNexus;
  let registered: ItNexus;
  let stranger: ItNexus;

  beforeEach(async () => {
    scsi = new ScsiHarness();
    holder = scsi.nexus;
    registered = scsi.secondNexus();
    stranger = scsi.secondNexus('iqn.2026-11.test:host3', 3);
    await prout(scsi, holder, Prout.registerAndIgnore, { newKey: KEY1 });
    await prout(scsi, registered, Prout.registerAndIgnore, { newKey: KEY2 });
  });

  const reserve = (type: number): Promise<unknown> =>
    prout(scsi, holder, Prout.reserve, { key: KEY1, type });
  const reads = async (nexus: ItNexus): Promise<boolean> =>
    (await scsi.runOn(nexus, read10)).status === good;
  const writes = async (nexus: ItNexus): Promise<number> =>
    (await scsi.runOn(nexus, write10, { data: oneBlock })).status;

  for (const { type, ...expected } of table) {
    it(`of type ${type} lets through what its type says`, async () => {
      await reserve(PrType[type]);
      const found = {
        holder: { read: await reads(holder), write: (await writes(holder)) === good },
        registered: { read: await reads(registered), write: (await writes(registered)) === good },
        stranger: { read: await reads(stranger), write: (await writes(stranger)) === good },
      };
      expect(found).to.deep.equal({ holder: all, ...expected });
    });
  }

  it('lets INQUIRY, REPORT LUNS, TEST UNIT READY and REQUEST SENSE through', async () => {
    await reserve(PrType.ea);
    const cdbs = [
      [0x12, 0, 0, 0, 96, 0],
      [0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
      [0x00, 0, 0, 0, 0, 0],
      [0x03, 0, 0, 0, 18, 0],
    ];
    for (const cdb of cdbs) expect((await scsi.runOn(stranger, cdb)).status).to.equal(good);
  });

  it('also stops a write that was let in before and waited for its data meanwhile', async () => {
    const write = scsi.begin(stranger, write10, { data: oneBlock });
    expect(write.prepared).to.equal(true);
    await reserve(PrType.we);
    expect((await write.run().done).status).to.equal(reservationConflict);
  });

  it('stops nobody any more once it is released', async () => {
    await reserve(PrType.ea);
    await prout(scsi, holder, Prout.release, { key: KEY1, type: PrType.ea });
    expect(await writes(stranger)).to.equal(good);
  });

  describe('PREEMPT AND ABORT', () => {
    const preempt = {
      key: KEY2,
      newKey: KEY1,
      type: PrType.ea,
    };

    it("ends the preempted nexus' commands before it is good", async () => {
      await reserve(PrType.ea);
      const write = scsi.begin(holder, write10, { data: oneBlock });
      const answer = await prout(scsi, registered, Prout.preemptAndAbort, preempt);
      expect(answer.status).to.equal(good);
      expect(write.ended).to.equal(true);
      expect((await write.done).aborted).to.equal(true);
      expect(takeAttention(holder)).to.equal('registrationsPreempted');
    });

    it('tells the preempted nexus TASK ABORTED where TAS asks for it', async () => {
      scsi.unit.modes.taskAbortedStatus = true;
      await reserve(PrType.ea);
      const write = scsi.begin(holder, write10, { data: oneBlock });
      await prout(scsi, registered, Prout.preemptAndAbort, preempt);
      expect((await write.done).status).to.equal(taskAborted);
    });

    it("leaves the others' commands alone", async () => {
      await reserve(PrType.wero);
      const write = scsi.begin(registered, write10, { data: oneBlock });
      await prout(scsi, registered, Prout.preemptAndAbort, preempt);
      expect((await write.run().done).status).to.equal(good);
    });

    it('of a nexus that preempts itself ends its other commands, not itself', async () => {
      await reserve(PrType.ea);
      const self = { key: KEY1, newKey: KEY1, type: PrType.ea };
      const write = scsi.begin(holder, write10, { data: oneBlock });
      const other = beginProut(scsi, holder, Prout.preemptAndAbort, self);
      const answer = await prout(scsi, holder, Prout.preemptAndAbort, self);
      expect(answer).to.include({ status: good, aborted: false });
      expect((await write.done).aborted).to.equal(true);
      expect((await other.done).aborted).to.equal(true);
    });

    it('does not end commands where it conflicts', async () => {
      const write = scsi.begin(holder, write10, { data: oneBlock });
      const wrong = { ...preempt, key: 99n };
      const answer = await prout(scsi, registered, Prout.preemptAndAbort, wrong);
      expect(answer.status).to.equal(reservationConflict);
      expect(write.ended).to.equal(false);
      expect((await write.run().done).status).to.equal(good);
    });
  });
});
