/** What our initiator makes of targets that do it differently, or wrongly. */
import { expect } from 'chai';
import {
  describeLoginStatus,
  encodeTextKeys,
  localParameters,
  loginRequest,
  loginResponse,
  LoginStatus,
  parseTextKeys,
} from '../../../lib/iscsi/index.ts';
import type {
  LoginRequest,
  LoginRequestAction,
  LoginRequester,
  LoginResponse,
} from '../../../lib/iscsi/index.ts';
import { decode, encode } from '../../../lib/wire/index.ts';
import { chapOf, INITIATOR, ISID, requester, TARGET, unit } from './login-fixture.ts';
import type { Keys } from './login-fixture.ts';

const toOperational = { transit: true, currentStage: 0, nextStage: 1 } as const;
const toFullFeature = { transit: true, currentStage: 1, nextStage: 3, tsih: 9 } as const;

function answer(
  ours: LoginRequester,
  fields: Partial<LoginResponse>,
  keys: Keys | Buffer = {},
): LoginRequestAction {
  const data = Buffer.isBuffer(keys)
    ? keys
    : encodeTextKeys(Object.entries(keys).map(([key, value]) => ({ key, value })));
  const header = encode(loginResponse, {
    isid: ISID,
    dataSegmentLengthBytes: data.length,
    ...fields,
  });
  return ours.receive(header, data)[0]!;
}

function sent(action: LoginRequestAction | undefined): { request: LoginRequest; keys: Keys } {
  if (action?.kind === 'failed') throw action.error;
  if (action?.kind !== 'send') throw new Error(`nothing sent but ${action?.kind}`);
  const parsed = parseTextKeys(action.data);
  if (!parsed.ok) throw new Error(parsed.error);
  const keys = Object.fromEntries(parsed.value.map(({ key, value }) => [key, value]));
  return { request: decode(loginRequest, action.header), keys };
}

const failure = (action: LoginRequestAction): string => {
  if (action.kind !== 'failed') throw new Error(`not failed but ${action.kind}`);
  return action.error.kind;
};
const started = (overrides: Parameters<typeof requester>[0] = {}): LoginRequester => {
  const ours = requester(overrides);
  ours.start();
  return ours;
};
const atOperational = (overrides: Parameters<typeof requester>[0] = {}): LoginRequester => {
  const ours = started(overrides);
  answer(ours, toOperational, { AuthMethod: 'None' });
  return ours;
};

describe('login requests', () => {
  it('say first who we are and what we want', () => {
    const { request, keys } = sent(requester({ initiatorAlias: 'Web 1' }).start()[0]);
    expect(request).to.deep.include({
      immediate: true,
      transit: true,
      currentStage: 0,
      nextStage: 1,
      isid: ISID,
      tsih: 0,
      cid: 1,
      cmdSn: 1000,
    });
    expect(keys).to.deep.equal({
      InitiatorName: INITIATOR,
      InitiatorAlias: 'Web 1',
      TargetName: TARGET,
      SessionType: 'Normal',
      AuthMethod: 'None',
    });
  });
  it('offer CHAP alone where the target has to prove itself', () => {
    expect(sent(requester({ chap: chapOf(unit) }).start()[0]).keys).to.have.property(
      'AuthMethod',
      'CHAP',
    );
    expect(sent(requester({ chap: chapOf() }).start()[0]).keys).to.have.property(
      'AuthMethod',
      'CHAP,None',
    );
  });
  it('of a discovery session name no target and offer no keys of normal sessions', () => {
    const ours = requester({ sessionType: 'discovery', targetName: TARGET });
    expect(sent(ours.start()[0]).keys).to.include({ SessionType: 'Discovery' });
    const { keys } = sent(answer(ours, toOperational, { AuthMethod: 'None' }));
    expect(Object.keys(keys)).to.have.members([
      'MaxRecvDataSegmentLength',
      'HeaderDigest',
      'DataDigest',
      'DefaultTime2Wait',
      'DefaultTime2Retain',
      'ErrorRecoveryLevel',
    ]);
  });
  it('offer every key of the operational stage at once and want to be done', () => {
    const { request, keys } = sent(answer(started(), toOperational, { AuthMethod: 'None' }));
    expect(request).to.include({ transit: true, currentStage: 1, nextStage: 3, expStatSn: 1 });
    expect(keys).to.include({
      HeaderDigest: 'None,CRC32C',
      InitialR2T: 'No',
      ImmediateData: 'Yes',
      MaxRecvDataSegmentLength: '262144',
      MaxBurstLength: '1048576',
    });
    expect(keys).to.not.have.any.keys('TaskReporting', 'iSCSIProtocolLevel');
  });
  it('acknowledge StatSN', () => {
    const { request } = sent(answer(started(), { ...toOperational, statSn: 0xffffffff }));
    expect(request.expStatSn).to.equal(0);
  });
});

