import { expect } from 'chai';
import { MIB, SeededRandom } from '../../../lib/base/index.ts';
import { BlockOp, BlockOutcome, ErrorLayer, MemoryDevice } from '../../../lib/block/index.ts';
import type { ErrorRule } from '../../../lib/block/index.ts';
import type { DiskArray } from '../../../lib/partition/index.ts';
import { outcomeOf } from '../../contract/transfer.ts';
import { openOn, refusal, stateOf } from '../../fakes/partition-fixtures.ts';
import { PowerWorld } from '../../fakes/power-disk.ts';

const { ioError, noSpace } = BlockOutcome;
const SIZE = 16 * MIB;

describe('A disk that refuses a write', () => {
  let media: MemoryDevice[];
  let disks: ErrorLayer[];
  let array: DiskArray;
  let before: string;

  beforeEach(async () => {
    media = [0, 1].map((index) => new MemoryDevice({ capacityBytes: SIZE, name: `m${index}` }));
    disks = media.map((medium) => new ErrorLayer(medium));
    array = await openOn(disks, { layout: 'stripe' });
    await array.create({ name: 'a', sizeBytes: 2 * MIB });
    before = stateOf(array);
  });

  const reopened = async (): Promise<DiskArray> => openOn(media, { layout: 'stripe', seed: 9 });

  for (const [what, rule] of [
    ['a catalogue copy', { op: BlockOp.write, outcome: ioError }],
    ['the flush behind it', { op: BlockOp.flush, outcome: ioError }],
    ['one copy only', { op: BlockOp.write, outcome: ioError, times: 1 }],
    ['an answer to what it did', { op: BlockOp.write, outcome: ioError, afterwards: true }],
  ] as [string, Omit<ErrorRule, 'name'>][]) {
    it(`of ${what} leaves memory and disks at the old state`, async () => {
      disks[1]!.addRule(rule);
      const { kind, message } = await refusal(array.assign('a', 'web1', 'rw'));
      expect(kind).to.equal('unexpected');
      expect(message).to.match(/^disk m1 .* the change was not made$/);
      expect(stateOf(array)).to.equal(before);
      expect(stateOf(await reopened())).to.equal(before);
    });
  }

  it('is named in the status, and nothing is changed until the array is opened again', async () => {
    disks[1]!.addRule({ op: BlockOp.flush, outcome: ioError, times: 1 });
    await refusal(array.assign('a', 'web1', 'rw'));
    const { state, failure, members } = array.status();
    expect(state).to.equal('failed');
    expect(failure).to.match(/disk m1 .* failed/);
    expect(members.map((member) => member.state)).to.deep.equal(['ok', 'failed']);
    const { kind, message } = await refusal(array.rename('a', 'b'));
    expect(kind).to.equal('inUse');
    expect(message).to.match(/takes no changes: disk m1/);
    await (await reopened()).rename('a', 'b');
  });

  it('for want of space only refuses the change', async () => {
    const heal = disks[1]!.addRule({ op: BlockOp.write, outcome: noSpace });
    await refusal(array.assign('a', 'web1', 'rw'));
    expect(array.state).to.equal('online');
    heal();
    await array.assign('a', 'web1', 'ro');
    expect(stateOf(await reopened())).to.equal(stateOf(array));
  });

  it('while new space is zeroed undoes the creation', async () => {
    const heal = disks[0]!.addRule({ op: BlockOp.writeZeroes, outcome: ioError });
    const { message } = await refusal(array.create({ name: 'b', sizeBytes: MIB }));
    expect(message).to.match(/space for partition b can't be zeroed/);
    expect(stateOf(array)).to.equal(before);
    heal();
    await array.create({ name: 'b', sizeBytes: MIB });
  });

  it('while new space is zeroed leaves a growing partition as it was', async () => {
    disks[0]!.addRule({ op: BlockOp.writeZeroes, outcome: ioError });
    await refusal(array.grow('a', 4 * MIB));
    expect(stateOf(array)).to.equal(before);
    expect(array.device('a').capacityBytes).to.equal(2 * MIB);
  });

  it('without the command for zeroes gets zeros written', async () => {
    for (const disk of disks) {
      disk.addRule({ op: BlockOp.writeZeroes, outcome: BlockOutcome.unsupported });
    }
    expect((await array.create({ name: 'b', sizeBytes: 2 * MIB })).state).to.equal('ready');
  });

  it('of a flush by a host fails all later flushes and FUA writes, never reads', async () => {
    disks[1]!.addRule({ op: BlockOp.flush, outcome: ioError, times: 1 });
    const device = array.device('a');
    const block = { lengthBytes: 512, memory: { bytes: Buffer.alloc(512), nativeId: -1 } };
    const offsetBytes = 65_536;
    expect(await outcomeOf(device, { op: BlockOp.flush })).to.equal('ioError');
    expect(await outcomeOf(device, { op: BlockOp.flush })).to.equal('ioError');
    const fua = { op: BlockOp.write, ...block, offsetBytes, fua: true };
    expect(await outcomeOf(device, fua)).to.equal('ioError');
    expect(await outcomeOf(device, { ...fua, fua: false })).to.equal('ok');
    expect(await outcomeOf(device, { op: BlockOp.read, ...block, offsetBytes })).to.equal('ok');
    expect(array.state).to.equal('failed');
    expect(array.status().members[1]!.ioErrors).to.equal(1);
  });

  it('while an interrupted creation is finished holds up nobody else', async () => {
    const world = new PowerWorld();
    const disk = world.add(SIZE);
    const made = await openOn([disk]);
    await made.create({ name: 'a', sizeBytes: MIB });
    world.tamper = (_disk, { op }) => {
      if (op === BlockOp.writeZeroes) world.cutAt = world.operations + 1;
      return undefined;
    };
    void made.create({ name: 'b', sizeBytes: MIB });
    await world.lost;
    world.restart('all', new SeededRandom(1));
    const bad = new ErrorLayer(disk, [{ op: BlockOp.writeZeroes, outcome: ioError }]);
    const again = await openOn([bad]);
    expect(again.device('a').capacityBytes).to.equal(MIB);
    expect(again.partition('b').failure).to.match(/can't be zeroed/);
    expect(() => again.device('b')).to.throw(/still being zeroed/);
    await again.remove('b');
  });

  it('at opening is named and nothing is served', async () => {
    disks[0]!.addRule({ op: BlockOp.flush, outcome: ioError });
    const { kind, message } = await refusal(openOn(disks, { layout: 'stripe' }));
    expect(kind).to.equal('unexpected');
    expect(message).to.match(/disk m0 .* nothing is served/);
  });
});

describe('A refused change', () => {
  /**
   * Every operation of a change fails in turn on the second disk; then the power goes with nothing
   * flushed lost.
   */
  it('never comes back after a restart, whichever operation failed', async () => {
    for (let failing = 1; failing <= 3; failing++) {
      for (const survival of ['none', 'all', 'sectors'] as const) {
        const world = new PowerWorld();
        for (let index = 0; index < 2; index++) world.add(SIZE);
        const array = await openOn(world.disks);
        await array.create({ name: 'a', sizeBytes: MIB });
        const before = stateOf(array);
        let count = 0;
        world.tamper = (disk, { op }) =>
          disk.name === 'disk1' && op !== BlockOp.read && ++count >= failing
            ? { outcome: ioError }
            : undefined;
        await refusal(array.rename('a', 'b'));
        world.restart(survival, new SeededRandom(failing));
        const again = await openOn(world.disks, { seed: 2 });
        expect(stateOf(again), `operation ${failing}, ${survival}`).to.equal(before);
      }
    }
  });

  it('that no disk let be undone stops all changes, and says why', async () => {
    const world = new PowerWorld();
    const disk = world.add(SIZE);
    const array = await openOn(world.disks);
    world.tamper = (_disk, { op }) => (op === BlockOp.flush ? { outcome: noSpace } : undefined);
    await refusal(array.create({ name: 'a', sizeBytes: MIB }));
    expect(disk.name).to.equal('disk0');
    expect(array.status().failure).to.match(/no disk took the old state back/);
  });
});
