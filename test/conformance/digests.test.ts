import { expect } from 'chai';
import { promiseFace } from '../../lib/block/index.ts';
import {
  Opcode,
  RejectReason,
  dataOut,
  loginRequest,
  logoutRequest,
  nopOut,
  scsiCommand,
} from '../../lib/iscsi/index.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import { BLOCK, Peer, expectAtRest, identity, opcodesOf, senseOf } from './support/peer.ts';
import type { Keys, Pdu } from './support/peer.ts';

const BOTH = { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' };
const R2T = { InitialR2T: 'Yes', ImmediateData: 'No' };

async function connected(keys: Keys): Promise<{ world: TargetWorld; peer: Peer }> {
  const world = new TargetWorld();
  return { world, peer: await new Peer(world).connect({ keys }) };
}

async function isBlank(world: TargetWorld): Promise<boolean> {
  const into = Buffer.alloc(8192);
  await promiseFace(world.device).read(0, into);
  return into.every((byte) => byte === 0);
}

describe('Digests (rules 24, 25)', () => {
  for (const HeaderDigest of ['None', 'CRC32C'])
    for (const DataDigest of ['None', 'CRC32C'])
      it(`work both ways with header ${HeaderDigest} and data ${DataDigest}`, async () => {
        const { world, peer } = await connected({
          HeaderDigest,
          DataDigest,
          MaxRecvDataSegmentLength: '1024',
        });
        expect(peer.headerDigest, 'agreed').to.equal(HeaderDigest === 'CRC32C');
        const data = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 5) & 0xff));
        peer.write(8, data);
        expect((await peer.answer()).header[3]).to.equal(0);
        peer.read(8);
        const pdus = await peer.received();
        expect(Buffer.concat(pdus.map((pdu) => pdu.data)).equals(data)).to.equal(true);
        expectAtRest(world);
      });

  it('cover the pad, and headers without data have no data digest', async () => {
    const { peer } = await connected(BOTH);
    peer.ping(Buffer.from('12345'));
    expect((await peer.answer()).data.toString()).to.equal('12345');
    peer.ping();
    expect((await peer.answer()).data.length).to.equal(0);
  });

  it('cover the additional header segments of a command', async () => {
    const { peer } = await connected(BOTH);
    const header = peer.bytesOf(scsiCommand, {
      initiatorTaskTag: peer.nextTag(),
      cmdSn: peer.cmdSn++,
      totalAhsLengthWords: 2,
    });
    const ahs = Buffer.from('0005020000001000', 'hex');
    const withoutDigest = Buffer.concat([header.subarray(0, 48), ahs]);
    const digest = Buffer.alloc(4);
    const { crc32c } = peer.connection;
    digest.writeUInt32LE(crc32c(withoutDigest, 0, withoutDigest.length), 0);
    peer.sendBytes(Buffer.concat([withoutDigest, digest]));
    expect((await peer.answer()).opcode).to.equal(Opcode.scsiResponse);
  });

  it('are in sense data, text, R2T and logout too', async () => {
    const { peer } = await connected({ ...BOTH, ...R2T });
    const cdb = Buffer.alloc(16, 0xff);
    peer.command(cdb);
    expect(senseOf(await peer.answer())).to.equal('5/2000');
    peer.text({ SendTargets: '' });
    expect((await peer.answer()).opcode).to.equal(Opcode.textResponse);
    peer.write(8);
    expect((await peer.answer()).opcode).to.equal(Opcode.r2t);
    peer.send(logoutRequest, { initiatorTaskTag: peer.nextTag(), cmdSn: peer.cmdSn });
    expect((await peer.answer()).opcode).to.equal(Opcode.logoutResponse);
  });

  it('begin behind the login', async () => {
    const world = new TargetWorld();
    const peer = new Peer(world);
    peer.begin();
    const first = await peer.step({ csg: 0, nsg: 1, keys: { ...identity(), AuthMethod: 'None' } });
    expect(first.pdu.header[0]! & 0x3f).to.equal(Opcode.loginResponse);
    await peer.step({ csg: 1, keys: BOTH });
    const last = await peer.step({ csg: 1, nsg: 3, keys: {} });
    expect(last.status, 'requests and responses of the login had none').to.equal(0);
  });
});

