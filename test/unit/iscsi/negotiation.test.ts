import { expect } from 'chai';
import fc from 'fast-check';
import {
  localParameters,
  negotiatedKeys,
  OperationalNegotiation,
  operationalKeys,
} from '../../../lib/iscsi/index.ts';
import type { LocalParameters, NegotiationOptions, TextPair } from '../../../lib/iscsi/index.ts';

interface Overrides {
  readonly local?: Partial<LocalParameters>;
  readonly sessionType?: NegotiationOptions['sessionType'];
  readonly leading?: boolean;
}
const negotiation = ({ local, sessionType = 'normal', leading = true }: Overrides = {}) =>
  new OperationalNegotiation({ local: localParameters(local), sessionType, leading });
const pair = (key: string, value: string): TextPair => ({ key, value });

function answerTo(key: string, value: string, overrides: Overrides = {}): string | undefined {
  const result = negotiation(overrides).receive([pair(key, value)]);
  if (!result.ok) throw new Error(result.error);
  return result.value[0]?.value;
}

describe('an offer', () => {
  const local = {
    maxConnections: 4,
    maxBurstLengthBytes: 65_536,
    firstBurstLengthBytes: 32_768,
    defaultTime2WaitSeconds: 5,
    defaultTime2RetainSeconds: 10,
    maxOutstandingR2t: 8,
    initialR2t: false,
    immediateData: true,
    dataPduInOrder: true,
    dataSequenceInOrder: false,
    errorRecoveryLevel: 0,
  };
  // prettier-ignore
  const answers: readonly [string, string, string][] = [
    ['MaxConnections', '8', '4'], ['MaxConnections', '2', '2'],
    ['MaxBurstLength', '262144', '65536'], ['MaxBurstLength', '512', '512'], ['MaxBurstLength', '0x1000', '4096'],
    ['FirstBurstLength', '65536', '32768'], ['FirstBurstLength', '1024', '1024'],
    ['DefaultTime2Wait', '2', '5'], ['DefaultTime2Wait', '60', '60'],
    ['DefaultTime2Retain', '20', '10'], ['DefaultTime2Retain', '0', '0'],
    ['MaxOutstandingR2T', '16', '8'], ['ErrorRecoveryLevel', '2', '0'],
    ['InitialR2T', 'Yes', 'Yes'], ['InitialR2T', 'No', 'No'],
    ['ImmediateData', 'Yes', 'Yes'], ['ImmediateData', 'No', 'No'],
    ['DataPDUInOrder', 'No', 'Yes'], ['DataSequenceInOrder', 'No', 'No'], ['DataSequenceInOrder', 'Yes', 'Yes'],
    ['HeaderDigest', 'CRC32C,None', 'CRC32C'], ['HeaderDigest', 'None,CRC32C', 'None'], ['DataDigest', 'X-com.a,CRC32C', 'CRC32C'],
    ['TaskReporting', 'FastAbort,RFC3720', 'RFC3720'], ['iSCSIProtocolLevel', '2', '1'],
    ['IFMarker', 'Yes', 'No'], ['OFMarker', 'No', 'No'], ['IFMarkInt', '2048~8192', 'Reject'], ['OFMarkInt', '2048', 'Reject'],
  ];
  for (const [key, offered, answer] of answers) {
    it(`${key}=${offered} is answered ${answer}`, () => {
      expect(answerTo(key, offered, { local })).to.equal(answer);
    });
  }

  // prettier-ignore
  const rejected: readonly [string, string][] = [
    ['MaxConnections', '0'], ['MaxConnections', '65536'], ['MaxBurstLength', '511'], ['MaxBurstLength', '16777216'],
    ['MaxBurstLength', 'many'], ['MaxBurstLength', '-1'], ['MaxBurstLength', '512~8192'], ['MaxBurstLength', ''],
    ['DefaultTime2Wait', '3601'], ['ErrorRecoveryLevel', '3'], ['iSCSIProtocolLevel', '32'],
    ['InitialR2T', 'yes'], ['InitialR2T', '1'], ['ImmediateData', ''],
    ['HeaderDigest', 'CRC32'], ['HeaderDigest', 'CRC32CX'], ['HeaderDigest', 'crc32c'], ['HeaderDigest', ''],
    ['MaxRecvDataSegmentLength', '0'], ['MaxRecvDataSegmentLength', '16777216'],
    ['TaskReporting', 'Other'], ['HeaderDigest', 'x'.repeat(256)],
    ['TargetAlias', 'x'], ['TargetPortalGroupTag', '1'], ['SendTargets', 'All'],
  ];
  for (const [key, offered] of rejected) {
    it(`${key}=${offered.slice(0, 20)} is rejected`, () =>
      expect(answerTo(key, offered)).to.equal('Reject'));
  }

  it('of a segment length is a declaration and has no answer', () => {
    const side = negotiation();
    expect(side.receive([pair('MaxRecvDataSegmentLength', '4096')])).to.deep.equal({
      ok: true,
      value: [],
    });
    expect(side.result().maxSendDataSegmentLengthBytes).to.equal(4096);
  });
  it('of a segment length may be made again', () => {
    const side = negotiation();
    side.receive([pair('MaxRecvDataSegmentLength', '4096')]);
    expect(side.receive([pair('MaxRecvDataSegmentLength', '1024')]).ok).to.equal(true);
    expect(side.result().maxSendDataSegmentLengthBytes).to.equal(1024);
  });
  it('of an unknown key is NotUnderstood', () => {
    expect(answerTo('X-com.example', '1')).to.equal('NotUnderstood');
    expect(answerTo('constructor', '1')).to.equal('NotUnderstood');
  });
  it('that is a refusal of something never offered has no answer', () => {
    expect(answerTo('X-com.example', 'NotUnderstood')).to.equal(undefined);
    expect(answerTo('MaxBurstLength', 'Reject')).to.equal(undefined);
  });
  it('made twice is an error, in one step or in two', () => {
    const twice = negotiation().receive([pair('InitialR2T', 'No'), pair('InitialR2T', 'No')]);
    expect(twice).to.deep.equal({ ok: false, error: 'InitialR2T is negotiated twice' });
    const side = negotiation();
    side.receive([pair('InitialR2T', 'No')]);
    expect(side.receive([pair('InitialR2T', 'No')]).ok).to.equal(false);
  });
  it('that was rejected leaves the default', () => {
    const side = negotiation();
    side.receive([pair('MaxBurstLength', '1'), pair('InitialR2T', 'x')]);
    expect(side.result()).to.include({ maxBurstLengthBytes: 262_144, initialR2t: true });
  });
});

