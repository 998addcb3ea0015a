import { expect } from 'chai';
import { SeededRandom } from '../../../lib/base/index.ts';
import { CommandWindow } from '../../../lib/initiator/command-window.ts';
import { TaskTable, TASKS_OUTSTANDING_MAX } from '../../../lib/initiator/task-table.ts';

describe('command window', () => {
  it('is closed until the target opens it', () => {
    const window = new CommandWindow(1);
    expect(window.open).to.equal(false);
    window.update(1, 2);
    expect([window.open, window.take(), window.take(), window.open]).to.deep.equal([
      true,
      1,
      2,
      false,
    ]);
  });

  it('never goes back', () => {
    const window = new CommandWindow(1);
    window.update(5, 20);
    window.update(3, 10);
    expect([window.expCmdSn, window.maxCmdSn]).to.deep.equal([5, 20]);
  });

  it('ignores numbers that contradict each other', () => {
    const window = new CommandWindow(1);
    expect(window.update(10, 8)).to.equal(false);
    expect(window.open).to.equal(false);
    // MaxCmdSN = ExpCmdSN - 1 is a closed window, not a contradiction
    expect(window.update(10, 9)).to.equal(true);
  });

  it('wraps', () => {
    const window = new CommandWindow(0xffff_fffe);
    window.update(0xffff_fffe, 1);
    const taken = [];
    while (window.open) taken.push(window.take());
    expect(taken).to.deep.equal([0xffff_fffe, 0xffff_ffff, 0, 1]);
  });
});

describe('task table', () => {
  it('finds an owner by its tag until it is removed', () => {
    const table = new TaskTable<string>();
    const tag = table.add('a');
    expect(table.find(tag)).to.equal('a');
    table.remove(tag);
    expect(table.find(tag)).to.equal(null);
  });

  it('does not take the tag of an earlier user for that of the next', () => {
    const table = new TaskTable<string>();
    const tag = table.add('a');
    table.remove(tag);
    const next = table.add('b');
    expect(next).to.not.equal(tag);
    expect(table.find(tag)).to.equal(null);
  });

  it('knows no tag that it has not given', () => {
    const table = new TaskTable<string>();
    table.add('a');
    for (const tag of [0xffff_ffff, 0xffff_f000, 1, 4095]) expect(table.find(tag)).to.equal(null);
  });

  it('holds as many as it says, each under its own tag, none reserved', () => {
    const table = new TaskTable<number>();
    const tags = new Set<number>();
    for (let index = 0; index < TASKS_OUTSTANDING_MAX; index++) tags.add(table.add(index));
    expect([tags.size, table.full, tags.has(0xffff_ffff)]).to.deep.equal([
      TASKS_OUTSTANDING_MAX,
      true,
      false,
    ]);
  });

  it('agrees with a map over random use (seed 7)', () => {
    const random = new SeededRandom(7);
    const table = new TaskTable<number>();
    const model = new Map<number, number>();
    for (let step = 0; step < 20_000; step++) {
      if (random.below(2) === 0 && !table.full) model.set(table.add(step), step);
      else if (model.size > 0) {
        const tag = [...model.keys()][random.below(Math.min(model.size, 8))]!;
        table.remove(tag);
        model.delete(tag);
      }
      expect(table.outstanding).to.equal(model.size);
    }
    for (const [tag, owner] of model) expect(table.find(tag)).to.equal(owner);
  }).timeout(10_000);
});
