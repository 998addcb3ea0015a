import { expect } from 'chai';
import { cutEverywhere } from './crash-harness.ts';

describe('Power loss at every operation of every catalogue change', function () {
  this.timeout(60_000);

  for (const trial of [
    { disks: 1, layout: 'linear' },
    { disks: 2, layout: 'linear' },
    { disks: 2, layout: 'stripe' },
  ] as const) {
    it(`leaves the old or the new state of a ${trial.layout} array of ${trial.disks}`, async () => {
      const { rounds, violations } = await cutEverywhere(trial);
      expect(violations).to.deep.equal([]);
      expect(rounds).to.be.above(250);
    });
  }
});
