import { expect } from 'chai';
import { MIB, SeededRandom } from '../../../lib/base/index.ts';
import { crc32c } from '../../../lib/wire/index.ts';
import { decodeLabel, encodeLabel } from '../../../lib/partition/label.ts';
import type { Label } from '../../../lib/partition/label.ts';
import { makeUuid } from '../../../lib/partition/index.ts';

const random = new SeededRandom(1);
const label: Label = {
  arrayUuid: makeUuid(random),
  diskUuid: makeUuid(random),
  layout: 'stripe',
  chunkBytes: 65_536,
  memberCount: 3,
  memberIndex: 2,
  memberBytes: 2 ** 42,
  createdMs: 1_700_000_000_000,
};

/** Changes a field the way another program version would: with a matching checksum. */
function rewritten(change: (block: Buffer) => void): Buffer {
  const block = encodeLabel(label);
  change(block);
  block.writeUInt32BE(crc32c(block, 0, 504), 504);
  return block;
}

describe('Disk label', () => {
  it('reads back as written', () => {
    expect(decodeLabel(encodeLabel(label))).to.deep.equal({ kind: 'label', label });
  });

  it('fits the first sector and leaves the boot signature of other tools unset', () => {
    const block = encodeLabel(label);
    expect(block.subarray(504 + 4).every((byte) => byte === 0)).to.equal(true);
    expect(block.length).to.equal(4096);
  });

  it('is damaged when any bit of it flips, and absent when its magic does', () => {
    for (let at = 0; at < 508; at++) {
      const block = encodeLabel(label);
      block[at]! ^= 1 << (at % 8);
      expect(decodeLabel(block).kind, `byte ${at}`).to.equal(at < 8 ? 'absent' : 'damaged');
    }
  });

  it('is absent on zeros', () => {
    expect(decodeLabel(Buffer.alloc(4096)).kind).to.equal('absent');
  });

  it('of a newer format is told apart from damage', () => {
    const block = rewritten((bytes) => bytes.writeUInt32BE(2, 8));
    expect(decodeLabel(block)).to.deep.equal({ kind: 'newer', formatVersion: 2 });
  });

  it('that demands an unknown feature counts as newer', () => {
    expect(decodeLabel(rewritten((bytes) => bytes.writeUInt32BE(1, 12))).kind).to.equal('newer');
  });

  it('with a layout that never was is damaged', () => {
    expect(decodeLabel(rewritten((bytes) => bytes.writeUInt16BE(9, 48))).kind).to.equal('damaged');
  });

  it('with a size that no disk of ours has is damaged', () => {
    const tooSmall = rewritten((bytes) => bytes.writeBigUInt64BE(BigInt(MIB), 64));
    expect(decodeLabel(tooSmall).kind).to.equal('damaged');
  });
});
