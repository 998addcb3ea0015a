import { expect } from 'chai';
import { SeededRandom } from '../../../lib/base/index.ts';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import type { ItNexus } from '../../../lib/scsi/index.ts';
import type { PersistentState } from '../../../lib/scsi/reservations/persistent-state.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';
import { MemoryStore, allTypes, beginProut, prout, takeAttention } from './pr-commands.ts';

const seed = Number(process.env['SEED'] ?? 20_261_121);
const RUNS = 40;
const STEPS = 60;
const NEXUSES = 4;
const KEYS = 3;

/** What a restart brings back. */
const durable = ({ registrations, reservation }: PersistentState): unknown => ({
  registrations: [...registrations],
  reservation,
});

describe(`PERSISTENT RESERVE OUT in random sequences (seed ${seed})`, () => {
  const random = new SeededRandom(seed);
  const types = allTypes.map(([, type]) => type);

  const check = (scsi: ScsiHarness, where: string): void => {
    const { registrations, reservation } = scsi.unit.reservations.persistent;
    const held =
      reservation === undefined ||
      (reservation.holder === undefined
        ? registrations.size > 0
        : registrations.has(reservation.holder));
    expect(held, `${where}: somebody registered holds the reservation`).to.equal(true);
    expect(scsi.unit.hasReservations, where).to.equal(reservation !== undefined);
    for (const { key } of registrations.values()) expect(key, where).to.not.equal(0n);
  };

  it('never leave a reservation without holder, and survive a restart as they were', async () => {
    for (let run = 0; run < RUNS; run++) {
      const store = new MemoryStore();
      const scsi = new ScsiHarness({ reservationStore: store });
      const nexuses: ItNexus[] = [];
      for (let index = 0; index < NEXUSES; index++) {
        nexuses.push(scsi.secondNexus(`iqn.2026-11.test:host${index >> 1}`, index + 10));
      }
      let generation = 0;
      for (let step = 0; step < STEPS; step++) {
        const nexus = nexuses[random.below(NEXUSES)]!;
        while (takeAttention(nexus) !== undefined);
        const action = random.below(7);
        const { status } = await prout(scsi, nexus, action, {
          key: BigInt(random.below(KEYS)),
          newKey: BigInt(random.below(KEYS)),
          type: types[random.below(types.length)]!,
          aptpl: true,
        });
        const where = `run ${run} step ${step}`;
        check(scsi, where);
        const { persistent } = scsi.unit.reservations;
        const counts = status === ScsiStatus.good && action !== 1 && action !== 2;
        expect(persistent.generation, where).to.equal(generation + (counts ? 1 : 0));
        generation = persistent.generation;
        if (store.bytes === null) continue;
        const after = new ScsiHarness({ reservationStore: store });
        expect(durable(after.unit.reservations.persistent), where).to.deep.equal(
          durable(persistent),
        );
      }
    }
  }).timeout(20_000);

  it('of bytes instead of parameter lists end in a status and change nothing', async () => {
    const scsi = new ScsiHarness();
    for (let run = 0; run < 2000; run++) {
      const data = random.bytes(random.below(64));
      const listBytes = random.below(2) === 0 ? data.length : random.below(100);
      // SPEC_I_PT and the like appear by chance; a registration with such bytes may succeed
      const command = scsi.begin(
        scsi.nexus,
        [0x5f, random.below(8), random.below(256), 0, 0, 0, 0, 0, listBytes, 0],
        { data },
      );
      expect((await command.run().done).aborted).to.equal(false);
      check(scsi, `run ${run}`);
    }
  });

  it('of commands that meet while the store is slow are judged one after the other', async () => {
    const store = new MemoryStore();
    const scsi = new ScsiHarness({ reservationStore: store });
    const nexuses = [scsi.nexus, scsi.secondNexus()];
    store.held = true;
    const commands = nexuses.map((nexus, index) =>
      beginProut(scsi, nexus, 0, { newKey: BigInt(index + 1), aptpl: true }).run(),
    );
    store.release();
    for (const command of commands) expect((await command.done).status).to.equal(ScsiStatus.good);
    expect(scsi.unit.reservations.persistent.registrations.size).to.equal(2);
  });
});
