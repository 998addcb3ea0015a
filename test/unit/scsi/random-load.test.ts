import { expect } from 'chai';
import { SeededRandom } from '../../../lib/base/index.ts';
import { MemoryDevice } from '../../../lib/block/index.ts';
import { ScsiStatus, TaskAttribute } from '../../../lib/scsi/index.ts';
import type { ItNexus } from '../../../lib/scsi/index.ts';
import {
  compareAndWrite,
  orWrite,
  read10,
  synchronizeCache10,
  verify10,
  write10,
  writeAtomic,
  writeSame10,
} from '../../fakes/cdbs.ts';
import { HeldDevice } from '../../fakes/held-device.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';
import type { PendingCommand } from '../../fakes/scsi-harness.ts';

const BLOCKS = 24;
const COMMANDS = 400;
const ATTRIBUTES = [TaskAttribute.simple, TaskAttribute.ordered, TaskAttribute.headOfQueue];

/**
 * A device that ends requests in any order, commands of all kinds, aborts and resets in between.
 */
class Load {
  readonly device = new HeldDevice(new MemoryDevice({ capacityBytes: BLOCKS * 512 }));
  readonly harness = new ScsiHarness({ device: this.device });
  readonly nexuses: ItNexus[] = [this.harness.nexus, this.harness.secondNexus()];
  readonly waiting: PendingCommand[] = [];
  readonly all: PendingCommand[] = [];
  readonly aborts: Promise<string>[] = [];
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.device.holding = true;
  }

  #command(): PendingCommand {
    const random = this.#random;
    const lba = random.below(BLOCKS - 4);
    const blocks = 1 + random.below(4);
    const data = (count: number): Buffer => Buffer.alloc(count * 512, random.below(256));
    const forms: [number[], Buffer][] = [
      [read10(lba, blocks), data(0)],
      [write10(lba, blocks), data(blocks)],
      [write10(lba, blocks, 0x08), data(blocks)],
      [compareAndWrite(lba, blocks), data(2 * blocks)],
      [orWrite(lba, blocks), data(blocks)],
      [writeAtomic(lba, blocks), data(blocks)],
      [writeSame10(lba, blocks), data(1)],
      [verify10(lba, blocks, 1), data(blocks)],
      [[...synchronizeCache10], data(0)],
    ];
    const [cdb, bytes] = forms[random.below(forms.length)]!;
    const attribute = ATTRIBUTES[random.next() < 0.8 ? 0 : random.below(3)]!;
    return this.harness.begin(this.nexuses[random.below(2)]!, cdb, { data: bytes, attribute });
  }

  #endOne(): void {
    const { held } = this.device;
    if (held.length === 0) return;
    held.unshift(...held.splice(this.#random.below(held.length), 1));
    this.device.release(1);
  }

  #abort(): void {
    const { target } = this.harness;
    const nexus = this.nexuses[this.#random.below(2)]!;
    const kind = this.#random.below(4);
    if (kind === 0) this.aborts.push(target.abortTaskSet(nexus, 0));
    else if (kind === 1) this.aborts.push(target.clearTaskSet(nexus, 0));
    else if (kind === 2) this.aborts.push(target.logicalUnitReset(nexus, 0));
    else {
      const task = this.all[this.#random.below(this.all.length)]!.task;
      this.aborts.push(target.abortTask(nexus, 0, task.tag));
    }
  }

  async step(): Promise<void> {
    const dice = this.#random.next();
    if (dice < 0.5) {
      const command = this.#command();
      this.all.push(command);
      this.waiting.push(command);
    } else if (dice < 0.7 && this.waiting.length > 0) {
      this.waiting.splice(this.#random.below(this.waiting.length), 1)[0]!.run();
    } else if (dice < 0.985 || this.all.length === 0) this.#endOne();
    else this.#abort();
    if (this.#random.next() < 0.5) await Promise.resolve();
  }

  async finish(): Promise<void> {
    for (const command of this.waiting) command.run();
    this.device.holding = false;
    while (this.all.some(({ ended }) => !ended)) {
      this.device.release();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

describe('any mixture of commands, completions, aborts and resets', () => {
  for (let seed = 1; seed <= 25; seed++) {
    it(`ends every command once and leaves nothing behind (seed ${seed})`, async () => {
      const load = new Load(seed);
      for (let step = 0; step < COMMANDS; step++) await load.step();
      await load.finish();
      const { unit, buffers } = load.harness;
      expect([unit.tasks.count, unit.tasks.blockers, unit.ranges.count]).to.deep.equal([0, 0, 0]);
      expect(buffers.usedBytes).to.equal(0);
      expect(new Set(await Promise.all(load.aborts))).to.not.include('failed');
      for (const command of load.all) {
        const answer = await command.done;
        const normal = [ScsiStatus.good, ScsiStatus.checkCondition].some(
          (s) => s === answer.status,
        );
        expect(answer.aborted || normal, `status ${answer.status}`).to.equal(true);
      }
    });
  }
});
