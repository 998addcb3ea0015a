/** Our initiator logs in to our target, at different splits of the text. */
import { expect } from 'chai';
import { localParameters } from '../../../lib/iscsi/index.ts';
import type {
  LoginAction,
  LoginRequestAction,
  LoginRequester,
  LoginResponder,
} from '../../../lib/iscsi/index.ts';
import { loginRequest } from '../../../lib/iscsi/index.ts';
import {
  admitAll,
  ASSIGNED_TSIH,
  chapOf,
  INITIATOR,
  mutual,
  oneWay,
  registerOf,
  requester,
  responder,
  TARGET,
  unit,
} from './login-fixture.ts';
import type { Pdu } from './login-fixture.ts';

interface Ending {
  readonly target: LoginAction | undefined;
  readonly initiator: LoginRequestAction | undefined;
  readonly rounds: number;
}

/** A request in pieces of `pieceBytes`: all but the last have C instead of T. */
function split({ header, data }: Pdu, pieceBytes: number): Pdu[] {
  const pieces: Pdu[] = [];
  for (let at = 0; at === 0 || at < data.length; at += pieceBytes) {
    const piece = data.subarray(at, at + pieceBytes);
    const last = at + pieceBytes >= data.length;
    const copy = Buffer.from(header);
    const { transit, continued, dataSegmentLengthBytes } = loginRequest.fields;
    dataSegmentLengthBytes.write(copy, 0, piece.length);
    if (!last) {
      transit.write(copy, 0, false);
      continued.write(copy, 0, true);
    }
    pieces.push({ header: copy, data: piece });
  }
  return pieces;
}

/**
 * Runs both ends; the buffers handed over are overwritten afterwards, as those of a receiver are.
 */
function run(initiator: LoginRequester, target: LoginResponder, pieceBytes = Infinity): Ending {
  let rounds = 0;
  let ending: Ending = { target: undefined, initiator: undefined, rounds };
  let requests = initiator.start();
  while (requests[0]?.kind === 'send') {
    rounds++;
    let answers: LoginAction[] = [];
    for (const pdu of split(requests[0], pieceBytes)) {
      const [header, data] = [Buffer.from(pdu.header), Buffer.from(pdu.data)];
      answers = admitAll(target, target.receive(header, data));
      header.fill(0xee);
      data.fill(0xee);
    }
    const answer = answers[0];
    if (answer?.kind !== 'send') throw new Error('the target is silent');
    requests = initiator.receive(answer.header, answer.data);
    ending = { target: answers[1], initiator: requests[0], rounds };
  }
  return ending;
}

const scenarios = [
  { name: 'without authentication', target: {}, initiator: {} },
  { name: 'with CHAP', target: { access: oneWay }, initiator: { chap: chapOf() } },
  { name: 'with mutual CHAP', target: { access: mutual }, initiator: { chap: chapOf(unit) } },
  { name: 'with CHAP offered to an open target', target: {}, initiator: { chap: chapOf() } },
  {
    name: 'of a discovery session',
    target: {},
    initiator: { sessionType: 'discovery', targetName: undefined },
  },
] as const;

