import { expect } from 'chai';
import fc from 'fast-check';
import {
  encodeTextKeys,
  parseBoolean,
  parseNumber,
  parseRange,
  parseTextKeys,
  repeatedKey,
} from '../../../lib/iscsi/index.ts';

const parse = (text: string): unknown => {
  const result = parseTextKeys(Buffer.from(text, 'utf8'));
  return result.ok ? result.value.map(({ key, value }) => [key, value]) : result.error;
};

describe('text keys', () => {
  it('are split at zero bytes and at the first equals sign', () => {
    expect(parse('A=1\0TargetName=iqn.x\0X-com.y=a=b\0')).to.deep.equal([
      ['A', '1'],
      ['TargetName', 'iqn.x'],
      ['X-com.y', 'a=b'],
    ]);
  });
  it('may have an empty value', () =>
    expect(parse('SendTargets=\0')).to.deep.equal([['SendTargets', '']]));
  it('may be none', () => expect(parse('')).to.deep.equal([]));
  it('pass over empty pairs', () => expect(parse('\0A=1\0\0\0')).to.deep.equal([['A', '1']]));
  it('include iSCSIProtocolLevel and X# keys', () => {
    expect(parse('iSCSIProtocolLevel=1\0X#NodeArchitecture=x\0')).to.have.length(2);
  });
  it('keep repeated keys for the reader to judge', () => {
    expect(parse('A=1\0A=2\0')).to.have.length(2);
    expect(
      repeatedKey([
        { key: 'A', value: '1' },
        { key: 'B', value: '' },
        { key: 'A', value: '2' },
      ]),
    ).to.equal('A');
    expect(repeatedKey([{ key: 'A', value: '1' }])).to.equal(undefined);
  });

  const malformed: readonly [string, string, string][] = [
    ['without an end', 'A=1', 'no end'],
    ['without "="', 'A\0', 'no "="'],
    ['without a key', '=1\0', 'label'],
    ['with a blank in the key', 'A B=1\0', 'label'],
    ['with a key that begins with a digit', '1A=1\0', 'label'],
    ['with a key of 64 bytes', `${'A'.repeat(64)}=1\0`, 'label'],
  ];
  for (const [name, text, fault] of malformed) {
    it(`are refused ${name}`, () => expect(parse(text)).to.contain(fault));
  }
  it('are refused where they are not UTF-8', () => {
    const result = parseTextKeys(Buffer.from([0x41, 0x3d, 0xc3, 0x28, 0]));
    expect(result).to.deep.equal({ ok: false, error: 'the text is not UTF-8' });
  });
  it('are refused beyond 1024 pairs', () => {
    expect(parse('A=1\0'.repeat(1024))).to.have.length(1024);
    expect(parse('A=1\0'.repeat(1025))).to.equal('too many pairs');
  });
  it('may have a key of 63 bytes', () => expect(parse(`${'A'.repeat(63)}=1\0`)).to.have.length(1));

  it('read back as they were written', () => {
    const key = fc.stringMatching(/^[A-Z][A-Za-z0-9.+@_-]{0,62}$/);
    const value = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.array(fc.record({ key, value }), { maxLength: 20 }), (pairs) => {
        expect(parseTextKeys(encodeTextKeys(pairs))).to.deep.equal({ ok: true, value: pairs });
      }),
    );
  });
});

describe('constants in text', () => {
  it('are numbers in decimal or hex', () => {
    expect(['0', '8192', '0x2000', '0X1f'].map(parseNumber)).to.deep.equal([0, 8192, 8192, 31]);
  });
  for (const text of [
    '',
    '-1',
    '1.5',
    '1e3',
    '010',
    '0x',
    '0xg',
    ' 1',
    '9007199254740992',
    'Yes',
  ]) {
    it(`are no number where they say "${text}"`, () =>
      expect(parseNumber(text)).to.equal(undefined));
  }
  it('read back every safe number', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (number) => {
        expect(parseNumber(String(number))).to.equal(number);
        expect(parseNumber(`0x${number.toString(16)}`)).to.equal(number);
      }),
    );
  });
  it('are ranges', () => {
    expect(parseRange('1~0x10')).to.deep.equal({ low: 1, high: 16 });
    for (const text of ['2~1', '1', '1~2~3', '~1', '1~'])
      expect(parseRange(text)).to.equal(undefined);
  });
  it('are booleans by their exact spelling', () => {
    expect(['Yes', 'No', 'yes', 'true', ''].map(parseBoolean)).to.deep.equal([
      true,
      false,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
