import { expect } from 'chai';
import fc from 'fast-check';
import { formatHex, parseBinary, parseByte } from '../../../lib/auth/index.ts';

const BYTES_MAX = 1024;
const hexOf = (text: string): string | undefined => parseBinary(text, BYTES_MAX)?.toString('hex');

describe('binary values in text', () => {
  it('may be hex, in either case', () => {
    expect(hexOf('0x00aB')).to.equal('00ab');
    expect(hexOf('0XFF')).to.equal('ff');
  });
  it('have a zero put before an odd number of hex digits', () =>
    expect(hexOf('0xabc')).to.equal('0abc'));
  it('may be base64, with and without padding', () => {
    expect(hexOf('0bAAEC')).to.equal('000102');
    expect(hexOf('0BAAE=')).to.equal('0001');
    expect(hexOf('0bAAE')).to.equal('0001');
    expect(hexOf('0bAA==')).to.equal('00');
    expect(hexOf('0bAA')).to.equal('00');
  });
  it('may be decimal', () => {
    expect(hexOf('0')).to.equal('00');
    expect(hexOf('258')).to.equal('0102');
    expect(hexOf('18446744073709551615')).to.equal('ff'.repeat(8));
  });
  for (const text of [
    '',
    '0x',
    '0b',
    '0xzz',
    '0bA',
    '0bA===',
    '0b!!',
    '-1',
    '010',
    '1'.repeat(21),
    'abc',
  ]) {
    it(`may not be "${text}"`, () => expect(hexOf(text)).to.equal(undefined));
  }
  it('are refused beyond their limit in every spelling', () => {
    const exact = Buffer.alloc(BYTES_MAX, 7);
    const longer = Buffer.alloc(BYTES_MAX + 1, 7);
    expect(parseBinary(formatHex(exact), BYTES_MAX)).to.deep.equal(exact);
    expect(parseBinary(formatHex(longer), BYTES_MAX)).to.equal(undefined);
    expect(parseBinary(`0b${exact.toString('base64')}`, BYTES_MAX)).to.deep.equal(exact);
    expect(parseBinary(`0b${longer.toString('base64')}`, BYTES_MAX)).to.equal(undefined);
  });
  it('read back as they were written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (array) => {
        const bytes = Buffer.from(array);
        expect(parseBinary(formatHex(bytes), BYTES_MAX)).to.deep.equal(bytes);
        expect(parseBinary(`0b${bytes.toString('base64')}`, BYTES_MAX)).to.deep.equal(bytes);
      }),
    );
  });
  it('are one byte where they are 0 to 255', () => {
    expect(['0', '255', '0xff', '0x00ff', '0b/w==', '5'].map(parseByte)).to.deep.equal([
      0, 255, 255, 255, 255, 5,
    ]);
    expect(['256', '0x100', '', 'x'].map(parseByte)).to.deep.equal(Array(4).fill(undefined));
  });
});
