import { expect } from 'chai';
import { SeededRandom } from '../../../lib/base/index.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';
import { copyCdb, copyList, cscd, segment } from './copy-commands.ts';

const seed = Number(process.env['SEED'] ?? 20_261_122);

describe(`EXTENDED COPY of damaged parameter lists (seed ${seed})`, () => {
  it('ends in a status and leaves nothing behind', async () => {
    const random = new SeededRandom(seed);
    const scsi = new ScsiHarness();
    for (let run = 0; run < 1500; run++) {
      const segments = [segment({ blocks: 8, from: random.below(2048), to: random.below(2048) })];
      const data = copyList([cscd(scsi.unit)], segments, { listId: random.below(256) });
      for (let flips = random.below(4); flips > 0; flips--) {
        data[random.below(data.length)] = random.below(256);
      }
      const bytes = random.below(4) === 0 ? random.below(data.length) : data.length;
      const answer = await scsi.run(copyCdb(bytes), { data: data.subarray(0, bytes) });
      expect(answer.aborted).to.equal(false);
    }
    expect(scsi.buffers.usedBytes).to.equal(0);
    expect(scsi.unit.tasks.count).to.equal(0);
  });
});
