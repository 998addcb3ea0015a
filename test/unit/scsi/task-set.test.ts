import { expect } from 'chai';
import { BlockOp, MemoryDevice } from '../../../lib/block/index.ts';
import { ScsiStatus, TaskAttribute, TaskPhase } from '../../../lib/scsi/index.ts';
import { modeSelect6, modeSense6, read10, requestSense, write10 } from '../../fakes/cdbs.ts';
import { HeldDevice } from '../../fakes/held-device.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';
import type { PendingCommand } from '../../fakes/scsi-harness.ts';

const { simple, ordered, headOfQueue } = TaskAttribute;

function held(unit = {}) {
  const device = new HeldDevice(new MemoryDevice({ capacityBytes: 1024 * 1024 }));
  const harness = new ScsiHarness({ device, unit });
  device.holding = true;
  return { device, harness };
}

const lbas = (device: HeldDevice): number[] =>
  device.held.map(({ offsetBytes }) => offsetBytes / 512);

describe('task attributes', () => {
  const start = (harness: ScsiHarness, lba: number, attribute: TaskAttribute): PendingCommand =>
    harness.begin(harness.nexus, read10(lba, 1), { attribute }).run();

  it('SIMPLE commands run side by side', () => {
    const { device, harness } = held();
    for (const lba of [1, 2, 3]) start(harness, lba, simple);
    expect(lbas(device)).to.deep.equal([1, 2, 3]);
  });

  it('an ORDERED command waits for all older ones, and the younger wait for it', async () => {
    const { device, harness } = held();
    const [one, two] = [start(harness, 1, simple), start(harness, 2, simple)];
    const three = start(harness, 3, ordered);
    start(harness, 4, simple);
    start(harness, 5, simple);
    expect(lbas(device)).to.deep.equal([1, 2]);
    device.release(1);
    await one.done;
    expect(lbas(device)).to.deep.equal([2]);
    device.release(1);
    await two.done;
    expect(lbas(device)).to.deep.equal([3]);
    device.release(1);
    await three.done;
    expect(lbas(device)).to.deep.equal([4, 5]);
  });

  it('a younger command waits for an ORDERED one whose data is still on its way', async () => {
    const { device, harness } = held();
    const data = Buffer.alloc(512);
    const first = harness.begin(harness.nexus, write10(1, 1), { data, attribute: ordered });
    start(harness, 2, simple);
    expect(lbas(device)).to.deep.equal([]);
    first.run();
    expect(lbas(device)).to.deep.equal([1]);
    device.release(1);
    await first.done;
    expect(lbas(device)).to.deep.equal([2]);
  });

  it('HEAD OF QUEUE passes everything that waits', () => {
    const { device, harness } = held();
    start(harness, 1, simple);
    start(harness, 2, ordered);
    start(harness, 3, headOfQueue);
    expect(lbas(device)).to.deep.equal([1, 3]);
  });

  it('two ORDERED commands run one after the other, in their order', async () => {
    const { device, harness } = held();
    const first = start(harness, 1, ordered);
    start(harness, 2, ordered);
    expect(lbas(device)).to.deep.equal([1]);
    device.release(1);
    await first.done;
    expect(lbas(device)).to.deep.equal([2]);
  });

  it('the attribute ACA is refused', async () => {
    const harness = new ScsiHarness();
    const answer = await harness.run(read10(0, 1), { attribute: TaskAttribute.aca });
    expect([answer.key, answer.asc]).to.deep.equal([5, 0x4900]);
  });

  it('an aborted ORDERED command lets the younger go on', async () => {
    const { device, harness } = held();
    start(harness, 1, simple);
    harness.begin(harness.nexus, read10(2, 1), { attribute: ordered, tag: 50 }).run();
    start(harness, 3, simple);
    await harness.target.abortTask(harness.nexus, 0, 50);
    expect(lbas(device)).to.deep.equal([1, 3]);
  });

  it('a full task set answers TASK SET FULL, and BUSY to who has nothing in it', async () => {
    const { harness } = held({ taskSetLimit: 2 });
    const other = harness.secondNexus();
    start(harness, 1, simple);
    start(harness, 2, simple);
    expect((await harness.run(read10(3, 1))).status).to.equal(ScsiStatus.taskSetFull);
    expect((await harness.runOn(other, read10(3, 1))).status).to.equal(ScsiStatus.busy);
  });
});