describe('FirstBurstLength', () => {
  const both = (steps: readonly (readonly TextPair[])[]) => {
    const side = negotiation({
      local: { maxBurstLengthBytes: 65_536, firstBurstLengthBytes: 65_536 },
    });
    const answers = steps.flatMap((step) => {
      const result = side.receive(step);
      if (!result.ok) throw new Error(result.error);
      return result.value;
    });
    const answer = answers.find(({ key }) => key === 'FirstBurstLength')?.value;
    return { answer, settled: side.result().firstBurstLengthBytes };
  };
  const first = pair('FirstBurstLength', '65536');
  const max = pair('MaxBurstLength', '8192');

  it('is answered within a MaxBurstLength of the same step, whatever their order', () => {
    expect(both([[first, max]])).to.deep.equal({ answer: '8192', settled: 8192 });
    expect(both([[max, first]])).to.deep.equal({ answer: '8192', settled: 8192 });
  });
  it('is answered within a MaxBurstLength of an earlier step', () => {
    expect(both([[max], [first]])).to.deep.equal({ answer: '8192', settled: 8192 });
  });
  it('stays within a MaxBurstLength that is settled later or alone', () => {
    expect(both([[first], [max]]).settled).to.equal(8192);
    expect(both([[max]]).settled).to.equal(8192);
  });
  it('is Irrelevant where no unsolicited data may be sent', () => {
    const none = [pair('InitialR2T', 'Yes'), pair('ImmediateData', 'No')];
    expect(both([[first, ...none]]).answer).to.equal('Irrelevant');
  });
});

describe('keys without a meaning here', () => {
  it('are Irrelevant in a discovery session', () => {
    const overrides = { sessionType: 'discovery' } as const;
    for (const key of negotiatedKeys) {
      const row = operationalKeys[key];
      if (row.normalOnly) expect(answerTo(key, '1', overrides), key).to.equal('Irrelevant');
    }
    expect(answerTo('HeaderDigest', 'CRC32C', overrides)).to.equal('CRC32C');
    expect(answerTo('DefaultTime2Wait', '2', overrides)).to.equal('2');
  });
  it('are Irrelevant on a later connection where they belong to the session', () => {
    const overrides = { leading: false };
    for (const key of negotiatedKeys) {
      const row = operationalKeys[key];
      if (row.scope === 'session')
        expect(answerTo(key, '1', overrides), key).to.equal('Irrelevant');
    }
    expect(answerTo('DataDigest', 'CRC32C', overrides)).to.equal('CRC32C');
    expect(answerTo('MaxRecvDataSegmentLength', '1024', overrides)).to.equal(undefined);
  });
});

