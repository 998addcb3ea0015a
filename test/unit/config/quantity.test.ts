import { expect } from 'chai';
import { formatSize, parseDuration, parseSize, roundedSize } from '../../../config/index.ts';

describe('sizes and durations', () => {
  const sizes: [string, number | undefined][] = [
    ['512B', 512],
    ['64KiB', 65_536],
    ['1.5MiB', 1_572_864],
    ['10 GiB', 10 * 2 ** 30],
    ['2TiB', 2 * 2 ** 40],
    ['10', undefined],
    ['10GB', undefined],
    ['10gib', undefined],
    ['-1GiB', undefined],
    ['0.3B', undefined],
    ['9007199254740993B', undefined],
    ['99999999TiB', undefined],
    ['', undefined],
  ];
  for (const [text, bytes] of sizes) {
    it(`reads the size "${text}" as ${bytes ?? 'no size'}`, () => {
      expect(parseSize(text)).to.equal(bytes);
    });
  }

  const durations: [string, number | undefined][] = [
    ['250ms', 250],
    ['1.5s', 1500],
    ['2m', 120_000],
    ['2', undefined],
    ['2h', undefined],
  ];
  for (const [text, ms] of durations) {
    it(`reads the duration "${text}" as ${ms ?? 'no duration'}`, () => {
      expect(parseDuration(text)).to.equal(ms);
    });
  }

  for (const bytes of [1, 512, 1024, 1536, 2 ** 20, 3 * 2 ** 29, 2 ** 30 + 1, 2 ** 42]) {
    it(`prints ${bytes} bytes so that they can be typed back`, () => {
      expect(parseSize(formatSize(bytes))).to.equal(bytes);
    });
  }

  it('rounds to one decimal for tables', () => {
    expect(roundedSize(3 * 2 ** 29)).to.equal('1.5GiB');
  });
});
