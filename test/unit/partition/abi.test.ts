import { expect } from 'chai';
import { MemoryDevice } from '../../../lib/block/index.ts';
import { readFixture, restoreImage } from '../../fixtures/abi/images.ts';
import { summaryOf } from '../../fixtures/abi/record-arrays.ts';
import { openOn } from '../../fakes/partition-fixtures.ts';

describe('Disks written by format version 1', () => {
  for (const name of ['stripe-with-everything', 'linear-interrupted']) {
    it(`are read as ever: ${name}`, async () => {
      const { layout, serverId, disks, expected } = readFixture(1, name);
      const devices = disks.map(
        ({ path, sizeBytes }) => new MemoryDevice({ capacityBytes: sizeBytes, name: path }),
      );
      await Promise.all(disks.map((image, index) => restoreImage(image, devices[index]!)));
      const array = await openOn(devices, { layout, serverId });
      expect(array.state).to.equal('online');
      expect(summaryOf(array)).to.deep.equal(expected);
    });
  }
});
