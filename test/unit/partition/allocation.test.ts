import { expect } from 'chai';
import { allocate, freeRanges, settled } from '../../../lib/partition/allocation.ts';
import type { Extent, PartitionRecord } from '../../../lib/partition/catalogue.ts';

const ready = (startUnit: number, unitCount: number): Extent => ({
  startUnit,
  unitCount,
  state: 'ready',
});
const taken = (...extents: Extent[]): PartitionRecord[] => [{ extents } as never];
const places = (extents: readonly Extent[] | undefined): number[][] | undefined =>
  extents?.map(({ startUnit, unitCount }) => [startUnit, unitCount]);

describe('Allocation', () => {
  const free = freeRanges(taken(ready(2, 3), ready(8, 1), ready(20, 5)), 30);

  it('finds what no extent covers', () => {
    expect(free.map(({ startUnit, unitCount }) => [startUnit, unitCount])).to.deep.equal([
      [0, 2],
      [5, 3],
      [9, 11],
      [25, 5],
    ]);
  });

  it('takes the first range that holds everything', () => {
    expect(places(allocate(free, 3))).to.deep.equal([[5, 3]]);
  });

  it('goes on right behind the last extent of a partition that grows', () => {
    expect(places(allocate(free, 4, ready(20, 5)))).to.deep.equal([[25, 4]]);
  });

  it('goes elsewhere when the space behind does not suffice', () => {
    expect(places(allocate(free, 6, ready(20, 5)))).to.deep.equal([[9, 6]]);
  });

  it('takes the largest ranges when none holds everything', () => {
    expect(places(allocate(free, 17))).to.deep.equal([
      [9, 11],
      [25, 5],
      [5, 1],
    ]);
  });

  it('takes nothing when there is too little', () => {
    expect(allocate(free, 22)).to.equal(undefined);
  });

  it('marks what it takes as not yet zeroed', () => {
    expect(allocate(free, 1)![0]!.state).to.equal('zeroing');
  });

  it('joins neighbours once they are ready, in the order of the partition', () => {
    const extents = [ready(4, 2), { ...ready(6, 1), state: 'zeroing' as const }, ready(0, 1)];
    expect(settled(extents)).to.deep.equal([ready(4, 3), ready(0, 1)]);
  });
});
