import { expect } from 'chai';
import { LoginStatus } from '../../lib/iscsi/index.ts';
import type { OperationalParameters } from '../../lib/iscsi/index.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import { Peer, identity } from './support/peer.ts';
import type { Keys } from './support/peer.ts';

async function answerTo(keys: Keys): Promise<{ world: TargetWorld; answers: Map<string, string> }> {
  const world = new TargetWorld();
  const { status, keys: answers } = await new Peer(world).login({ keys });
  expect(status).to.equal(LoginStatus.success);
  return { world, answers };
}

const parametersOf = (world: TargetWorld): OperationalParameters =>
  [...world.node.sessionTable][0]!.parameters;

type Row = readonly [
  key: string,
  offered: string,
  answer: string | undefined,
  property?: keyof OperationalParameters,
  value?: unknown,
];

// prettier-ignore
const rows: readonly Row[] = [
  // lists: the proposer's first that we have, as whole words (rule 34)
  ['HeaderDigest', 'CRC32C,None', 'CRC32C', 'headerDigest', true],
  ['HeaderDigest', 'None,CRC32C', 'None', 'headerDigest', false],
  ['HeaderDigest', 'MD5,CRC32,CRC32C', 'CRC32C', 'headerDigest', true],
  ['HeaderDigest', 'CRC32', 'Reject', 'headerDigest', false],
  ['DataDigest', 'CRC32C', 'CRC32C', 'dataDigest', true],
  ['DataDigest', 'None', 'None', 'dataDigest', false],
  ['TaskReporting', 'FastAbort,ResponseFence,RFC3720', 'RFC3720', 'taskReporting', 'RFC3720'],
  ['TaskReporting', 'FastAbort', 'Reject', 'taskReporting', 'RFC3720'],
  // the smaller number (rule 35)
  ['MaxConnections', '4', '4', 'maxConnections', 4],
  ['MaxConnections', '65535', '8', 'maxConnections', 8],
  ['MaxConnections', '0', 'Reject', 'maxConnections', 1],
  ['MaxConnections', '65536', 'Reject', 'maxConnections', 1],
  ['MaxBurstLength', '16777215', '1048576', 'maxBurstLengthBytes', 1_048_576],
  ['MaxBurstLength', '512', '512', 'maxBurstLengthBytes', 512],
  ['MaxBurstLength', '0x20000', '131072', 'maxBurstLengthBytes', 131_072],
  ['MaxBurstLength', '511', 'Reject', 'maxBurstLengthBytes', 262_144],
  ['MaxBurstLength', '16777216', 'Reject', 'maxBurstLengthBytes', 262_144],
  ['FirstBurstLength', '16777215', '65536', 'firstBurstLengthBytes', 65_536],
  ['FirstBurstLength', '4096', '4096', 'firstBurstLengthBytes', 4096],
  ['FirstBurstLength', '-1', 'Reject', 'firstBurstLengthBytes', 65_536],
  ['DefaultTime2Retain', '20', '0', 'defaultTime2RetainSeconds', 0],
  ['DefaultTime2Retain', '3601', 'Reject'],
  ['MaxOutstandingR2T', '65535', '8', 'maxOutstandingR2t', 8],
  ['MaxOutstandingR2T', '1', '1', 'maxOutstandingR2t', 1],
  ['ErrorRecoveryLevel', '2', '0', 'errorRecoveryLevel', 0],
  ['ErrorRecoveryLevel', '3', 'Reject', 'errorRecoveryLevel', 0],
  ['iSCSIProtocolLevel', '31', '1', 'protocolLevel', 1],
  ['iSCSIProtocolLevel', '0', '0', 'protocolLevel', 0],
  // the greater
  ['DefaultTime2Wait', '0', '2', 'defaultTime2WaitSeconds', 2],
  ['DefaultTime2Wait', '30', '30', 'defaultTime2WaitSeconds', 30],
  // either, and both
  ['InitialR2T', 'Yes', 'Yes', 'initialR2t', true],
  ['InitialR2T', 'No', 'No', 'initialR2t', false],
  ['InitialR2T', 'yes', 'Reject', 'initialR2t', true],
  ['ImmediateData', 'Yes', 'Yes', 'immediateData', true],
  ['ImmediateData', 'No', 'No', 'immediateData', false],
  ['DataPDUInOrder', 'No', 'Yes', 'dataPduInOrder', true],
  ['DataSequenceInOrder', 'No', 'Yes', 'dataSequenceInOrder', true],
  // declared, not negotiated (rule 16)
  ['MaxRecvDataSegmentLength', '4096', '262144', 'maxSendDataSegmentLengthBytes', 4096],
  ['MaxRecvDataSegmentLength', '16777215', '262144', 'maxSendDataSegmentLengthBytes', 16_777_215],
  ['MaxRecvDataSegmentLength', '511', 'Reject', 'maxSendDataSegmentLengthBytes', 8192],
  // who we are
  ['InitiatorAlias', 'web server', undefined],
  // no longer there, or not here (rule 33)
  ['IFMarker', 'Yes', 'No'],
  ['OFMarker', 'No', 'No'],
  ['IFMarkInt', '2048~4096', 'Reject'],
  ['OFMarkInt', '1', 'Reject'],
  ['SendTargets', 'All', 'Reject'],
  ['TargetAlias', 'ours', 'Reject'],
  ['TargetAddress', '127.0.0.1', 'Reject'],
  ['TargetPortalGroupTag', '7', 'Reject'],
  ['AuthMethod', 'CHAP', 'Irrelevant'],
  ['CHAP_A', '5', 'Irrelevant'],
  ['X-com.example.Unknown', '1', 'NotUnderstood'],
  ['X#Old', '1', 'NotUnderstood'],
  ['NobodyKnowsThis', 'at all', 'NotUnderstood'],
];

