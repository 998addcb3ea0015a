import { expect } from 'chai';
import fc from 'fast-check';
import { crc32c } from '../../../lib/wire/index.ts';

/** Bit by bit, straight from the definition. */
function slowCrc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);

// RFC 3720 appendix B.4 prints the digests of these as bytes on the wire, least significant first
const known: readonly [string, Uint8Array, number][] = [
  ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 ascending bytes', ascending, 0x46dd794e],
  ['32 descending bytes', ascending.toReversed(), 0x113fdb5c],
  ['the digits 1 to 9', Buffer.from('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(0), 0],
];

describe('crc32c', () => {
  for (const [name, data, expected] of known) {
    it(`gives the published value for ${name}`, () => {
      expect(crc32c(data, 0, data.length)).to.equal(expected);
    });
  }

  it('agrees with the definition at every length and start', () => {
    const data = Uint8Array.from({ length: 64 }, (_, index) => (index * 37 + 11) & 0xff);
    for (let start = 0; start < 9; start++) {
      for (let end = start; end <= data.length; end++) {
        expect(crc32c(data, start, end)).to.equal(slowCrc32c(data.subarray(start, end)));
      }
    }
  });

  it('goes on from the result for the bytes before', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(), (data, cut) => {
        const at = data.length === 0 ? 0 : cut % data.length;
        const seed = crc32c(data, 0, at);
        expect(crc32c(data, at, data.length, seed)).to.equal(slowCrc32c(data));
      }),
    );
  });
});
