import { expect } from 'chai';
import { MIB, SeededRandom } from '../../../lib/base/index.ts';
import type { Catalogue, PartitionRecord } from '../../../lib/partition/catalogue.ts';
import { decodeBody, encodeBody } from '../../../lib/partition/catalogue-body.ts';
import {
  catalogueOf,
  checkedCopy,
  decodeHeader,
  encodeCopy,
} from '../../../lib/partition/catalogue-codec.ts';
import { makeUuid } from '../../../lib/partition/index.ts';

const random = new SeededRandom(5);
const partition = (name: string, lun: number, startUnit: number): PartitionRecord => ({
  uuid: makeUuid(random),
  name,
  sizeBytes: 2 * MIB,
  targetBytes: 3 * MIB,
  blockSizeBytes: 512,
  lun,
  sharing: 'none',
  createdMs: 12,
  extents: [
    { startUnit, unitCount: 2, state: 'ready' },
    { startUnit: startUnit + 5, unitCount: 1, state: 'zeroing' },
  ],
  assignments: [{ host: 'web1', rights: 'rw', suspended: false }],
  reservations: 'aGVsbG8=',
});
const catalogue: Catalogue = {
  arrayUuid: makeUuid(random),
  layout: 'stripe',
  chunkBytes: 65_536,
  state: 'formed',
  owner: 'iqn.2026-11.io.hawser:unit1',
  createdMs: 5,
  members: [{ uuid: makeUuid(random), path: './disk0.img', sizeBytes: 64 * MIB }],
  partitions: [partition('a', 0, 0), partition('b', 1, 10)],
};

const decodeCopy = (copy: Buffer): Catalogue | undefined => {
  const header = decodeHeader(copy);
  const checked = header && checkedCopy(header, copy);
  return checked && catalogueOf(checked);
};

describe('Catalogue copy', () => {
  it('reads back as written', () => {
    expect(decodeCopy(encodeCopy(catalogue, 7))).to.deep.equal(catalogue);
    expect(decodeHeader(encodeCopy(catalogue, 7))?.generation).to.equal(7);
  });

  it('is the same bytes for equal catalogues', () => {
    expect(encodeCopy({ ...catalogue }, 7).equals(encodeCopy(catalogue, 7))).to.equal(true);
  });

  it('does not count when any byte of it is another', () => {
    const copy = encodeCopy(catalogue, 7);
    const end = 512 + encodeBody(catalogue).length;
    for (let at = 0; at < end; at++) {
      if (at >= 508 && at < 512) continue;
      const torn = Buffer.from(copy);
      torn[at]! ^= 0x10;
      expect(decodeCopy(torn), `byte ${at}`).to.equal(undefined);
    }
  });

  it('does not count when its tail is missing', () => {
    const copy = encodeCopy(catalogue, 7);
    copy.fill(0, 1024);
    expect(decodeCopy(copy)).to.equal(undefined);
  });

  it('is refused when it outgrows its slot, and says so', () => {
    const reservations = 'A'.repeat(80_000);
    const partitions = Array.from({ length: 13 }, (_, index) => ({
      ...partition(`p${index}`, index, index * 10),
      reservations,
    }));
    expect(() => encodeCopy({ ...catalogue, partitions }, 8)).to.throw(/catalogue is full/);
  });
});

describe('Catalogue body', () => {
  type Body = { partitions: Record<string, unknown>[]; [key: string]: unknown };
  const broken: [string, RegExp, (body: Body) => void][] = [];
  const breaks = (name: string, message: RegExp, change: (body: Body) => void): void => {
    broken.push([name, message, change]);
  };
  breaks('no members', /catalogue\.members: expected a list/, (body) => {
    delete body['members'];
  });
  breaks('an unknown layout', /layout: expected linear or stripe/, (body) => {
    body['layout'] = 'raid6';
  });
  breaks('a LUN of 70000', /partitions\[1\]\.lun: expected a whole number/, (body) => {
    body.partitions[1]!['lun'] = 70_000;
  });
  breaks('a block size of 1024', /blockSizeBytes: expected 512 or 4096/, (body) => {
    body.partitions[0]!['blockSizeBytes'] = 1024;
  });
  breaks('more bytes than extents', /sizeBytes: expected at most 2097152/, (body) => {
    body.partitions[0]!['sizeBytes'] = 3 * MIB;
  });
  breaks('overlapping extents', /unit 0 has two owners/, (body) => {
    body.partitions[1]!['extents'] = [[0, 5, 'ready']];
  });
  breaks('two equal names', /two partition names are equal/, (body) => {
    body.partitions[1]!['name'] = 'a';
  });
  breaks('two equal LUNs', /two logical unit numbers are equal/, (body) => {
    body.partitions[1]!['lun'] = 0;
  });
  breaks('an extent without length', /extents\[0\]\[1\]: expected a whole/, (body) => {
    body.partitions[0]!['extents'] = [[4]];
  });

  for (const [name, message, change] of broken) {
    it(`with ${name} is refused with the place`, () => {
      const body = JSON.parse(encodeBody(catalogue).toString()) as Body;
      change(body);
      expect(() => decodeBody(Buffer.from(JSON.stringify(body)))).to.throw(message);
    });
  }

  it('that is no JSON is refused', () => {
    expect(() => decodeBody(Buffer.from('{'))).to.throw(/not JSON/);
  });
});
