import { expect } from 'chai';
import {
  Opcode,
  RESERVED_TAG,
  RejectReason,
  TaskManagementFunction,
  dataOut,
  logoutRequest,
  scsiCommand,
  textRequest,
} from '../../lib/iscsi/index.ts';
import { TARGET_NAME, TargetWorld } from '../fakes/target-harness.ts';
import { HOST, Peer, keysOf, opcodesOf, textOf } from './support/peer.ts';
import type { Keys, Pdu } from './support/peer.ts';

function withPortals(): TargetWorld {
  const world = new TargetWorld();
  world.node.addPortal({ address: '127.0.0.1:3260' });
  world.node.addPortal({ address: '[::1]:3260', advertise: 'storage.example:860' });
  return world;
}

async function discovering(world = withPortals()): Promise<{ world: TargetWorld; peer: Peer }> {
  const peer = new Peer(world);
  peer.begin();
  const keys = { InitiatorName: HOST, SessionType: 'Discovery' };
  const answer = await peer.step({ csg: 1, nsg: 3, keys });
  expect(answer.status).to.equal(0);
  peer.settleLogin(answer);
  return { world, peer };
}

const TARGETS = [
  `TargetName=${TARGET_NAME}`,
  'TargetAddress=127.0.0.1:3260,1',
  'TargetAddress=storage.example:860,1',
]
  .map((pair) => `${pair}\0`)
  .join('');
const targetTag = ({ header }: Pdu): number => header.readUInt32BE(20);

describe('SendTargets (rules 37, 38)', () => {
  it('=All tells a discovery session the target, its portals and their group', async () => {
    const { peer } = await discovering();
    const tag = peer.text({ SendTargets: 'All' });
    const answer = await peer.answer();
    expect([answer.opcode, answer.tag, answer.flags]).to.deep.equal([
      Opcode.textResponse,
      tag,
      0x80,
    ]);
    expect(targetTag(answer)).to.equal(RESERVED_TAG);
    expect(answer.data.toString()).to.equal(TARGETS);
  });

  it('=All is not for a normal session; its own target is', async () => {
    const peer = await new Peer(withPortals()).connect();
    peer.text({ SendTargets: 'All' });
    expect(keysOf(await peer.answer()).get('SendTargets')).to.equal('Reject');
    for (const value of ['', TARGET_NAME]) {
      peer.text({ SendTargets: value });
      expect((await peer.answer()).data.toString()).to.equal(TARGETS);
    }
  });

  it('of another target tells nothing', async () => {
    const { peer } = await discovering();
    peer.text({ SendTargets: 'iqn.2026-11.test:none' });
    expect((await peer.answer()).data.length).to.equal(0);
  });

  it('longer than a segment goes on with F=0 and a tag, fetched by empty requests', async () => {
    const world = new TargetWorld();
    for (let port = 0; port < 100; port++) {
      world.node.addPortal({ address: `127.0.0.1:${17_000 + port}` });
    }
    const peer = new Peer(world);
    peer.begin();
    const keys = { InitiatorName: HOST, SessionType: 'Discovery' };
    await peer.step({ csg: 1, nsg: 3, keys: { ...keys, MaxRecvDataSegmentLength: '512' } });
    const initiatorTaskTag = peer.text({ SendTargets: 'All' });
    let answer = await peer.answer();
    let text = answer.data.toString();
    for (let round = 0; (answer.flags & 0x80) === 0; round++) {
      expect(round, 'it ends').to.be.below(20);
      expect(answer.data.length).to.be.at.most(512);
      expect(answer.flags & 0x40, 'C').to.equal(0x40);
      const targetTransferTag = targetTag(answer);
      expect(targetTransferTag).to.not.equal(RESERVED_TAG);
      peer.text({}, { initiatorTaskTag, targetTransferTag });
      answer = await peer.answer();
      text += answer.data.toString();
    }
    expect(text.match(/TargetAddress=/g)).to.have.length(100);
    expect(targetTag(answer)).to.equal(RESERVED_TAG);
  });
});