describe('offers of ours', () => {
  it('are settled by their answers', () => {
    const side = negotiation();
    const offers = side.offers();
    expect(side.settled).to.equal(false);
    const defaults = offers.map(({ key }) => pair(key, 'Reject'));
    expect(side.receive(defaults)).to.deep.equal({ ok: true, value: [] });
    expect(side.settled).to.equal(true);
  });
  it('include what is not the default in any peer', () => {
    const keys = negotiation({
      local: { taskReporting: ['ResponseFence', 'RFC3720'], protocolLevel: 2 },
    }).offers();
    expect(keys).to.deep.include(pair('TaskReporting', 'ResponseFence,RFC3720'));
    expect(keys).to.deep.include(pair('iSCSIProtocolLevel', '2'));
  });
  it('are made by a target only where the default is too much', () => {
    expect(negotiation().necessaryOffers()).to.deep.equal([]);
    const small = negotiation({
      local: { maxBurstLengthBytes: 8192, firstBurstLengthBytes: 8192 },
    });
    small.receive([pair('MaxBurstLength', '65536')]);
    expect(small.necessaryOffers()).to.deep.equal([pair('FirstBurstLength', '8192')]);
    expect(small.necessaryOffers()).to.deep.equal([]);
  });
});

describe('two sides', () => {
  const parameters = fc.record({
    initialR2t: fc.boolean(),
    immediateData: fc.boolean(),
    dataPduInOrder: fc.boolean(),
    dataSequenceInOrder: fc.boolean(),
    maxConnections: fc.integer({ min: 1, max: 65_535 }),
    maxOutstandingR2t: fc.integer({ min: 1, max: 65_535 }),
    defaultTime2WaitSeconds: fc.integer({ min: 0, max: 3600 }),
    defaultTime2RetainSeconds: fc.integer({ min: 0, max: 3600 }),
    errorRecoveryLevel: fc.integer({ min: 0, max: 2 }),
    maxBurstLengthBytes: fc.integer({ min: 16_384, max: 16_777_215 }),
    firstBurstLengthBytes: fc.integer({ min: 512, max: 16_384 }),
    maxRecvDataSegmentLengthBytes: fc.integer({ min: 512, max: 16_777_215 }),
    headerDigest: fc.constantFrom(
      ['None', 'CRC32C'] as const,
      ['CRC32C', 'None'] as const,
      ['None'] as const,
    ),
  });
  it('always agree, and are within what each is ready for', () => {
    fc.assert(
      fc.property(parameters, parameters, (one, other) => {
        const [asking, answering] = [negotiation({ local: one }), negotiation({ local: other })];
        const answers = answering.receive([...asking.declarations(), ...asking.offers()]);
        if (!answers.ok) throw new Error(answers.error);
        const taken = asking.receive([...answering.declarations(), ...answers.value]);
        expect(taken).to.deep.equal({ ok: true, value: [] });
        const [left, right] = [asking.result(), answering.result()];
        expect(left).to.deep.equal({
          ...right,
          maxSendDataSegmentLengthBytes: right.maxRecvDataSegmentLengthBytes,
          maxRecvDataSegmentLengthBytes: right.maxSendDataSegmentLengthBytes,
        });
        expect(left.maxBurstLengthBytes).to.be.at.most(
          Math.min(one.maxBurstLengthBytes, other.maxBurstLengthBytes),
        );
        expect(left.firstBurstLengthBytes).to.be.at.most(left.maxBurstLengthBytes);
        expect(left.initialR2t).to.equal(one.initialR2t || other.initialR2t);
        expect(left.immediateData).to.equal(one.immediateData && other.immediateData);
        expect(left.maxSendDataSegmentLengthBytes).to.equal(other.maxRecvDataSegmentLengthBytes);
      }),
    );
  });
});

describe('local parameters', () => {
  it('are checked against the range of their keys', () => {
    expect(() => localParameters({ maxConnections: 0 })).to.throw('MaxConnections');
    expect(() => localParameters({ maxRecvDataSegmentLengthBytes: 2 ** 24 })).to.throw();
    expect(() =>
      localParameters({ firstBurstLengthBytes: 2 ** 20, maxBurstLengthBytes: 2 ** 19 }),
    ).to.throw('FirstBurst');
  });
});
