import { expect } from 'chai';
import { promiseFace } from '../../lib/block/index.ts';
import { Opcode, RESERVED_TAG } from '../../lib/iscsi/index.ts';
import { TargetWorld, cdb10 } from '../fakes/target-harness.ts';
import { BLOCK, Peer, expectAtRest, opcodesOf, senseOf } from './support/peer.ts';
import type { Keys, Pdu } from './support/peer.ts';

async function connected(keys: Keys = {}): Promise<{ world: TargetWorld; peer: Peer }> {
  const world = new TargetWorld();
  return { world, peer: await new Peer(world).connect({ keys }) };
}

const dataSn = ({ header }: Pdu): number => header.readUInt32BE(36);
const offset = ({ header }: Pdu): number => header.readUInt32BE(40);
const residual = ({ header }: Pdu): number => header.readUInt32BE(44);
const F = 0x80;
const S = 0x01;
const O = 0x04;
const U = 0x02;

function cdb6(opcode: number, allocationBytes: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = opcode;
  cdb[4] = allocationBytes;
  return cdb;
}

function reportLuns(allocationBytes: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = 0xa0;
  cdb.writeUInt32BE(allocationBytes, 6);
  return cdb;
}

describe('Data-In (rules 6, 8, 16-18)', () => {
  it('is cut at the initiator’s segments and at MaxBurstLength, and counts through', async () => {
    const keys = { MaxRecvDataSegmentLength: '3072', MaxBurstLength: '8192' };
    const { world, peer } = await connected(keys);
    const data = Buffer.from(Array.from({ length: 40 * BLOCK }, (_, index) => (index * 3) & 0xff));
    await promiseFace(world.device).write(0, data);
    peer.read(40);
    const pdus = await peer.received();
    expect(Buffer.concat(pdus.map((pdu) => pdu.data)).equals(data)).to.equal(true);
    expect(pdus.map(dataSn)).to.deep.equal(pdus.map((_, index) => index));
    let inSequence = 0;
    for (const pdu of pdus) {
      expect(pdu.data.length).to.be.at.most(3072);
      inSequence += pdu.data.length;
      expect(inSequence).to.be.at.most(8192);
      const last = pdu === pdus.at(-1);
      expect((pdu.flags & F) !== 0, 'F').to.equal(inSequence === 8192 || last);
      if ((pdu.flags & F) !== 0) inSequence = 0;
    }
    expect(pdus.map(offset)).to.deep.equal([0, 3072, 6144, 8192, 11264, 14336, 16384, 19456]);
    expectAtRest(world);
  });

  for (const keys of [
    { MaxRecvDataSegmentLength: '513' },
    { MaxRecvDataSegmentLength: '1024', MaxBurstLength: '1022' },
    { MaxRecvDataSegmentLength: '8191', MaxBurstLength: '16383', DataDigest: 'CRC32C' },
  ]) {
    it(`is whole where segments or sequences have odd lengths: ${Object.values(keys).join()}`, async () => {
      const { world, peer } = await connected(keys);
      const data = Buffer.from(Array.from({ length: 40 * BLOCK }, (_, at) => 1 + (at % 255)));
      await promiseFace(world.device).write(0, data);
      peer.read(40);
      const pdus = await peer.received();
      expect(Buffer.concat(pdus.map((pdu) => pdu.data)).equals(data)).to.equal(true);
      for (const pdu of pdus) {
        expect(pdu.data.length).to.be.at.most(Number(keys.MaxRecvDataSegmentLength));
      }
    });
  }

  it('is whole where an odd length is declared later, by text', async () => {
    const { world, peer } = await connected();
    const data = Buffer.alloc(4 * BLOCK, 0x77);
    await promiseFace(world.device).write(0, data);
    peer.text({ MaxRecvDataSegmentLength: '515' });
    await peer.received();
    peer.read(4);
    const pdus = await peer.received();
    expect(Buffer.concat(pdus.map((pdu) => pdu.data)).equals(data)).to.equal(true);
  });

  it('has a StatSN and a status only in its last PDU, and there S with F', async () => {
    const { peer } = await connected({ MaxRecvDataSegmentLength: '1024' });
    const statSn = peer.expStatSn;
    peer.read(8);
    const pdus = await peer.received();
    expect(pdus.map(({ flags }) => flags & S)).to.deep.equal([0, 0, 0, S]);
    expect(pdus.at(-1)!.flags & F).to.equal(F);
    expect(pdus.at(-1)!.statSn).to.equal(statSn);
    peer.testUnitReady();
    expect((await peer.answer()).statSn).to.equal(statSn + 1);
  });

  it('asks for no acknowledgement at error recovery level 0', async () => {
    const { peer } = await connected({ MaxRecvDataSegmentLength: '1024' });
    peer.read(8);
    for (const pdu of await peer.received()) {
      expect(pdu.flags & 0x40, 'A').to.equal(0);
      expect(pdu.header.readUInt32BE(20)).to.equal(RESERVED_TAG);
    }
  });

  it('never carries a status that has sense data', async () => {
    const { peer } = await connected();
    peer.command(cdb10(0x28, 0xffffff, 8), { read: true, expectedDataTransferLengthBytes: 4096 });
    const response = await peer.answer();
    expect(response.opcode).to.equal(Opcode.scsiResponse);
    expect(senseOf(response)).to.equal('5/2100');
    expect(response.header.readUInt32BE(36), 'ExpDataSN').to.equal(0);
    expect([response.flags & U, residual(response)]).to.deep.equal([U, 4096]);
  });

  it('is padded to words, and the pad is not counted', async () => {
    const { peer } = await connected();
    peer.command(cdb6(0x12, 37), { read: true, expectedDataTransferLengthBytes: 37 });
    const pdu = await peer.answer();
    expect(pdu.header.readUIntBE(5, 3)).to.equal(37);
    expect([pdu.flags & (O | U), residual(pdu)]).to.deep.equal([0, 0]);
  });
});

