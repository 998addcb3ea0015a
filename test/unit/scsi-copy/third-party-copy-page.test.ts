import { expect } from 'chai';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';
import { resultsCdb } from './copy-commands.ts';

describe('Third-party Copy VPD page', () => {
  let page: Buffer;
  let scsi: ScsiHarness;
  beforeEach(async () => {
    scsi = new ScsiHarness();
    page = (await scsi.run([0x12, 1, 0x8f, 4, 0, 0])).data;
  });

  const descriptors = (): Map<number, Buffer> => {
    const found = new Map<number, Buffer>();
    for (let at = 4; at < page.length; at += 4 + page.readUInt16BE(at + 2)) {
      found.set(page.readUInt16BE(at), page.subarray(at, at + 4 + page.readUInt16BE(at + 2)));
    }
    return found;
  };

  it('is a sequence of descriptors that fills it, ascending', () => {
    expect(page.readUInt16BE(2)).to.equal(page.length - 4);
    expect([...descriptors().keys()]).to.deep.equal([0x0001, 0x0004, 0x0008, 0x8001]);
    for (const descriptor of descriptors().values()) expect(descriptor.length % 4).to.equal(0);
  });

  it('names the commands and service actions that REPORT SUPPORTED OPERATION CODES finds', async () => {
    const list = descriptors().get(0x0001)!;
    const end = 5 + list[4]!;
    for (let at = 5; at < end; at += 2 + list[at + 1]!) {
      for (const action of list.subarray(at + 2, at + 2 + list[at + 1]!)) {
        const cdb = [0xa3, 0x0c, 0x02, list[at]!, 0, action, 0, 0, 1, 0, 0, 0];
        const { data } = await scsi.run(cdb);
        expect(data[1]! & 0x07, `${list[at]} ${action}`).to.equal(3);
      }
    }
  });

  it('tells the limits of OPERATING PARAMETERS', async () => {
    const { data } = await scsi.run(resultsCdb(3));
    const limits = descriptors().get(0x0004)!;
    expect(limits.subarray(8, 16).equals(data.subarray(8, 16))).to.equal(true);
    const types = descriptors().get(0x0008)!;
    expect([...types.subarray(4, 5 + types[4]!)]).to.deep.equal([...data.subarray(43)]);
  });
});