describe('a login of our initiator at our target', () => {
  for (const { name, target, initiator } of scenarios) {
    for (const pieceBytes of [Infinity, 8192, 60, 33, 17]) {
      it(`succeeds ${name} in pieces of ${pieceBytes} bytes`, () => {
        const discovery = 'sessionType' in initiator;
        const ours = discovery
          ? requester({ sessionType: 'discovery' })
          : requester(initiator as Parameters<typeof requester>[0]);
        const ending = run(ours, responder(target), pieceBytes);
        if (ending.target?.kind !== 'fullFeature') throw new Error(JSON.stringify(ending));
        if (ending.initiator?.kind !== 'fullFeature') throw new Error(JSON.stringify(ending));
        const { result } = ending.target;
        const { outcome } = ending.initiator;
        expect(result).to.include({
          initiatorName: INITIATOR,
          targetName: TARGET,
          cid: 1,
          cmdSn: 1000,
        });
        expect(result.tsih).to.equal(ASSIGNED_TSIH);
        expect(outcome).to.include({ tsih: ASSIGNED_TSIH, expCmdSn: 1000, maxCmdSn: 1031 });
        expect(outcome.expStatSn).to.equal(result.statSn);
        expect(outcome.parameters).to.deep.equal(result.parameters);
        expect(outcome.portalGroupTag).to.equal(discovery ? null : 3);
      });
    }
  }

  it('says at both ends who has been proved', () => {
    const both = run(requester({ chap: chapOf(unit) }), responder({ access: mutual }));
    expect(both.target).to.have.nested.property('result.authenticatedAs', 'web1');
    expect(both.initiator).to.have.nested.property('outcome.targetAuthenticated', true);
    const neither = run(requester(), responder());
    expect(neither.target).to.have.nested.property('result.authenticatedAs', null);
    expect(neither.initiator).to.have.nested.property('outcome.targetAuthenticated', false);
  });

  it('takes two rounds without authentication and four with CHAP', () => {
    expect(run(requester(), responder()).rounds).to.equal(2);
    expect(run(requester({ chap: chapOf() }), responder({ access: oneWay })).rounds).to.equal(4);
  });

  it('agrees on the smaller burst lengths and keeps segment lengths apart', () => {
    const ending = run(
      requester({
        local: localParameters({
          maxRecvDataSegmentLengthBytes: 65_536,
          maxBurstLengthBytes: 32_768,
          firstBurstLengthBytes: 32_768,
          headerDigest: ['CRC32C'],
        }),
      }),
      responder({
        local: localParameters({ maxRecvDataSegmentLengthBytes: 131_072, immediateData: false }),
      }),
    );
    if (ending.target?.kind !== 'fullFeature') throw new Error('refused');
    if (ending.initiator?.kind !== 'fullFeature') throw new Error('failed');
    const shared = {
      headerDigest: true,
      dataDigest: false,
      maxBurstLengthBytes: 32_768,
      firstBurstLengthBytes: 32_768,
      immediateData: false,
      initialR2t: false,
    };
    expect(ending.target.result.parameters).to.include({
      ...shared,
      maxSendDataSegmentLengthBytes: 65_536,
      maxRecvDataSegmentLengthBytes: 131_072,
    });
    expect(ending.initiator.outcome.parameters).to.include({
      ...shared,
      maxSendDataSegmentLengthBytes: 131_072,
      maxRecvDataSegmentLengthBytes: 65_536,
    });
  });

  it('settles only connection-wide keys on a later connection', () => {
    const ending = run(
      requester({ tsih: 5, local: localParameters({ headerDigest: ['CRC32C'] }) }),
      responder({ access: { auth: null, sessionWindow: () => ({ expCmdSn: 7, maxCmdSn: 9 }) } }),
    );
    if (ending.initiator?.kind !== 'fullFeature') throw new Error('failed');
    expect(ending.initiator.outcome).to.include({ tsih: 5, expCmdSn: 7, maxCmdSn: 9 });
    expect(ending.initiator.outcome.parameters).to.include({
      headerDigest: true,
      maxBurstLengthBytes: 262_144,
    });
  });

  it('carries our own keys there and back', () => {
    const key = 'X-io.hawser.Incarnation';
    const ending = run(
      requester({
        extraKeys: [
          { key, value: '?' },
          { key: 'X-io.hawser.Other', value: '?' },
        ],
      }),
      responder({ answerExtraKey: (asked) => (asked === key ? '42' : undefined) }),
    );
    if (ending.initiator?.kind !== 'fullFeature') throw new Error('failed');
    expect([...ending.initiator.outcome.extra]).to.deep.equal([[key, '42']]);
  });

  it('survives a long answer of the target over several responses', () => {
    const key = 'X-io.hawser.Long';
    const ending = run(
      requester({ extraKeys: [{ key, value: '?' }] }),
      responder({ answerExtraKey: () => 'x'.repeat(8_000) }),
    );
    if (ending.initiator?.kind !== 'fullFeature') throw new Error('failed');
    expect(ending.initiator.outcome.extra.get(key)).to.have.length(8_000);
    expect(ending.target).to.have.property('kind', 'fullFeature');
  });

  it('fails at the initiator with the words for a wrong secret', () => {
    const wrong = { credentials: { user: 'web1', secret: 'not the secret' }, mutual: null };
    const ending = run(requester({ chap: wrong }), responder({ access: oneWay }));
    expect(ending.target).to.deep.include({ kind: 'refused', status: 0x0201 });
    if (ending.initiator?.kind !== 'failed') throw new Error('not failed');
    expect(ending.initiator.error).to.include({
      kind: 'refused',
      status: 0x0201,
      statusName: 'authenticationFailure',
      retryable: false,
    });
  });

  it('fails at the initiator where the target proves itself wrongly', () => {
    const ending = run(
      requester({ chap: chapOf({ ...unit, secret: 'another secret' }) }),
      responder({ access: mutual }),
    );
    expect(ending.initiator).to.have.nested.property('error.kind', 'authentication');
  });

  it('fails at the initiator where a target that must prove itself asks for nothing', () => {
    const ending = run(requester({ chap: chapOf(unit) }), responder());
    expect(ending.initiator).to.have.property('kind', 'failed');
  });

  it('leaves no challenge behind on either side', () => {
    const [targets, hosts] = [registerOf(1), registerOf(2)];
    run(
      requester({ chap: chapOf(unit), challenges: hosts }),
      responder({ access: mutual, challenges: targets }),
    );
    expect([targets.outstanding, hosts.outstanding]).to.deep.equal([0, 0]);
  });
});