describe('ExpDataSN (rule 10)', () => {
  it('counts the R2Ts of a write', async () => {
    const { peer } = await connected({ InitialR2T: 'Yes', ImmediateData: 'No' });
    peer.write(8);
    const [asked] = await peer.received();
    peer.write(8, Buffer.alloc(4096));
    const [refused] = await peer.received();
    expect(asked!.opcode).to.equal(Opcode.r2t);
    expect(refused!.header.readUInt32BE(36), 'no R2T was sent for it').to.equal(0);
  });
});

describe('The residual of a read (rules 21, 22)', () => {
  it('is an overflow where the CDB wants more, and only what is expected is sent', async () => {
    const { peer } = await connected();
    peer.read(8, { expectedDataTransferLengthBytes: 1000 });
    const pdu = await peer.answer();
    expect(pdu.data.length).to.equal(1000);
    expect([pdu.flags & (O | U), residual(pdu)]).to.deep.equal([O, 8 * BLOCK - 1000]);
  });

  it('is an underflow where the CDB wants less', async () => {
    const { peer } = await connected();
    peer.read(8, { expectedDataTransferLengthBytes: 10_000 });
    const pdu = await peer.answer();
    expect(pdu.data.length).to.equal(4096);
    expect([pdu.flags & (O | U), residual(pdu)]).to.deep.equal([U, 10_000 - 4096]);
  });

  it('is none where neither is the case', async () => {
    const { peer } = await connected();
    peer.read(8);
    const pdu = await peer.answer();
    expect([pdu.flags & (O | U), residual(pdu)]).to.deep.equal([0, 0]);
  });

  it('is an overflow of everything where nothing was expected', async () => {
    const { peer } = await connected();
    peer.command(cdb10(0x28, 0, 8));
    const [response, ...more] = await peer.received();
    expect(more).to.deep.equal([]);
    expect(response!.opcode).to.equal(Opcode.scsiResponse);
    expect([response!.flags & (O | U), residual(response!)]).to.deep.equal([O, 4096]);
  });

  for (const allocationBytes of [8, 12, 16]) {
    it(`is none where REPORT LUNS has an allocation length of ${allocationBytes}`, async () => {
      const { peer } = await connected();
      const value = { read: true, expectedDataTransferLengthBytes: allocationBytes };
      peer.command(reportLuns(allocationBytes), value);
      const pdu = await peer.answer();
      expect(pdu.data.length).to.equal(allocationBytes);
      expect(pdu.data.readUInt32BE(0), 'the list’s own length').to.equal(8);
      expect([pdu.flags & (O | U), residual(pdu)]).to.deep.equal([0, 0]);
    });
  }

  it('counts what REPORT LUNS has less than it may', async () => {
    const { peer } = await connected();
    peer.command(reportLuns(256), { read: true, expectedDataTransferLengthBytes: 256 });
    const pdu = await peer.answer();
    expect([pdu.data.length, pdu.flags & U, residual(pdu)]).to.deep.equal([16, U, 240]);
  });
});

describe('Commands without data', () => {
  it('are answered by one SCSI Response', async () => {
    const { world, peer } = await connected();
    peer.testUnitReady();
    const pdus = await peer.received();
    expect(opcodesOf(pdus)).to.deep.equal([Opcode.scsiResponse]);
    expect(pdus[0]!.flags).to.equal(F);
    expectAtRest(world);
  });
});
