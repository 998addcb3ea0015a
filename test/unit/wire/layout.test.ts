import { expect } from 'chai';
import fc from 'fast-check';
import {
  bits,
  bytes,
  claimedBits,
  decode,
  encode,
  encodeInto,
  flag,
  layout,
  readSafeU64,
  safeU64,
  u16,
  u24,
  u32,
  u64,
  u8,
} from '../../../lib/wire/index.ts';

const sample = layout(40, {
  kind: bits(0, 0x3f, 0x21),
  urgent: flag(0, 0x40),
  low: u8(1),
  middle: u24(2),
  word: u32(5),
  opaque: u64(9),
  offset: safeU64(17),
  name: bytes(25, 3),
  short: u16(28, 7),
});

describe('layout', () => {
  it('writes each field at its place, big-endian, and zeros elsewhere', () => {
    const value = {
      kind: 1,
      urgent: true,
      low: 2,
      middle: 0x030405,
      word: 0x06070809,
      opaque: 0x0a0b0c0d0e0f1011n,
      offset: 0x1213_14151617,
      name: Buffer.from('abc'),
      short: 0x1819,
    };
    expect(encode(sample, value).toString('hex')).to.equal(
      '410203040506070809' +
        '0a0b0c0d0e0f1011' +
        '0000121314151617' +
        '6162631819' +
        '00'.repeat(10),
    );
    expect(decode(sample, encode(sample, value))).to.deep.equal(value);
  });

  it('writes initial values where the value names no field', () => {
    const encoded = encode(sample, {});
    expect(decode(sample, encoded)).to.include({ kind: 0x21, urgent: false, short: 7 });
  });

  it('overwrites what was in the buffer', () => {
    const into = Buffer.alloc(50, 0xff);
    encodeInto(sample, {}, into, 5);
    expect(into.subarray(5, 45)).to.deep.equal(encode(sample, {}));
    expect(into[4]).to.equal(0xff);
    expect(into[45]).to.equal(0xff);
  });

  it('copies byte fields, so that a reused buffer changes nothing', () => {
    const from = encode(sample, { name: Buffer.from('abc') });
    const value = decode(sample, from);
    from.fill(0);
    expect(value.name.toString()).to.equal('abc');
  });

  it('refuses fields that share a bit', () => {
    expect(() => layout(4, { a: u16(0), b: u8(1) })).to.throw('overlaps');
    expect(() => layout(1, { a: flag(0, 0x40), b: bits(0, 0x60) })).to.throw('overlaps');
  });

  it('takes fields that share a byte but no bit', () => {
    expect(() => layout(1, { a: flag(0, 0x80), b: bits(0, 0x7f) })).not.to.throw();
  });

  it('refuses a field that leaves the structure', () => {
    expect(() => layout(4, { a: u32(1) })).to.throw('outside');
    expect(() => layout(4, { a: u8(-1) })).to.throw('before');
  });

  it('refuses bits that are not adjacent and flags of several bits', () => {
    expect(() => bits(0, 0x05)).to.throw('adjacent');
    expect(() => flag(0, 0x03)).to.throw('one bit');
  });

  it('refuses to write a value that does not fit', () => {
    expect(() => encode(sample, { low: 256 })).to.throw('range');
    expect(() => encode(sample, { middle: -1 })).to.throw('range');
    expect(() => encode(sample, { kind: 0x40 })).to.throw('range');
    expect(() => encode(sample, { offset: 2 ** 53 })).to.throw('range');
    expect(() => encode(sample, { name: Buffer.alloc(2) })).to.throw('length');
  });

  it('refuses to read a structure that is cut short', () => {
    expect(() => decode(sample, Buffer.alloc(39))).to.throw('short');
    expect(() => decode(sample, Buffer.alloc(45), 6)).to.throw('short');
  });

  it('names the bits that are in use', () => {
    const claimed = claimedBits(sample);
    expect(claimed[0]).to.equal(0x7f);
    expect(claimed[29]).to.equal(0xff);
    expect(claimed[30]).to.equal(0);
  });

  it('reads 64-bit values up to 2^53 - 1 and no further', () => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigUInt64BE(2n ** 53n - 1n);
    expect(readSafeU64(buffer, 0)).to.equal(Number.MAX_SAFE_INTEGER);
    buffer.writeBigUInt64BE(2n ** 53n);
    expect(readSafeU64(buffer, 0)).to.equal(undefined);
  });

  it('reads back every value that it writes', () => {
    const value = fc.record({
      kind: fc.integer({ min: 0, max: 0x3f }),
      urgent: fc.boolean(),
      low: fc.integer({ min: 0, max: 0xff }),
      middle: fc.integer({ min: 0, max: 0xffffff }),
      word: fc.integer({ min: 0, max: 0xffffffff }),
      opaque: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      offset: fc.maxSafeNat(),
      name: fc.uint8Array({ minLength: 3, maxLength: 3 }).map((array) => Buffer.from(array)),
      short: fc.integer({ min: 0, max: 0xffff }),
    });
    fc.assert(
      fc.property(value, (v) => {
        expect(decode(sample, encode(sample, v))).to.deep.equal(v);
      }),
    );
  });
});
