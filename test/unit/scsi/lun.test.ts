import { expect } from 'chai';
import { decodeLun, encodeLun } from '../../../lib/scsi/index.ts';

describe('logical unit numbers', () => {
  for (const lun of [0, 1, 255, 256, 16383]) {
    it(`${lun} survives encoding`, () => expect(decodeLun(encodeLun(lun), 0)).to.equal(lun));
  }

  it('flat space addressing of a small LUN is the same LUN', () => {
    expect(decodeLun(0x4007_0000, 0)).to.equal(7);
  });

  it('a LUN above 255 without an address method is taken', () => {
    expect(decodeLun(0x0123_0000, 0)).to.equal(0x123);
  });

  for (const [what, high, low] of [
    ['a second level', 0x0001_0001, 0],
    ['a third level', 0x0001_0000, 1],
    ['logical unit addressing', 0x8001_0000, 0],
    ['extended addressing, as of the REPORT LUNS well-known unit', 0xc101_0000, 0],
  ] as const) {
    it(`${what} is nobody`, () => expect(decodeLun(high, low)).to.equal(-1));
  }
});