describe('answers to a target', () => {
  it('settle what it offers in further rounds', () => {
    const ours = atOperational();
    const { request, keys } = sent(
      answer(
        ours,
        { currentStage: 1 },
        {
          MaxBurstLength: '65536',
          MaxRecvDataSegmentLength: '65536',
          'X-com.example': '1',
          IFMarker: 'No',
        },
      ),
    );
    expect(request).to.include({ transit: true, nextStage: 3 });
    expect(keys).to.deep.equal({ 'X-com.example': 'NotUnderstood', IFMarker: 'No' });
    const done = answer(ours, toFullFeature, { FirstBurstLength: '8192', TargetAlias: 'unit' });
    expect(done).to.have.nested.property('outcome.parameters.maxBurstLengthBytes', 65_536);
    expect(done).to.have.nested.property(
      'outcome.parameters.maxSendDataSegmentLengthBytes',
      65_536,
    );
    expect(done).to.have.nested.property('outcome.parameters.firstBurstLengthBytes', 8192);
    expect(done).to.have.nested.property('outcome.targetAlias', 'unit');
  });
  it('answer keys that it offers and we have not', () => {
    const ours = atOperational({ sessionType: 'normal', tsih: 9 });
    const { keys } = sent(answer(ours, { currentStage: 1, tsih: 9 }, { MaxBurstLength: '65536' }));
    expect(keys).to.deep.equal({ MaxBurstLength: 'Irrelevant' });
  });
  it('keep defaults for what it refuses, does not understand or passes over', () => {
    const done = answer(atOperational(), toFullFeature, {
      MaxBurstLength: 'Reject',
      FirstBurstLength: 'NotUnderstood',
      InitialR2T: 'Irrelevant',
    });
    expect(done).to.have.nested.property('outcome.parameters.maxBurstLengthBytes', 262_144);
    expect(done).to.have.nested.property('outcome.parameters.firstBurstLengthBytes', 65_536);
    expect(done).to.have.nested.property('outcome.parameters.initialR2t', true);
    expect(done).to.have.nested.property('outcome.parameters.immediateData', true);
  });
  it('fetch the rest of a continued response with empty requests', () => {
    const ours = started();
    const text = Buffer.from('AuthMethod=None\0TargetPortalGroupTag=5\0');
    const { request, keys } = sent(
      answer(ours, { currentStage: 0, continued: true }, text.subarray(0, 20)),
    );
    expect([request.transit, request.dataSegmentLengthBytes, keys]).to.deep.equal([false, 0, {}]);
    const next = sent(answer(ours, { currentStage: 0 }, text.subarray(20)));
    expect(next.request).to.include({ transit: true, currentStage: 0 });
  });
  it('send our own long text in pieces', () => {
    const extraKeys = [{ key: 'X-io.hawser.Long', value: 'x'.repeat(9_000) }];
    const ours = started({ extraKeys });
    const first = answer(ours, toOperational, { AuthMethod: 'None' });
    if (first.kind !== 'send') throw new Error('silent');
    expect(first.data).to.have.length(8192);
    expect(decode(loginRequest, first.header)).to.include({ transit: false, continued: true });
    const second = answer(ours, { currentStage: 1 });
    if (second.kind !== 'send') throw new Error('silent');
    expect(decode(loginRequest, second.header)).to.include({ transit: true, continued: false });
  });
  it('go on where it takes AuthMethod and the transition in two steps', () => {
    const ours = started();
    const { request } = sent(answer(ours, { currentStage: 0 }, { AuthMethod: 'None' }));
    expect(request).to.include({
      transit: true,
      currentStage: 0,
      nextStage: 1,
      dataSegmentLengthBytes: 0,
    });
  });
});

describe('a login of ours with CHAP', () => {
  it('tells the hash that the target has chosen', () => {
    const ours = started({ chap: chapOf() });
    answer(ours, {}, { AuthMethod: 'CHAP' });
    expect(ours.chapAlgorithm).to.equal(null);
    answer(ours, {}, { CHAP_A: '7', CHAP_I: '1', CHAP_C: '0x0102' });
    expect(ours.chapAlgorithm).to.equal(7);
    expect(requester().chapAlgorithm).to.equal(null);
  });
});