describe('A discovery session (rule 38)', () => {
  const refused: [string, (peer: Peer) => void][] = [
    ['SCSI commands', (peer) => peer.testUnitReady()],
    ['SCSI commands with data', (peer) => peer.write(8, Buffer.alloc(4096))],
    [
      'immediate SCSI commands',
      (peer) => peer.send(scsiCommand, { immediate: true, initiatorTaskTag: 4, cmdSn: 1 }),
    ],
    ['Data-Out', (peer) => peer.send(dataOut, { initiatorTaskTag: 4 }, Buffer.alloc(512))],
    ['task management', (peer) => peer.manage(TaskManagementFunction.logicalUnitReset)],
  ];
  for (const [what, act] of refused) {
    it(`refuses ${what}, and goes on`, async () => {
      const { world, peer } = await discovering();
      act(peer);
      const rejected = await peer.answer();
      expect(rejected.opcode).to.equal(Opcode.reject);
      expect(rejected.header[2]).to.equal(RejectReason.protocolError);
      peer.text({ SendTargets: 'All' }, { cmdSn: rejected.expCmdSn });
      expect((await peer.answer()).opcode).to.equal(Opcode.textResponse);
      expect(world.unit.itlNexuses.size, 'sees no unit').to.equal(0);
    });
  }

  it('answers pings and logs out', async () => {
    const { world, peer } = await discovering();
    peer.ping(Buffer.from('x'));
    expect((await peer.answer()).opcode).to.equal(Opcode.nopIn);
    peer.send(logoutRequest, { initiatorTaskTag: 9, cmdSn: peer.cmdSn });
    expect(opcodesOf(await peer.received())).to.deep.equal([Opcode.logoutResponse]);
    expect(world.node.sessions()).to.deep.equal([]);
  });

  it('is told the partitions of its host and the incarnation of the server', async () => {
    const { peer } = await discovering();
    const asked = { 'X-io.hawser.Partitions': 'All', 'X-io.hawser.Incarnation': '?' };
    peer.text(asked);
    const keys = keysOf(await peer.answer());
    expect(keys.get('X-io.hawser.Partitions')).to.equal('v1,1,disk/0/16777216/512/rw');
    expect(keys.get('X-io.hawser.Incarnation')).to.equal('1');
  });
});

describe('Text in full feature phase (rules 16, 33)', () => {
  async function answered(keys: Keys): Promise<Map<string, string>> {
    const peer = await new Peer(new TargetWorld()).connect();
    peer.text(keys);
    return keysOf(await peer.answer());
  }

  it('may declare another MaxRecvDataSegmentLength, which holds from then on', async () => {
    const peer = await new Peer(new TargetWorld()).connect();
    peer.text({ MaxRecvDataSegmentLength: '512' });
    expect((await peer.answer()).data.length, 'no answer to a declaration').to.equal(0);
    peer.read(4);
    expect((await peer.received()).map(({ data }) => data.length)).to.deep.equal(
      new Array<number>(4).fill(512),
    );
    peer.text({ MaxRecvDataSegmentLength: '65536' });
    await peer.received();
    peer.read(4);
    expect(await peer.received()).to.have.length(1);
  });

  for (const [key, value, answer] of [
    ['MaxRecvDataSegmentLength', '100', 'Reject'],
    ['MaxBurstLength', '4096', 'Reject'],
    ['HeaderDigest', 'CRC32C', 'Reject'],
    ['InitiatorName', 'iqn.2026-11.test:thief', 'Reject'],
    ['X-com.example.Key', '1', 'NotUnderstood'],
    ['Unheard', 'of', 'NotUnderstood'],
  ] as const) {
    it(`answers ${key}=${value} with ${answer}`, async () => {
      expect((await answered({ [key]: value })).get(key)).to.equal(answer);
    });
  }

  it('may come in pieces', async () => {
    const peer = await new Peer(withPortals()).connect();
    const text = textOf({ SendTargets: '' });
    const initiatorTaskTag = peer.nextTag();
    const pieces = [text.subarray(0, 5), text.subarray(5)];
    let tag = RESERVED_TAG;
    for (const [index, piece] of pieces.entries()) {
      const last = index === pieces.length - 1;
      const bytes = peer.bytesOf(
        textRequest,
        {
          final: last,
          continued: !last,
          initiatorTaskTag,
          targetTransferTag: tag,
          cmdSn: peer.cmdSn++,
        },
        piece,
      );
      peer.sendBytes(bytes);
      const answer = await peer.answer();
      tag = targetTag(answer);
      if (last) expect(answer.data.toString()).to.equal(TARGETS);
      else expect(answer.data.length).to.equal(0);
    }
  });

  it('that breaks the rules is rejected, and counts as not received', async () => {
    const peer = await new Peer(new TargetWorld()).connect();
    const cmdSn = peer.cmdSn;
    peer.text({ SendTargets: '' }, { targetTransferTag: 0x1234, cmdSn });
    const rejected = await peer.answer();
    expect([rejected.opcode, rejected.expCmdSn]).to.deep.equal([Opcode.reject, cmdSn]);
    peer.text({ SendTargets: '' }, { cmdSn });
    const answer = await peer.answer();
    expect([answer.opcode, answer.expCmdSn]).to.deep.equal([Opcode.textResponse, cmdSn + 1]);
  });

  it('longer than 8192 bytes is rejected', async () => {
    const peer = await new Peer(new TargetWorld()).connect();
    peer.text({ 'X-long': 'a'.repeat(8192) });
    expect((await peer.answer()).opcode).to.equal(Opcode.reject);
    peer.testUnitReady(peer.cmdSn - 1);
    expect((await peer.answer()).opcode).to.equal(Opcode.scsiResponse);
  });
});
