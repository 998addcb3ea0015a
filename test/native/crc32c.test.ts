import { expect } from 'chai';
import { SeededRandom } from '../../lib/base/index.ts';
import { nativeBinding } from '../../lib/block/index.ts';

const ascending = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
/**
 * RFC 7143 A.4 (bytes as values, the digest least significant byte first) and the check value of
 * the polynomial.
 */
const vectors: readonly (readonly [name: string, bytes: Buffer, crc: number])[] = [
  ['no bytes', Buffer.alloc(0), 0],
  ['32 bytes of zeros', Buffer.alloc(32), 0x8a9136aa],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['32 ascending bytes', ascending, 0x46dd794e],
  ['32 descending bytes', Buffer.from(ascending).reverse(), 0x113fdb5c],
  ['"123456789"', Buffer.from('123456789'), 0xe3069283],
];
const SEED = 32;

describe('native CRC32C', () => {
  const native = nativeBinding();

  for (const [name, bytes, crc] of vectors) {
    it(`of ${name}`, () => {
      expect(native.crc32c(bytes, 0, bytes.length, 0)).to.equal(crc);
      expect(native.crc32cPortable(bytes, 0, bytes.length, 0)).to.equal(crc);
    });
  }

  it(`is the same in hardware and by table at all lengths and starts (seed ${SEED})`, () => {
    const random = new SeededRandom(SEED);
    const bytes = random.bytes(20_000);
    const lengths = [...Array(800).keys(), 6143, 6144, 6145, 6920, 12_288, 13_063, 19_000];
    for (const length of lengths) {
      const start = random.below(900);
      const end = start + length;
      const seed = random.below(2 ** 32);
      const table = native.crc32cPortable(bytes, start, end, seed);
      expect(native.crc32c(bytes, start, end, seed), `${start}..${end}`).to.equal(table);
    }
  });

  it('goes on from the CRC of what comes before', () => {
    const bytes = new SeededRandom(SEED).bytes(10_000);
    const whole = native.crc32c(bytes, 0, 10_000, 0);
    for (const cut of [0, 1, 7, 8, 769, 6144, 9999, 10_000]) {
      const first = native.crc32c(bytes, 0, cut, 0);
      expect(native.crc32c(bytes, cut, 10_000, first)).to.equal(whole);
    }
  });

  it('refuses a range outside the bytes and what is no bytes', () => {
    const bytes = Buffer.alloc(8);
    expect(() => native.crc32c(bytes, 0, 9, 0)).to.throw(TypeError);
    expect(() => native.crc32c(bytes, 5, 4, 0)).to.throw(TypeError);
    expect(() => native.crc32c(bytes, -1, 4, 0)).to.throw(TypeError);
    expect(() => native.crc32c('12345678' as unknown as Buffer, 0, 4, 0)).to.throw(TypeError);
  });
});