describe('task management', () => {
  const begin = (harness: ScsiHarness, lba: number, tag: number): PendingCommand =>
    harness.begin(harness.nexus, read10(lba, 1), { tag });

  it('ABORT TASK ends a command that waits for its data at once', async () => {
    const { harness } = held();
    const command = harness.begin(harness.nexus, write10(0, 1), { tag: 9 });
    expect(await harness.target.abortTask(harness.nexus, 0, 9)).to.equal('complete');
    expect((await command.done).aborted).to.equal(true);
    command.run();
    expect(harness.unit.tasks.count).to.equal(0);
  });

  it('ABORT TASK answers only after the medium has let go', async () => {
    const { device, harness } = held();
    device.cancels = false;
    const command = begin(harness, 0, 9).run();
    let outcome = '';
    const aborted = harness.target
      .abortTask(harness.nexus, 0, 9)
      .then((value) => (outcome = value));
    await Promise.resolve();
    expect([outcome, command.ended]).to.deep.equal(['', false]);
    device.release();
    await aborted;
    expect(outcome).to.equal('complete');
    expect((await command.done).aborted).to.equal(true);
  });

  it('ABORT TASK cancels at the device what can be cancelled', async () => {
    const { device, harness } = held();
    begin(harness, 0, 9).run();
    expect(await harness.target.abortTask(harness.nexus, 0, 9)).to.equal('complete');
    expect(device.held.length).to.equal(0);
  });

  it('fails within the limit when the medium is dead', async () => {
    const { device, harness } = held();
    device.cancels = false;
    begin(harness, 0, 9).run();
    const outcome = harness.target.abortTask(harness.nexus, 0, 9);
    harness.timers.advance(10_000);
    expect(await outcome).to.equal('failed');
  });

  it('tells an unknown task from an unknown LUN', async () => {
    const { harness } = held();
    expect(await harness.target.abortTask(harness.nexus, 0, 123)).to.equal('noSuchTask');
    expect(await harness.target.abortTask(harness.nexus, 8, 123)).to.equal('noSuchLun');
    expect(await harness.target.logicalUnitReset(harness.nexus, 8)).to.equal('noSuchLun');
  });

  it('ABORT TASK of one nexus does not reach a task of another with the same tag', async () => {
    const { harness } = held();
    const other = harness.secondNexus();
    const command = begin(harness, 0, 9).run();
    expect(await harness.target.abortTask(other, 0, 9)).to.equal('noSuchTask');
    expect(command.ended).to.equal(false);
  });

  it('ABORT TASK SET ends the tasks of this nexus on this LUN, no others', async () => {
    const { harness } = held();
    const other = harness.secondNexus();
    const mine = [begin(harness, 0, 1).run(), begin(harness, 1, 2)];
    const foreign = harness.begin(other, read10(2, 1)).run();
    expect(await harness.target.abortTaskSet(harness.nexus, 0)).to.equal('complete');
    expect(mine.map(({ ended }) => ended)).to.deep.equal([true, true]);
    expect(foreign.ended).to.equal(false);
  });

  it('CLEAR TASK SET ends all tasks silently, with unit attention for the others', async () => {
    const { device, harness } = held();
    const [other, idle] = [harness.secondNexus(), harness.secondNexus('iqn.2026-11.test:idle', 3)];
    const mine = begin(harness, 0, 1).run();
    const foreign = harness.begin(other, read10(2, 1)).run();
    expect(await harness.target.clearTaskSet(harness.nexus, 0)).to.equal('complete');
    expect((await mine.done).aborted).to.equal(true);
    expect((await foreign.done).aborted).to.equal(true);
    device.holding = false;
    expect((await harness.runOn(other, read10(0, 1))).asc).to.equal(0x2f00);
    expect((await harness.run(read10(0, 1))).status).to.equal(0);
    expect((await harness.runOn(idle, read10(0, 1))).status).to.equal(0);
  });

  it('with TAS the others’ tasks end with TASK ABORTED instead', async () => {
    const { device, harness } = held();
    device.holding = false;
    const list = Buffer.concat([
      Buffer.alloc(4),
      (await harness.run(modeSense6(0x0a, 0, 8))).data.subarray(4),
    ]);
    list[4 + 5] = 0x40;
    await harness.run(modeSelect6(list.length), { data: list });
    device.holding = true;
    const other = harness.secondNexus();
    const mine = begin(harness, 0, 1).run();
    const foreign = harness.begin(other, read10(2, 1)).run();
    await harness.target.clearTaskSet(harness.nexus, 0);
    const told = await foreign.done;
    expect([told.aborted, told.status, told.dataInBytes]).to.deep.equal([false, 0x40, 0]);
    expect((await mine.done).aborted).to.equal(true);
    device.holding = false;
    expect((await harness.runOn(other, read10(0, 1))).status).to.equal(0);
  });

  it('LOGICAL UNIT RESET ends everything and is told to every nexus of the unit', async () => {
    const { device, harness } = held();
    const other = harness.secondNexus();
    const commands = [begin(harness, 0, 1).run(), harness.begin(other, read10(2, 1)).run()];
    harness.unit.modes.softwareWriteProtect = true;
    expect(await harness.target.logicalUnitReset(harness.nexus, 0)).to.equal('complete');
    expect(commands.map(({ ended }) => ended)).to.deep.equal([true, true]);
    expect(harness.unit.modes.softwareWriteProtect).to.equal(false);
    device.holding = false;
    for (const nexus of [harness.nexus, other]) {
      expect((await harness.runOn(nexus, read10(0, 1))).asc).to.equal(0x2903);
      expect((await harness.runOn(nexus, read10(0, 1))).status).to.equal(0);
    }
  });

  it('target reset stays on the units of the nexus that asks', async () => {
    const { harness } = held();
    const foreignUnit = harness.makeUnit(harness.device, '11111111-2222-4333-8444-555555555555');
    const other = harness.openNexus('iqn.2026-11.test:other', 4);
    harness.map(other, 0, foreignUnit);
    const foreign = harness.begin(other, read10(0, 1)).run();
    const mine = begin(harness, 0, 1).run();
    expect(await harness.target.targetReset(harness.nexus)).to.equal('complete');
    expect([mine.ended, foreign.ended]).to.deep.equal([true, false]);
    expect(other.units.get(0)!.unitAttentionCount).to.equal(0);
  });

  it('closing a nexus ends its tasks, also those for LUNs that are not there', async () => {
    const { harness } = held();
    const commands = [
      begin(harness, 0, 1).run(),
      harness.begin(harness.nexus, write10(0, 1)),
      harness.begin(harness.nexus, requestSense(), { lun: 77 }),
    ];
    expect(commands.map(({ prepared }) => prepared)).to.deep.equal([true, true, true]);
    await harness.target.closeNexus(harness.nexus);
    const answers = await Promise.all(commands.map(({ done }) => done));
    expect(answers.map(({ aborted }) => aborted)).to.deep.equal([true, true, true]);
    expect(harness.unit.itlNexuses.size).to.equal(0);
  });

  it('closing a nexus waits for a medium that can not cancel', async () => {
    const { device, harness } = held();
    device.cancels = false;
    begin(harness, 0, 1).run();
    let closed = false;
    const closing = harness.target.closeNexus(harness.nexus).then(() => (closed = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).to.equal(false);
    device.release();
    await closing;
  });

  it('taking a LUN away ends its commands first, and new ones find nothing', async () => {
    const { device, harness } = held();
    device.cancels = false;
    const command = begin(harness, 0, 1).run();
    const gone = harness.nexus.unmap(0);
    expect((await harness.run(read10(0, 1))).asc).to.equal(0x2500);
    expect(command.ended).to.equal(false);
    device.release();
    await gone;
    expect(command.ended).to.equal(true);
  });

  it('a task that waited for data across a loss of write access does not write', async () => {
    const { device, harness } = held();
    device.holding = false;
    const data = Buffer.alloc(512, 'x');
    const command = harness.begin(harness.nexus, write10(0, 1), { data });
    harness.unit.modes.softwareWriteProtect = true;
    command.run();
    expect((await command.done).asc).to.equal(0x2702);
    expect(device.seen.filter(({ op }) => op === BlockOp.write)).to.deep.equal([]);
  });

  it('a finished task leaves no trace in its set', async () => {
    const { device, harness } = held();
    device.holding = false;
    const command = begin(harness, 0, 1);
    expect(command.task.phase).to.equal(TaskPhase.collecting);
    await command.run().done;
    expect(command.task.phase).to.equal(TaskPhase.outside);
    expect([harness.unit.tasks.count, harness.unit.tasks.blockers]).to.deep.equal([0, 0]);
  });
});