describe('A wrong header digest (rule 26)', () => {
  it('ends the connection, and at level 0 the session, without an answer', async () => {
    const { world, peer } = await connected(BOTH);
    peer.command(Buffer.alloc(16), {}, undefined, { header: true });
    expect(await peer.received()).to.deep.equal([]);
    expect(peer.closed).to.equal(true);
    expect(world.node.sessions()).to.deep.equal([]);
    expect(world.node.counters.digestErrors).to.equal(1);
  });

  it('is noticed before a byte of the data is stored', async () => {
    const { world, peer } = await connected({ ...BOTH, ...R2T });
    const tag = peer.write(8);
    const [asked] = await peer.received();
    const targetTransferTag = asked!.header.readUInt32BE(20);
    const value = { initiatorTaskTag: tag, targetTransferTag, final: true };
    peer.send(dataOut, value, Buffer.alloc(4096, 0xaa), { header: true });
    expect(peer.closed).to.equal(true);
    await peer.received();
    expect(await isBlank(world)).to.equal(true);
    expectAtRest(world);
  });
});

describe('A wrong data digest (rule 26)', () => {
  it('of a Data-Out: Reject 02h, and CHECK CONDITION 47/05 once all data has come', async () => {
    const keys = { ...BOTH, ...R2T, MaxBurstLength: '4096', MaxOutstandingR2T: '2' };
    const { world, peer } = await connected(keys);
    peer.write(24);
    const r2ts = await peer.received();
    const answer = ({ header, tag }: Pdu, damaged: boolean): void => {
      const tags = { initiatorTaskTag: tag, targetTransferTag: header.readUInt32BE(20) };
      const value = { ...tags, final: true, bufferOffsetBytes: header.readUInt32BE(40) };
      peer.send(dataOut, value, Buffer.alloc(4096, 0xaa), { data: damaged });
    };
    answer(r2ts[0]!, true);
    const rejected = await peer.answer();
    expect(rejected.opcode, 'the second burst is on its way').to.equal(Opcode.reject);
    expect(rejected.header[2]).to.equal(RejectReason.dataDigestError);
    answer(r2ts[1]!, false);
    expect(senseOf(await peer.answer()), 'no third is asked for').to.equal('b/4705');
    expect(await isBlank(world)).to.equal(true);
    expectAtRest(world);
  });

  it('of immediate data: Reject 02h, nothing is performed, the session is recovered', async () => {
    const { world, peer } = await connected(BOTH);
    peer.write(8, Buffer.alloc(8 * BLOCK, 0xaa), {}, { data: true });
    const answers = await peer.received();
    expect(opcodesOf(answers)).to.deep.equal([Opcode.reject]);
    expect(answers[0]!.header[2]).to.equal(RejectReason.dataDigestError);
    expect(peer.closed).to.equal(true);
    expect(await isBlank(world)).to.equal(true);
    expectAtRest(world);
    const again = await new Peer(world).connect({ keys: BOTH });
    again.write(8, Buffer.alloc(8 * BLOCK, 0xaa));
    expect((await again.answer()).header[3]).to.equal(0);
  });

  it('of an immediate ping: Reject 02h with its header, and nothing more', async () => {
    const { peer } = await connected(BOTH);
    const initiatorTaskTag = peer.nextTag();
    const value = { immediate: true, initiatorTaskTag, cmdSn: peer.cmdSn };
    peer.send(nopOut, value, Buffer.from('ping'), { data: true });
    const rejected = await peer.answer();
    expect(rejected.opcode).to.equal(Opcode.reject);
    expect(rejected.data.readUInt32BE(16), 'the header in it').to.equal(initiatorTaskTag);
    peer.ping(Buffer.from('again'));
    expect((await peer.answer()).data.toString()).to.equal('again');
  });
});

describe('Digests that are not in use', () => {
  it('are not looked for in a login request', async () => {
    const peer = new Peer(new TargetWorld());
    peer.begin();
    const text = Buffer.from('InitiatorName=iqn.2026-11.test:host\0');
    peer.send(loginRequest, { currentStage: 0, initiatorTaskTag: 1, cmdSn: 1 }, text);
    expect((await peer.answer()).opcode).to.equal(Opcode.loginResponse);
  });
});