describe('a login of ours fails', () => {
  const protocolFaults: readonly [string, Partial<LoginResponse>, Keys][] = [
    ['another opcode', { opcode: 0x25 }, {}],
    ['another task tag', { initiatorTaskTag: 8 }, {}],
    ['another ISID', { isid: Buffer.alloc(6) }, {}],
    ['another stage', { currentStage: 1 }, {}],
    ['T and C', { ...toOperational, continued: true }, {}],
    [
      'a stage that was not asked for',
      { transit: true, currentStage: 0, nextStage: 3, tsih: 1 },
      {},
    ],
    ['T to the same stage', { transit: true, currentStage: 0, nextStage: 0 }, {}],
  ];
  for (const [name, fields, keys] of protocolFaults) {
    it(`where the target answers with ${name}`, () => {
      expect(failure(answer(started(), fields, keys))).to.equal('protocol');
    });
  }
  it('where the text is malformed', () => {
    expect(failure(answer(started(), {}, Buffer.from('AuthMethod')))).to.equal('protocol');
  });
  it('where the target moves on before CHAP', () => {
    expect(failure(answer(started({ chap: chapOf() }), toOperational, {}))).to.equal('protocol');
  });
  it('where the target wants what was not offered', () => {
    expect(failure(answer(started(), {}, { AuthMethod: 'CHAP' }))).to.equal('authentication');
    expect(failure(answer(started({ chap: chapOf(unit) }), {}, { AuthMethod: 'None' }))).to.equal(
      'authentication',
    );
  });
  it('where a target that must prove itself passes over authentication', () => {
    const ours = started({ chap: chapOf(unit) });
    sent(answer(ours, { currentStage: 0 }));
    expect(failure(answer(ours, toOperational))).to.equal('authentication');
  });
  it('where the target challenges out of order', () => {
    expect(failure(answer(started(), {}, { CHAP_A: '5' }))).to.equal('authentication');
  });
  it('where the target gives no TSIH', () => {
    expect(failure(answer(atOperational(), { ...toFullFeature, tsih: 0 }))).to.equal('protocol');
  });
  it('where the target puts the connection into another session', () => {
    const action = answer(atOperational({ tsih: 8 }), toFullFeature);
    expect(failure(action)).to.equal('protocol');
  });
  it('where an answer is more than our offer', () => {
    for (const keys of [
      { MaxBurstLength: '2000000' },
      { HeaderDigest: 'CRC32C,None' },
      { ErrorRecoveryLevel: '1' },
      { DataPDUInOrder: 'No' },
      { MaxBurstLength: 'many' },
    ]) {
      expect(failure(answer(atOperational(), toFullFeature, keys)), JSON.stringify(keys)).to.equal(
        'negotiation',
      );
    }
  });
  it('where a digest that we insist on is refused', () => {
    const local = localParameters({ dataDigest: ['CRC32C'] });
    for (const keys of [{ DataDigest: 'Reject' }, {}]) {
      expect(failure(answer(atOperational({ local }), toFullFeature, keys))).to.equal(
        'negotiation',
      );
    }
  });
  it('where there is no end of rounds', () => {
    const ours = atOperational();
    let rounds = 0;
    let action: LoginRequestAction;
    do {
      action = answer(ours, { currentStage: 1 });
      rounds++;
    } while (action.kind === 'send');
    expect(failure(action)).to.equal('protocol');
    expect(rounds).to.equal(63);
  });
  it('and is then over', () => {
    const ours = started();
    answer(ours, { status: 0x0201 });
    expect(ours.receive(encode(loginResponse, {}), Buffer.alloc(0))).to.deep.equal([]);
  });

  it('with the class, the detail and the cause of a refusal', () => {
    for (const [name, status] of Object.entries(LoginStatus)) {
      if (status === 0) continue;
      const action = answer(started(), { status }, { TargetAddress: '10.0.0.1:3260' });
      if (action.kind !== 'failed') throw new Error('not failed');
      const moved = name.startsWith('targetMoved');
      expect(action.error).to.include({
        status,
        statusName: name,
        kind: moved ? 'redirected' : 'refused',
        retryable: status >> 8 === 3,
      });
      expect(action.error.targetAddress).to.equal('10.0.0.1:3260');
      expect(action.error.message).to.contain(describeLoginStatus(status).cause);
    }
  });
  it('with a status that no standard names', () => {
    const action = answer(started(), { status: 0x02ff });
    if (action.kind !== 'failed') throw new Error('not failed');
    expect(action.error.message).to.contain('02ffh');
  });
});
