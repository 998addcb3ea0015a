import { expect } from 'chai';
import { BlockOp, MemoryDevice } from '../../../lib/block/index.ts';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import {
  getLbaStatus,
  read10,
  readCapacity16,
  unmap,
  unmapList,
  write10,
  writeSame10,
  writeSame16,
} from '../../fakes/cdbs.ts';
import { HeldDevice } from '../../fakes/held-device.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';

const UNMAP = 0x08;
const NDOB = 0x01;
const ANCHOR = 0x10;

const thick = (): HeldDevice =>
  new HeldDevice(new MemoryDevice({ capacityBytes: 1024 * 1024 }), { unmap: false, thin: false });

async function filled(): Promise<ScsiHarness> {
  const harness = new ScsiHarness();
  await harness.run(write10(0, 2048), { data: Buffer.alloc(1024 * 1024, 'x') });
  return harness;
}

const firstBytes = async (harness: ScsiHarness, lba: number, blocks: number): Promise<number[]> => {
  const { data } = await harness.run(read10(lba, blocks));
  return Array.from({ length: blocks }, (_, index) => data[index * 512]!);
};

describe('WRITE SAME', () => {
  it('writes one block to many, over more than the pattern buffer holds', async () => {
    const harness = await filled();
    const answer = await harness.run(writeSame16(1, 2000), { data: Buffer.alloc(512, 'p') });
    expect(answer.status).to.equal(ScsiStatus.good);
    expect(answer.dataOutBytes).to.equal(512);
    const blocks = await firstBytes(harness, 0, 2048);
    expect(blocks[0]).to.equal(0x78);
    expect(new Set(blocks.slice(1, 2001))).to.deep.equal(new Set([0x70]));
    expect(blocks[2001]).to.equal(0x78);
  });

  it('of 0 blocks goes on to the end', async () => {
    const harness = await filled();
    await harness.run(writeSame10(2045, 0), { data: Buffer.alloc(512, 'p') });
    expect(await firstBytes(harness, 2044, 4)).to.deep.equal([0x78, 0x70, 0x70, 0x70]);
  });

  it('of 0 blocks at the end is out of range', async () => {
    const answer = await new ScsiHarness().run(writeSame10(2048, 0), { data: Buffer.alloc(512) });
    expect(answer.asc).to.equal(0x2100);
  });

  it('with NDOB takes no data and writes zeros', async () => {
    const harness = await filled();
    const answer = await harness.run(writeSame16(0, 2, NDOB));
    expect([answer.status, answer.dataOutBytes]).to.deep.equal([0, 0]);
    expect(await firstBytes(harness, 0, 3)).to.deep.equal([0, 0, 0x78]);
  });

  it('refuses NDOB in the 10-byte form, ANCHOR, and WRPROTECT', async () => {
    const data = Buffer.alloc(512);
    const harness = new ScsiHarness();
    expect((await harness.run(writeSame10(0, 1, NDOB), { data })).asc).to.equal(0x2400);
    expect((await harness.run(writeSame10(0, 1, ANCHOR | UNMAP), { data })).asc).to.equal(0x2400);
    expect((await harness.run(writeSame16(0, 1, 0x20), { data })).asc).to.equal(0x2400);
  });

  for (const bytes of [256, 1024]) {
    it(`refuses ${bytes} bytes of Data-Out for a block of 512`, async () => {
      const answer = await new ScsiHarness().run(writeSame10(0, 1), { data: Buffer.alloc(bytes) });
      expect(answer.asc).to.equal(0x0e03);
    });
  }

  it('is refused above its limit', async () => {
    const harness = new ScsiHarness({ capacityBytes: 64 * 1024 * 1024 });
    const answer = await harness.run(writeSame16(0, 65536, NDOB));
    expect(answer.asc).to.equal(0x2400);
  });

  it('of zeros with UNMAP may drop the storage, without it may not', async () => {
    const device = new HeldDevice(new MemoryDevice({ capacityBytes: 65536 }));
    const harness = new ScsiHarness({ device });
    const data = Buffer.alloc(512);
    await harness.run(writeSame10(0, 8, UNMAP), { data });
    await harness.run(writeSame10(0, 8), { data });
    expect(device.seen.map(({ op, mayUnmap }) => [op, mayUnmap])).to.deep.equal([
      [BlockOp.writeZeroes, true],
      [BlockOp.writeZeroes, false],
    ]);
  });

  it('with UNMAP and other data than zeros writes the data', async () => {
    const harness = await filled();
    await harness.run(writeSame10(0, 8, UNMAP), { data: Buffer.alloc(512, 'p') });
    expect(await firstBytes(harness, 7, 2)).to.deep.equal([0x70, 0x78]);
  });

  it('with UNMAP is refused where nothing can be unmapped', async () => {
    const harness = new ScsiHarness({ device: thick() });
    const answer = await harness.run(writeSame10(0, 1, UNMAP), { data: Buffer.alloc(512) });
    expect(answer.asc).to.equal(0x2400);
  });
});

