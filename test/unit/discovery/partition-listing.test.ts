import { expect } from 'chai';
import fc from 'fast-check';
import {
  formatPartitions,
  parsePartitions,
  PARTITIONS_VALUE_BYTES_MAX,
  partitionsQuestion,
} from '../../../lib/discovery/index.ts';
import type { ListedPartition } from '../../../lib/discovery/index.ts';

const data1: ListedPartition = {
  name: 'data1',
  lun: 0,
  sizeBytes: 1_073_741_824,
  blockSizeBytes: 512,
  rights: 'rw',
};
const media: ListedPartition = {
  name: 'media',
  lun: 1,
  sizeBytes: 536_870_912,
  blockSizeBytes: 4096,
  rights: 'ro',
};

const manyPartitions = (count: number): ListedPartition[] =>
  Array.from({ length: count }, (_, lun) => ({ ...data1, lun, name: `partition-${lun}` }));

describe('the listing of assigned partitions', () => {
  it('is one simple-value a partition, ascending by LUN', () => {
    expect(formatPartitions([media, data1])).to.equal(
      'v1,2,data1/0/1073741824/512/rw,media/1/536870912/4096/ro',
    );
  });

  it('of a host that has none is a count of 0', () => {
    expect(formatPartitions([])).to.equal('v1,0');
    expect(parsePartitions('v1,0')).to.deep.equal({ partitions: [], total: 0 });
  });

  it('reads back what was written, whatever the names', () => {
    const partition = fc.record({
      name: fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }).filter(isWellFormed),
      sizeBytes: fc.nat(),
      blockSizeBytes: fc.constantFrom(512, 4096),
      rights: fc.constantFrom('rw' as const, 'ro' as const),
    });
    fc.assert(
      fc.property(fc.array(partition, { maxLength: 8 }), (parts) => {
        const listed = parts.map((part, lun) => ({ ...part, lun }));
        const parsed = parsePartitions(formatPartitions(listed));
        expect(parsed).to.deep.equal({ partitions: listed, total: listed.length });
      }),
    );
  });

  it('keeps to the characters of an iSCSI text value', () => {
    expect(formatPartitions([{ ...data1, name: 'a/b,c ü+\0' }])).to.match(/^[\w.\-+@/[\]:,]+$/);
  });

  it('ends early rather than grow too long, and goes on where the host asks', () => {
    const all = manyPartitions(2_000);
    const received: ListedPartition[] = [];
    while (received.length < all.length) {
      const value = formatPartitions(all, received.length === 0 ? 0 : received.at(-1)!.lun + 1);
      expect(value.length).to.be.at.most(PARTITIONS_VALUE_BYTES_MAX);
      const listing = parsePartitions(value)!;
      expect(listing.total).to.equal(all.length);
      expect(listing.partitions).to.not.be.empty;
      received.push(...listing.partitions);
    }
    expect(received).to.deep.equal(all);
  });

  it('skips fields that a later version adds behind the rights', () => {
    expect(parsePartitions('v1,1,data1/0/1073741824/512/rw/thin')?.partitions).to.deep.equal([
      data1,
    ]);
  });

  for (const [why, value] of [
    ['another version', 'v2,0'],
    ['no count', 'v1'],
    ['more entries than counted', 'v1,0,data1/0/512/512/rw'],
    ['an entry that is cut', 'v1,1,data1/0/512'],
    ['unknown rights', 'v1,1,data1/0/512/512/rx'],
    ['a size past 2^53', 'v1,1,data1/0/9999999999999999/512/rw'],
    ['a sign', 'v1,1,data1/0/+512/512/rw'],
    ['LUNs out of order', 'v1,2,a/1/512/512/rw,b/0/512/512/rw'],
    ['a LUN twice', 'v1,2,a/1/512/512/rw,b/1/512/512/rw'],
    ['an unfinished escape', 'v1,1,a+2/0/512/512/rw'],
    ['an escape of a plain letter', 'v1,1,+61/0/512/512/rw'],
    ['bytes that are no UTF-8', 'v1,1,+ff/0/512/512/rw'],
    ['a value too long', `v1,1,${'a'.repeat(PARTITIONS_VALUE_BYTES_MAX)}`],
  ] as const)
    it(`with ${why} is refused`, () => {
      expect(parsePartitions(value)).to.equal(undefined);
    });
});

describe('the question for partitions', () => {
  it('is All or the LUN to begin with', () => {
    expect(partitionsQuestion('All')).to.equal(0);
    expect(partitionsQuestion('128')).to.equal(128);
  });

  it('is refused in any other form', () => {
    for (const value of ['', 'all', '-1', '16384', '0x10', '1 ', '01'])
      expect(partitionsQuestion(value), value).to.equal(undefined);
  });
});

const isWellFormed = (text: string): boolean => Buffer.from(text).toString() === text;
