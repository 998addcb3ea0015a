import { expect } from 'chai';
import { BlockOp, BlockOutcome, MemoryDevice } from '../../../lib/block/index.ts';
import { ScsiStatus } from '../../../lib/scsi/index.ts';
import { read10, verify10, write10, writeVerify10 } from '../../fakes/cdbs.ts';
import { HeldDevice } from '../../fakes/held-device.ts';
import { ScsiHarness } from '../../fakes/scsi-harness.ts';

const BLOCKS = 4096;

async function written(): Promise<{ harness: ScsiHarness; data: Buffer }> {
  const harness = new ScsiHarness({ capacityBytes: 4 * 1024 * 1024 });
  const data = Buffer.alloc(BLOCKS * 512);
  for (let index = 0; index < data.length; index += 512) data.writeUInt32BE(index, index);
  await harness.run(write10(0, BLOCKS), { data });
  return { harness, data };
}

describe('VERIFY', () => {
  it('without BYTCHK reads the medium and takes no data', async () => {
    const { harness } = await written();
    const answer = await harness.run(verify10(0, BLOCKS), { data: Buffer.alloc(512, 'x') });
    expect(answer.status).to.equal(ScsiStatus.good);
    expect(answer.dataOutBytes).to.equal(0);
  });

  it('without BYTCHK tells of a medium that can not be read', async () => {
    const device = new HeldDevice(new MemoryDevice({ capacityBytes: 65536 }));
    device.outcomes.set(BlockOp.read, BlockOutcome.ioError);
    const answer = await new ScsiHarness({ device }).run(verify10(0, 1));
    expect([answer.key, answer.asc]).to.deep.equal([3, 0x1100]);
  });

  it('with BYTCHK 01b compares every byte, across all pieces read back', async () => {
    const { harness, data } = await written();
    expect((await harness.run(verify10(0, BLOCKS, 1), { data })).status).to.equal(0);
    const changed = Buffer.from(data);
    changed[changed.length - 1]! ^= 1;
    const answer = await harness.run(verify10(0, BLOCKS, 1), { data: changed });
    expect([answer.key, answer.asc]).to.deep.equal([0xe, 0x1d00]);
  });

  it('with BYTCHK 11b compares one block with all', async () => {
    const harness = new ScsiHarness();
    await harness.run(write10(0, 4), { data: Buffer.alloc(2048, 'z') });
    const data = Buffer.alloc(512, 'z');
    expect((await harness.run(verify10(0, 4, 3), { data })).status).to.equal(0);
    expect((await harness.run(verify10(0, 5, 3), { data })).asc).to.equal(0x1d00);
  });

  it('refuses BYTCHK 10b', async () => {
    const answer = await new ScsiHarness().run(verify10(0, 1, 2), { data: Buffer.alloc(512) });
    expect(answer.asc).to.equal(0x2400);
  });

  it('refuses to compare with less data than the CDB asks for', async () => {
    const answer = await new ScsiHarness().run(verify10(0, 2, 1), { data: Buffer.alloc(512) });
    expect(answer.asc).to.equal(0x0e03);
  });

  it('of no blocks is no error, but its LBA is checked', async () => {
    const harness = new ScsiHarness();
    expect((await harness.run(verify10(0, 0, 1))).status).to.equal(0);
    expect((await harness.run(verify10(4000, 0, 1))).asc).to.equal(0x2100);
  });
});

describe('WRITE AND VERIFY', () => {
  it('writes through every cache and reads back', async () => {
    const memory = new MemoryDevice({ capacityBytes: 65536 });
    const device = new HeldDevice(memory, { volatileWriteCache: true });
    const harness = new ScsiHarness({ device });
    const data = Buffer.alloc(1024, 'w');
    expect((await harness.run(writeVerify10(3, 2, 1), { data })).status).to.equal(0);
    expect(device.seen.map(({ op, fua }) => [op, fua])).to.deep.equal([
      [BlockOp.write, true],
      [BlockOp.read, false],
    ]);
    expect((await harness.run(read10(3, 2))).data).to.deep.equal(data);
  });

  it('tells when the medium gives back something else', async () => {
    const device = new HeldDevice(new MemoryDevice({ capacityBytes: 65536 }));
    device.outcomes.set(BlockOp.write, BlockOutcome.ok);
    const data = Buffer.alloc(512, 'w');
    const answer = await new ScsiHarness({ device }).run(writeVerify10(0, 1, 1), { data });
    expect([answer.key, answer.asc]).to.deep.equal([0xe, 0x1d00]);
  });

  it('with less data writes and verifies whole blocks of it', async () => {
    const harness = new ScsiHarness();
    const data = Buffer.alloc(512, 'w');
    expect((await harness.run(writeVerify10(0, 2, 1), { data })).status).to.equal(0);
    expect((await harness.run(read10(0, 2))).data.toString()).to.equal(
      'w'.repeat(512) + '\0'.repeat(512),
    );
  });
});
