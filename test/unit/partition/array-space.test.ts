import { expect } from 'chai';
import { KIB, MIB, SeededRandom } from '../../../lib/base/index.ts';
import { arraySpace, Run } from '../../../lib/partition/array-space.ts';
import type { ArraySpace } from '../../../lib/partition/array-space.ts';

const linear = arraySpace({
  layout: 'linear',
  chunkBytes: 64 * KIB,
  memberBytes: [7 * MIB, 12 * MIB + 4096, 5 * MIB],
});
const stripe = arraySpace({
  layout: 'stripe',
  chunkBytes: 64 * KIB,
  memberBytes: [10 * MIB, 9 * MIB, 12 * MIB],
});

/** Every piece of the array in order, as member and place. */
function pieces(space: ArraySpace): Run[] {
  const list: Run[] = [];
  for (let position = 0; position < space.sizeBytes;) {
    const run = new Run();
    space.locate(position, run);
    list.push(run);
    position += run.lengthBytes;
  }
  return list;
}

describe('Array space', () => {
  it('of a linear array is the sum of what its members have between their metadata', () => {
    expect(linear.sizeBytes).to.equal((3 + 8 + 1) * MIB);
  });

  it('of a stripe is bounded by its smallest member', () => {
    expect(stripe.sizeBytes).to.equal(3 * 5 * MIB);
    expect(stripe.optimalBytes).to.equal(3 * 64 * KIB);
  });

  it('of a stripe of one disk is that disk in one piece', () => {
    const single = arraySpace({ layout: 'stripe', chunkBytes: 64 * KIB, memberBytes: [9 * MIB] });
    expect(pieces(single)).to.have.length(1);
  });

  it('deals chunks to the members in turn', () => {
    const members = pieces(stripe).map(({ member }) => member);
    expect(members.slice(0, 4)).to.deep.equal([0, 1, 2, 0]);
    expect(pieces(stripe)[3]!.offsetBytes).to.equal(2 * MIB + 64 * KIB);
  });

  for (const [name, space] of [
    ['linear', linear],
    ['stripe', stripe],
  ] as const) {
    it(`of a ${name} array gives every byte a place of its own, clear of the metadata`, () => {
      const ends = [0, 0, 0].map(() => 2 * MIB);
      for (const { member, offsetBytes, lengthBytes } of pieces(space)) {
        expect(offsetBytes).to.equal(ends[member]);
        ends[member] = offsetBytes + lengthBytes;
      }
    });

    it(`of a ${name} array gives the same bytes by shares as by pieces (seed 3)`, () => {
      const random = new SeededRandom(3);
      for (let round = 0; round < 200; round++) {
        const start = random.below(space.sizeBytes / 512) * 512;
        const end = start + 512 * (1 + random.below((space.sizeBytes - start) / 512));
        const byPieces = [0, 0, 0];
        const first: (number | undefined)[] = [];
        const run = new Run();
        for (let position = start; position < end; position += run.lengthBytes) {
          space.locate(position, run);
          run.lengthBytes = Math.min(run.lengthBytes, end - position);
          byPieces[run.member]! += run.lengthBytes;
          first[run.member] ??= run.offsetBytes;
        }
        for (const member of [0, 1, 2]) {
          space.share(member, start, end, run);
          expect(run.lengthBytes).to.equal(byPieces[member]);
          if (run.lengthBytes > 0) expect(run.offsetBytes).to.equal(first[member]);
        }
      }
    });
  }
});