describe('UNMAP', () => {
  const run = (harness: ScsiHarness, ...list: [number, number][]) => {
    const data = unmapList(...list);
    return harness.run(unmap(data.length), { data });
  };

  it('drops several ranges, overlapping ones too; they read as zeros', async () => {
    const harness = await filled();
    expect((await run(harness, [0, 8], [4, 8], [100, 1])).status).to.equal(0);
    expect(await firstBytes(harness, 11, 2)).to.deep.equal([0, 0x78]);
    expect(await firstBytes(harness, 99, 3)).to.deep.equal([0x78, 0, 0x78]);
  });

  it('takes an empty list, no list, and descriptors of no blocks up to the end', async () => {
    const harness = await filled();
    expect((await run(harness)).status).to.equal(0);
    expect((await harness.run(unmap(0))).status).to.equal(0);
    expect((await run(harness, [2048, 0], [3, 0])).status).to.equal(0);
    expect(await firstBytes(harness, 3, 1)).to.deep.equal([0x78]);
  });

  it('does nothing at all when one descriptor is out of range', async () => {
    const harness = await filled();
    expect((await run(harness, [0, 8], [2047, 2])).asc).to.equal(0x2100);
    expect(await firstBytes(harness, 0, 1)).to.deep.equal([0x78]);
  });

  it('refuses a list of 1 to 7 bytes', async () => {
    const answer = await new ScsiHarness().run(unmap(7), { data: Buffer.alloc(7) });
    expect(answer.asc).to.equal(0x1a00);
  });

  it('refuses ANCHOR', async () => {
    const data = unmapList([0, 1]);
    const answer = await new ScsiHarness().run(unmap(data.length, 1), { data });
    expect(answer.asc).to.equal(0x2400);
  });

  it('refuses more descriptors or blocks than Block Limits allows', async () => {
    const many = Array.from({ length: 257 }, (): [number, number] => [0, 1]);
    expect((await run(new ScsiHarness(), ...many)).asc).to.equal(0x2600);
    const harness = new ScsiHarness({ capacityBytes: 1024 ** 3 });
    const half = 2 ** 19;
    expect((await run(harness, [0, half], [0, half], [0, 1])).asc).to.equal(0x2600);
  });

  it('ignores a descriptor that is cut off', async () => {
    const harness = await filled();
    const data = unmapList([0, 8], [16, 8]).subarray(0, 30);
    expect((await harness.run(unmap(30), { data })).status).to.equal(0);
    expect(await firstBytes(harness, 7, 2)).to.deep.equal([0, 0x78]);
    expect(await firstBytes(harness, 16, 1)).to.deep.equal([0x78]);
  });

  it('is no command of a unit that can not unmap', async () => {
    const harness = new ScsiHarness({ device: thick() });
    expect((await run(harness, [0, 1])).asc).to.equal(0x2000);
    expect((await harness.run(readCapacity16())).data[14]).to.equal(0);
  });
});

describe('GET LBA STATUS', () => {
  const statuses = (data: Buffer): number[][] =>
    Array.from({ length: (data.length - 8) / 16 }, (_, index) => {
      const at = 8 + index * 16;
      return [Number(data.readBigUInt64BE(at)), data.readUInt32BE(at + 8), data[at + 12]!];
    });

  it('tells mapped from deallocated blocks, from the LBA that was asked for', async () => {
    const harness = new ScsiHarness();
    await harness.run(write10(8, 16), { data: Buffer.alloc(8192, 'x') });
    const { data } = await harness.run(getLbaStatus(3, 4096));
    expect(data.readUInt32BE(0)).to.equal(data.length - 4);
    expect(statuses(data)).to.deep.equal([
      [3, 5, 1],
      [8, 16, 0],
      [24, 2024, 1],
    ]);
  });

  it('is cut after as many descriptors as the allocation length holds', async () => {
    const harness = new ScsiHarness();
    await harness.run(write10(8, 16), { data: Buffer.alloc(8192, 'x') });
    const { data } = await harness.run(getLbaStatus(0, 24));
    expect(statuses(data)).to.deep.equal([[0, 8, 1]]);
  });

  it('counts a 4096-byte block with any data in it as mapped', async () => {
    const device = new MemoryDevice({ capacityBytes: 1024 * 1024, blockSizeBytes: 512 });
    const harness = new ScsiHarness({ device, blockSizeBytes: 4096 });
    await harness.run(write10(2, 1), { data: Buffer.alloc(4096, 'x') });
    const { data } = await harness.run(getLbaStatus(0, 4096));
    expect(statuses(data)).to.deep.equal([
      [0, 2, 1],
      [2, 1, 0],
      [3, 253, 1],
    ]);
  });

  it('calls everything mapped where storage is not given back', async () => {
    const { data } = await new ScsiHarness({ device: thick() }).run(getLbaStatus(5, 24));
    expect(statuses(data)).to.deep.equal([[5, 2043, 0]]);
  });

  it('refuses an LBA behind the last', async () => {
    expect((await new ScsiHarness().run(getLbaStatus(2048, 24))).asc).to.equal(0x2100);
  });
});
