/** What a target makes of authentication, of keys out of place and of the end of a login. */
import { expect } from 'chai';
import { LoginStatus, localParameters, loginRequest } from '../../../lib/iscsi/index.ts';
import type { LoginAction, LoginResponder } from '../../../lib/iscsi/index.ts';
import { encode } from '../../../lib/wire/index.ts';
import {
  admitAll,
  answerOf,
  ask,
  ISID,
  names,
  oneWay,
  refusalOf,
  registerOf,
  requestOf,
  responder,
  toFullFeature,
  toOperational,
} from './login-fixture.ts';
import type { Keys } from './login-fixture.ts';

const noAuth = { ...names, AuthMethod: 'None' };
const expectRefused = (actions: readonly LoginAction[], status: number): void => {
  expect(refusalOf(actions)).to.deep.equal({ status, sent: status });
};
const atOperational = (overrides = {}): LoginResponder => {
  const target = responder(overrides);
  ask(target, toOperational, noAuth);
  return target;
};

describe('authentication at login', () => {
  const offers: readonly [string, object, string, string | number][] = [
    ['None is enough', {}, 'None', 'None'],
    ['None is behind CHAP', {}, 'CHAP,None', 'None'],
    ['only CHAP is offered to a target that has no secret for it', {}, 'CHAP', 0x0201],
    ['CHAP is required and offered second', { access: oneWay }, 'None,CHAP', 'CHAP'],
    ['CHAP is required and not offered', { access: oneWay }, 'None', 0x0201],
    ['CHAP is required and only resembled', { access: oneWay }, 'CHAPS,XCHAP', 0x0201],
    ['CHAP is required and other methods come first', { access: oneWay }, 'KRB5,SRP,CHAP', 'CHAP'],
  ];
  for (const [name, overrides, offered, expected] of offers) {
    it(`answers ${expected} where ${name}`, () => {
      const actions = ask(
        responder(overrides),
        { currentStage: 0 },
        { ...names, AuthMethod: offered },
      );
      if (typeof expected === 'number') expectRefused(actions, expected);
      else expect(answerOf(actions[0]).keys).to.have.property('AuthMethod', expected);
    });
  }
  it('is refused where the initiator leaves without having begun it', () => {
    expectRefused(ask(responder({ access: oneWay }), toOperational, names), 0x0201);
  });
  it('keeps an initiator in the stage that wants to leave in the middle of it', () => {
    const target = responder({ access: oneWay });
    const first = answerOf(ask(target, toOperational, { ...names, AuthMethod: 'CHAP' })[0]);
    expect(first.response.transit).to.equal(false);
    const second = answerOf(ask(target, toOperational, { CHAP_A: '5' })[0]);
    expect(second.response.transit).to.equal(false);
    const third = answerOf(ask(target, toOperational)[0]);
    expect(third.response.transit).to.equal(false);
    expect(target.state).to.equal('security');
  });
  it('is refused where the method is chosen twice', () => {
    const target = responder({ access: oneWay });
    ask(target, { currentStage: 0 }, { ...names, AuthMethod: 'CHAP' });
    expectRefused(
      ask(target, { currentStage: 0 }, { AuthMethod: 'CHAP' }),
      LoginStatus.initiatorError,
    );
  });
  it('is refused where CHAP keys come without CHAP', () => {
    expectRefused(ask(responder(), { currentStage: 0 }, { ...names, CHAP_A: '5' }), 0x0201);
    expectRefused(
      ask(
        responder({ access: oneWay }),
        { currentStage: 0 },
        { ...names, CHAP_N: 'web1', CHAP_R: '0x00' },
      ),
      0x0201,
    );
  });
  it('says no more than 0201 for a wrong user, a wrong secret and an unknown host', () => {
    const unknown = { auth: { credentials: null, mutual: null } };
    const bytesOf = (access: object, user: string): string => {
      const target = responder({ access: access as typeof oneWay, challenges: registerOf(1) });
      ask(target, { currentStage: 0 }, { ...names, AuthMethod: 'CHAP' });
      ask(target, { currentStage: 0 }, { CHAP_A: '7' });
      const last = ask(target, toOperational, { CHAP_N: user, CHAP_R: `0x${'11'.repeat(32)}` })[0]!;
      return last.kind === 'send' ? last.header.toString('hex') + last.data.toString('hex') : '';
    };
    const wrongSecret = bytesOf(oneWay, 'web1');
    expect(bytesOf(oneWay, 'nobody')).to.equal(wrongSecret);
    expect(bytesOf(unknown, 'web1')).to.equal(wrongSecret);
    expect(wrongSecret).to.not.equal('');
  });
  it('forgets its challenges where the connection is lost', () => {
    const challenges = registerOf(1);
    const target = responder({ access: oneWay, challenges });
    ask(target, { currentStage: 0 }, { ...names, AuthMethod: 'CHAP' });
    ask(target, { currentStage: 0 }, { CHAP_A: '5' });
    expect(challenges.outstanding).to.equal(1);
    target.abandon();
    expect(challenges.outstanding).to.equal(0);
  });
  it('never shows X- keys to their owner before it has succeeded', () => {
    const asked: string[] = [];
    const answerExtraKey = (key: string): string => {
      asked.push(key);
      return 'secret';
    };
    const actions = ask(
      responder({ access: oneWay, answerExtraKey }),
      { currentStage: 0 },
      { ...names, 'X-io.hawser.A': '?' },
    );
    expect(answerOf(actions[0]).keys).to.have.property('X-io.hawser.A', 'NotUnderstood');
    expect(asked).to.deep.equal([]);
  });
});

