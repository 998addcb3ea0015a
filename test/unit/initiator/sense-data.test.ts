import { expect } from 'chai';
import { decodeSense } from '../../../lib/initiator/index.ts';
import { senseTable, writeSense, SENSE_BYTES_MAX } from '../../../lib/scsi/index.ts';
import type { SenseReason } from '../../../lib/scsi/index.ts';

describe('sense data', () => {
  for (const descriptor of [false, true]) {
    const format = descriptor ? 'descriptor' : 'fixed';

    it(`reads every reason of the target's table in ${format} format`, () => {
      for (const reason of Object.keys(senseTable) as SenseReason[]) {
        const into = Buffer.alloc(SENSE_BYTES_MAX);
        const length = writeSense(into, reason, { specific: 0, information: -1 }, descriptor);
        const { key, asc, ascq } = senseTable[reason];
        const expected = { key, code: (asc << 8) | ascq, information: null };
        expect(decodeSense(into, length), reason).to.deep.equal(expected);
      }
    });

    it(`reads INFORMATION in ${format} format`, () => {
      const into = Buffer.alloc(SENSE_BYTES_MAX);
      const detail = { specific: 0, information: 0x1234 };
      const length = writeSense(into, 'miscompare', detail, descriptor);
      expect(decodeSense(into, length)?.information).to.equal(0x1234);
    });
  }

  it('takes no other bytes for sense data', () => {
    expect(decodeSense(Buffer.alloc(18), 18)).to.equal(null);
    expect(decodeSense(Buffer.from([0x70]), 1)).to.equal(null);
    expect(decodeSense(Buffer.alloc(0), 0)).to.equal(null);
  });

  it('survives descriptors that lie about their length', () => {
    const bytes = Buffer.from([0x72, 5, 0x24, 0, 0, 0, 0, 200, 0, 0x0a, 0x80]);
    const expected = { key: 5, code: 0x2400, information: null };
    expect(decodeSense(bytes, bytes.length)).to.deep.equal(expected);
  });
});