describe('Every key of the login (rules 13, 16, 33-35)', () => {
  for (const [key, offered, answer, property, value] of rows) {
    it(`${key}=${offered} is answered ${answer ?? 'with nothing'}`, async () => {
      const { world, answers } = await answerTo({ [key]: offered });
      expect(answers.get(key)).to.equal(answer);
      if (property !== undefined) expect(parametersOf(world)[property]).to.equal(value);
    });
  }

  it('is at its default where nobody speaks of it', async () => {
    const { world } = await answerTo({});
    const { maxRecvDataSegmentLengthBytes, ...parameters } = parametersOf(world);
    expect(maxRecvDataSegmentLengthBytes).to.equal(262_144);
    expect(parameters).to.deep.equal({
      headerDigest: false,
      dataDigest: false,
      maxConnections: 1,
      initialR2t: true,
      immediateData: true,
      maxSendDataSegmentLengthBytes: 8192,
      maxBurstLengthBytes: 262_144,
      firstBurstLengthBytes: 65_536,
      defaultTime2WaitSeconds: 2,
      defaultTime2RetainSeconds: 20,
      maxOutstandingR2t: 1,
      dataPduInOrder: true,
      dataSequenceInOrder: true,
      errorRecoveryLevel: 0,
      taskReporting: 'RFC3720',
      protocolLevel: 1,
    });
  });

  it('FirstBurstLength stays within MaxBurstLength, whichever comes first (rule 13)', async () => {
    for (const keys of [
      { FirstBurstLength: '65536', MaxBurstLength: '8192' },
      { MaxBurstLength: '8192', FirstBurstLength: '65536' },
      { MaxBurstLength: '8192' },
    ]) {
      const { world } = await answerTo(keys);
      expect(parametersOf(world).firstBurstLengthBytes).to.equal(8192);
    }
  });

  it('FirstBurstLength is Irrelevant where nothing may come unasked', async () => {
    const keys = { InitialR2T: 'Yes', ImmediateData: 'No', FirstBurstLength: '4096' };
    expect((await answerTo(keys)).answers.get('FirstBurstLength')).to.equal('Irrelevant');
  });

  it('of a session is Irrelevant on later connections, those of a connection are not', async () => {
    const world = new TargetWorld();
    const first = await new Peer(world).connect({ keys: { MaxConnections: '2' } });
    const keys = { MaxBurstLength: '512', InitialR2T: 'No', HeaderDigest: 'CRC32C' };
    const joined = { tsih: first.tsih, cid: 2, cmdSn: first.cmdSn, keys };
    const { keys: answers } = await new Peer(world).login(joined);
    expect(answers.get('MaxBurstLength')).to.equal('Irrelevant');
    expect(answers.get('InitialR2T')).to.equal('Irrelevant');
    expect(answers.get('HeaderDigest')).to.equal('CRC32C');
    expect(parametersOf(world).maxBurstLengthBytes).to.equal(262_144);
  });

  it('of a normal session is Irrelevant in a discovery session', async () => {
    const keys = { SessionType: 'Discovery', MaxConnections: '4', ErrorRecoveryLevel: '1' };
    const { answers } = await answerTo(keys);
    expect(answers.get('MaxConnections')).to.equal('Irrelevant');
    expect(answers.get('ErrorRecoveryLevel')).to.equal('0');
  });
});

describe('A key that is negotiated twice (rule 32)', () => {
  it('ends the login in one request', async () => {
    const peer = new Peer(new TargetWorld());
    peer.begin();
    const pairs = { ...identity(), MaxBurstLength: '4096' };
    const text = Buffer.concat([
      Buffer.from(
        Object.entries(pairs)
          .flatMap(([key, value]) => `${key}=${value}\0`)
          .join(''),
      ),
      Buffer.from('MaxBurstLength=8192\0'),
    ]);
    const { status } = await peer.step({ csg: 1, nsg: 3, text });
    expect(status).to.equal(LoginStatus.initiatorError);
    expect(peer.closed).to.equal(true);
  });

  it('ends the login in two', async () => {
    const peer = new Peer(new TargetWorld());
    peer.begin();
    await peer.step({ csg: 1, keys: { ...identity(), MaxBurstLength: '4096' } });
    const { status } = await peer.step({ csg: 1, nsg: 3, keys: { MaxBurstLength: '4096' } });
    expect(status).to.equal(LoginStatus.initiatorError);
  });

  it('may be a declaration', async () => {
    const world = new TargetWorld();
    const peer = new Peer(world);
    peer.begin();
    const SIZE = 'MaxRecvDataSegmentLength';
    await peer.step({ csg: 1, keys: { ...identity(), [SIZE]: '4096' } });
    const { status } = await peer.step({ csg: 1, nsg: 3, keys: { [SIZE]: '8192' } });
    expect(status).to.equal(LoginStatus.success);
    expect(parametersOf(world).maxSendDataSegmentLengthBytes).to.equal(8192);
  });
});