describe('keys out of place', () => {
  it('are Irrelevant in the security stage and may be offered again later', () => {
    const target = responder();
    const early = answerOf(ask(target, toOperational, { ...noAuth, MaxBurstLength: '8192' })[0]);
    expect(early.keys).to.have.property('MaxBurstLength', 'Irrelevant');
    expect(
      answerOf(ask(target, toFullFeature, { MaxBurstLength: '8192' })[0]).keys,
    ).to.have.property('MaxBurstLength', '8192');
  });
  it('are Irrelevant in the operational stage where they belong to security', () => {
    expect(
      answerOf(ask(atOperational(), toFullFeature, { AuthMethod: 'None' })[0]).keys,
    ).to.have.property('AuthMethod', 'Irrelevant');
  });
  it('are NotUnderstood where nobody knows them, and the login goes on', () => {
    const actions = ask(atOperational(), toFullFeature, { 'X-com.example': '1', Other: '2' });
    expect(answerOf(actions[0]).keys).to.include({
      'X-com.example': 'NotUnderstood',
      Other: 'NotUnderstood',
    });
    expect(actions[1]).to.have.property('kind', 'fullFeature');
  });
  it('end the login where one is negotiated twice', () => {
    const target = atOperational();
    ask(target, { currentStage: 1 }, { MaxBurstLength: '8192' });
    expectRefused(
      ask(target, { currentStage: 1 }, { MaxBurstLength: '8192' }),
      LoginStatus.initiatorError,
    );
  });
});

describe('the end of a login', () => {
  it('asks the owner and waits for the answer', () => {
    const target = responder();
    const pdu = requestOf(toFullFeature, names);
    const actions = target.receive(pdu.header, pdu.data);
    expect(actions.map(({ kind }) => kind)).to.deep.equal(['admit']);
    expect(target.state).to.equal('admitting');
    const [send, done] = target.admitted({ tsih: 12 });
    expect(answerOf(send).response).to.include({
      transit: true,
      currentStage: 1,
      nextStage: 3,
      tsih: 12,
    });
    expect(done).to.have.nested.property('result.tsih', 12);
    expect(done).to.have.nested.property('result.statSn', 101);
  });
  it('may be refused by the owner', () => {
    const target = responder();
    const pdu = requestOf(toFullFeature, names);
    target.receive(pdu.header, pdu.data);
    expectRefused(
      target.refuse(LoginStatus.tooManyConnections, 'full'),
      LoginStatus.tooManyConnections,
    );
  });
  it('does nothing where the connection is gone when the owner answers', () => {
    const target = responder();
    const pdu = requestOf(toFullFeature, names);
    target.receive(pdu.header, pdu.data);
    target.abandon();
    expect(target.admitted({ tsih: 12 })).to.deep.equal([]);
    expect(target.refuse(LoginStatus.targetError, 'x')).to.deep.equal([]);
  });
  it('carries the window of the session that the connection joins', () => {
    const sessionWindow = () => ({ expCmdSn: 5000, maxCmdSn: 5010 });
    const target = responder({ access: { auth: null, sessionWindow } });
    const response = answerOf(ask(target, { ...toFullFeature, tsih: 4 }, names)[0]).response;
    expect(response).to.include({ tsih: 4, expCmdSn: 5000, maxCmdSn: 5010 });
  });
  it('waits for answers to offers of the target', () => {
    const local = localParameters({ maxBurstLengthBytes: 4096, firstBurstLengthBytes: 4096 });
    const target = atOperational({ local });
    const offer = answerOf(ask(target, toFullFeature)[0]);
    expect(offer.response.transit).to.equal(false);
    expect(offer.keys).to.include({ MaxBurstLength: '4096', FirstBurstLength: '4096' });
    const actions = ask(target, toFullFeature, {
      MaxBurstLength: '4096',
      FirstBurstLength: '2048',
    });
    expect(actions[1]).to.have.nested.property('result.parameters.firstBurstLengthBytes', 2048);
  });
  it('is refused where a digest that we insist on has not been agreed', () => {
    const local = localParameters({ headerDigest: ['CRC32C'] });
    expectRefused(ask(atOperational({ local }), toFullFeature), LoginStatus.initiatorError);
    expect(
      ask(atOperational({ local }), toFullFeature, { HeaderDigest: 'None,CRC32C' })[1],
    ).to.have.property('kind', 'fullFeature');
  });
});

describe('a login responder under random requests', () => {
  it('never throws and always ends within its limits', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const target = responder({ access: seed % 2 ? oneWay : { auth: null } });
      let mix = seed * 2_654_435_761;
      const next = (end: number): number => {
        mix = (Math.imul(mix, 1_664_525) + 1_013_904_223) >>> 0;
        return Math.floor((mix / 2 ** 32) * end);
      };
      const keys: Keys[] = [
        names,
        noAuth,
        { ...names, AuthMethod: 'CHAP' },
        { CHAP_A: '5' },
        { CHAP_N: 'x', CHAP_R: '0x1' },
        { MaxBurstLength: '1' },
        {},
      ];
      for (let count = 0; count < 70; count++) {
        const header = encode(loginRequest, {
          isid: ISID,
          cid: 1,
          cmdSn: 1000,
          transit: next(2) === 1,
          continued: next(4) === 0,
          currentStage: next(8) === 0 ? next(4) : Number(target.state === 'operational'),
          nextStage: next(4),
        });
        const { data } = requestOf({}, keys[next(keys.length)]!);
        try {
          admitAll(target, target.receive(header, data));
        } catch (error) {
          throw new Error(`SEED=${seed}`, { cause: error });
        }
      }
      expect(target.state, `SEED=${seed}`).to.equal('closed');
    }
  });
});
