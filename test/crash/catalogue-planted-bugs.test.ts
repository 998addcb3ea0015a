/** The crash tests are only worth what they find: each bug planted here must be seen by them. */
import { expect } from 'chai';
import { MIB } from '../../lib/base/index.ts';
import { BlockOp } from '../../lib/block/index.ts';
import type { BlockRequest } from '../../lib/block/index.ts';
import { labelOffset, REGION_SIDES, slotOffset } from '../../lib/partition/geometry.ts';
import { SLOT_BYTES } from '../../lib/partition/index.ts';
import { cutEverywhere, DISK_BYTES } from './crash-harness.ts';
import type { Tamper, Trial } from './crash-harness.ts';

const inData = ({ offsetBytes }: BlockRequest): boolean =>
  offsetBytes >= 2 * MIB && offsetBytes < DISK_BYTES - 2 * MIB;

const flushesNothing: Tamper = (_disk, { op }) => (op === BlockOp.flush ? 'pretend' : undefined);

const skipsSecondCopy: Tamper = (_disk, request) =>
  request.op === BlockOp.write && request.offsetBytes >= DISK_BYTES - 2 * MIB
    ? 'pretend'
    : undefined;

const isLabel = ({ offsetBytes }: BlockRequest): boolean =>
  REGION_SIDES.some((side) => offsetBytes === labelOffset(side, DISK_BYTES));

const skipsSecondDisk: Tamper = (disk, request) =>
  request.op === BlockOp.write && disk.name === 'disk1' && !inData(request) && !isLabel(request)
    ? 'pretend'
    : undefined;

/** Slot 1 is slot 0: every write goes over the only good copy. */
const doesNotAlternate: Tamper = (_disk, { offsetBytes }) => {
  const side = REGION_SIDES.find((one) => {
    const start = slotOffset(one, 1, DISK_BYTES);
    return offsetBytes >= start && offsetBytes < start + SLOT_BYTES;
  });
  return side === undefined ? undefined : { moveTo: offsetBytes - SLOT_BYTES };
};

const leavesStaleMembers: Tamper = (_disk, request) =>
  request.op === BlockOp.write && !inData(request) ? 'pretend' : undefined;

const zeroesNothing: Tamper = (_disk, request) =>
  request.op === BlockOp.writeZeroes && inData(request) ? 'pretend' : undefined;

/** Says "ready" before the zeros are on the medium. */
function forgetsFlushAfterZeroing(): Tamper {
  const zeroed = new Set<string>();
  return (disk, request) => {
    if (request.op === BlockOp.flush) return zeroed.delete(disk.name) ? 'pretend' : undefined;
    if (request.op === BlockOp.writeZeroes && inData(request)) zeroed.add(disk.name);
    return undefined;
  };
}

describe('A bug planted in the catalogue', function () {
  this.timeout(60_000);

  const bugs: [string, Tamper, NonNullable<Trial['planted']>][] = [
    ['acknowledges before anything is durable', flushesNothing, 'change'],
    ['writes no copy at the end of the disks', skipsSecondCopy, 'change'],
    ['leaves the second disk out', skipsSecondDisk, 'change'],
    ['writes over the only good copy', doesNotAlternate, 'always'],
    ['serves before members that are behind are rewritten', leavesStaleMembers, 'afterCrash'],
    ['serves what was read from a cache and may vanish', flushesNothing, 'afterCrash'],
    ['serves space without zeroing it', zeroesNothing, 'always'],
    ['calls space ready before its zeros are durable', forgetsFlushAfterZeroing(), 'always'],
  ];
  for (const [name, tamper, planted] of bugs) {
    it(`is found when it ${name}`, async () => {
      const options = { tamper, planted, stopAtFirst: true } as const;
      const { violations } = await cutEverywhere({ disks: 2, layout: 'linear', ...options });
      expect(violations).to.have.length(1);
    });
  }
});
