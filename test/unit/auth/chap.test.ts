import { expect } from 'chai';
import { SeededRandom } from '../../../lib/base/index.ts';
import {
  ChallengeRegister,
  ChapAuthenticator,
  chapAlgorithms,
  ChapInitiator,
  chapResponse,
  formatHex,
  parseBinary,
} from '../../../lib/auth/index.ts';
import type {
  ChapAlgorithm,
  AuthPair,
  AuthStep,
  ChapIdentity,
  ChapRequirement,
} from '../../../lib/auth/index.ts';
import { chapResponses, chapVector } from '../../vectors/chap.ts';

const host = { user: 'web1', secret: 'secret of web1' };
const unit = { user: 'unit1', secret: 'secret of unit1' };
const SEED = 20_261;

const targetSide = (): ChallengeRegister => new ChallengeRegister(new SeededRandom(SEED));
const hostSide = (): ChallengeRegister => new ChallengeRegister(new SeededRandom(SEED + 1));
const value = (step: AuthStep, key: string): string => {
  if (step.kind === 'failed') throw new Error(step.reason);
  return step.pairs.find((pair) => pair.key === key)!.value;
};
const pair = (key: string, text: string): AuthPair => ({ key, value: text });
const ofResponse = (step: AuthStep, user: string, secret: string, algorithm: ChapAlgorithm) => {
  const challenge = parseBinary(value(step, 'CHAP_C'), 1024)!;
  const proof = chapResponse(algorithm, Number(value(step, 'CHAP_I')), secret, challenge);
  return [pair('CHAP_N', user), pair('CHAP_R', formatHex(proof))];
};

interface Exchange {
  readonly target: AuthStep;
  readonly initiator: AuthStep | undefined;
}

/** Both ends against each other, until one of them ends. */
function exchange(requirement: ChapRequirement, identity: ChapIdentity): Exchange {
  const target = new ChapAuthenticator(requirement, targetSide());
  const initiator = new ChapInitiator(identity, hostSide());
  let ask = initiator.start();
  for (;;) {
    const step = target.receive(ask);
    if (step.kind === 'failed') return { target: step, initiator: undefined };
    const reply = initiator.receive(step.pairs);
    if (step.kind === 'done' || reply.kind === 'failed') return { target: step, initiator: reply };
    ask = [...reply.pairs];
  }
}

describe('CHAP responses', () => {
  for (const { name, algorithm, hex } of chapResponses) {
    it(`of ${name} are those of other implementations`, () => {
      const { identifier, secret, challenge } = chapVector;
      expect(chapResponse(algorithm, identifier, secret, challenge).toString('hex')).to.equal(hex);
    });
  }
  it('cover every algorithm', () => {
    expect(chapResponses.map(({ algorithm }) => algorithm)).to.have.members([...chapAlgorithms]);
  });
});

describe('CHAP between our own two ends', () => {
  for (const algorithm of chapAlgorithms) {
    it(`proves the host with algorithm ${algorithm}`, () => {
      const { target, initiator } = exchange(
        { credentials: host, mutual: null, algorithms: [algorithm] },
        { credentials: host, mutual: null },
      );
      expect(target).to.deep.equal({ kind: 'done', user: 'web1', pairs: [] });
      expect(initiator!.kind).to.equal('done');
    });
    it(`proves both sides with algorithm ${algorithm}`, () => {
      const { target, initiator } = exchange(
        { credentials: host, mutual: unit },
        { credentials: host, mutual: unit, algorithms: [algorithm] },
      );
      expect(target.kind).to.equal('done');
      expect(initiator).to.deep.equal({ kind: 'done', user: 'unit1', pairs: [] });
    });
  }

  const failures: readonly [string, Partial<ChapRequirement>, Partial<ChapIdentity>, RegExp][] = [
    [
      'a wrong secret',
      {},
      { credentials: { ...host, secret: 'wrong secret!' } },
      /response is wrong/,
    ],
    ['a wrong user', {}, { credentials: { ...host, user: 'web2' } }, /user/],
    ['an unknown host', { credentials: null }, {}, /no CHAP credentials/],
    ['no common algorithm', { algorithms: [8] }, { algorithms: [5] }, /no hash/],
    ['proof asked of a target without a secret', {}, { mutual: unit }, /no secret/],
  ];
  for (const [name, requirement, identity, reason] of failures) {
    it(`fails at the target with ${name}`, () => {
      const { target } = exchange(
        { credentials: host, mutual: null, ...requirement },
        { credentials: host, mutual: null, ...identity },
      );
      expect(target.kind).to.equal('failed');
      expect(target.kind === 'failed' && target.reason).to.match(reason);
    });
  }
  it('fails at the host where the target has another secret or user', () => {
    for (const mutual of [
      { ...unit, secret: 'another secret' },
      { ...unit, user: 'unit2' },
    ]) {
      const { initiator } = exchange(
        { credentials: host, mutual },
        { credentials: host, mutual: unit },
      );
      expect(initiator!.kind).to.equal('failed');
    }
  });
  it('is satisfied by a target that could prove itself and was not asked', () => {
    const { target } = exchange(
      { credentials: host, mutual: unit },
      { credentials: host, mutual: null },
    );
    expect(target).to.deep.equal({ kind: 'done', user: 'web1', pairs: [] });
  });
});

describe('ChapAuthenticator', () => {
  const authenticator = (
    requirement: Partial<ChapRequirement> = {},
    register = targetSide(),
  ): ChapAuthenticator =>
    new ChapAuthenticator({ credentials: host, mutual: null, ...requirement }, register);

  it('takes the first algorithm of the proposer that is allowed', () => {
    const step = authenticator({ algorithms: [5, 7] }).receive([pair('CHAP_A', '8,7,5')]);
    expect(value(step, 'CHAP_A')).to.equal('7');
  });
  it('compares whole tokens', () => {
    for (const offer of ['56', '05', '5 ', '-5', '5.0']) {
      expect(authenticator().receive([pair('CHAP_A', offer)]).kind).to.equal('failed');
    }
  });
  it('gives a fresh challenge and identifier each time', () => {
    const register = targetSide();
    const steps = Array.from({ length: 8 }, () =>
      authenticator({}, register).receive([pair('CHAP_A', '5')]),
    );
    expect(new Set(steps.map((step) => value(step, 'CHAP_C')))).to.have.property('size', 8);
    expect(new Set(steps.map((step) => value(step, 'CHAP_I'))).size).to.be.greaterThan(1);
  });
  it('takes a response in base64', () => {
    const target = authenticator();
    const step = target.receive([pair('CHAP_A', '5')]);
    const [name, response] = ofResponse(step, 'web1', host.secret, 5);
    const base64 = Buffer.from(response!.value.slice(2), 'hex').toString('base64');
    expect(target.receive([name!, pair('CHAP_R', `0b${base64}`)]).kind).to.equal('done');
  });
  it('takes a user name that looks like a number as it stands', () => {
    const user = '0x12';
    const target = authenticator({ credentials: { user, secret: host.secret } });
    const step = target.receive([pair('CHAP_A', '5')]);
    expect(target.receive(ofResponse(step, user, host.secret, 5))).to.deep.include({ user });
  });
  it('refuses a challenge of its own that comes back on the same connection', () => {
    const target = authenticator({ mutual: unit });
    const step = target.receive([pair('CHAP_A', '5')]);
    const again = [pair('CHAP_I', value(step, 'CHAP_I')), pair('CHAP_C', value(step, 'CHAP_C'))];
    const end = target.receive([...ofResponse(step, 'web1', host.secret, 5), ...again]);
    expect(end).to.deep.equal({ kind: 'failed', reason: 'our own challenge came back' });
  });
  it('refuses a challenge of its own that comes back on another connection', () => {
    const register = targetSide();
    const victim = authenticator({ mutual: unit }, register).receive([pair('CHAP_A', '5')]);
    const target = authenticator({ mutual: unit }, register);
    const step = target.receive([pair('CHAP_A', '5')]);
    const reflected = [pair('CHAP_I', '9'), pair('CHAP_C', value(victim, 'CHAP_C'))];
    const end = target.receive([...ofResponse(step, 'web1', host.secret, 5), ...reflected]);
    expect(end).to.deep.equal({ kind: 'failed', reason: 'our own challenge came back' });
  });
  it('refuses the response that it would give itself', () => {
    const target = authenticator({ mutual: unit });
    const step = target.receive([pair('CHAP_A', '5')]);
    const end = target.receive(ofResponse(step, 'web1', unit.secret, 5));
    expect(end).to.deep.equal({ kind: 'failed', reason: 'the response is one of ours, reflected' });
  });
  it('refuses a response of another length', () => {
    const target = authenticator();
    const step = target.receive([pair('CHAP_A', '5')]);
    const [name, response] = ofResponse(step, 'web1', host.secret, 5);
    const longer = pair('CHAP_R', `${response!.value}00`);
    expect(target.receive([name!, longer]).kind).to.equal('failed');
  });
  it('sends a host that it does not know through the same steps', () => {
    const known = authenticator().receive([pair('CHAP_A', '7')]);
    const unknown = authenticator({ credentials: null }).receive([pair('CHAP_A', '7')]);
    expect(unknown).to.deep.equal(known);
  });
  it('never believes the decoy of a host that it does not know', () => {
    const target = authenticator({ credentials: null });
    const step = target.receive([pair('CHAP_A', '5')]);
    const end = target.receive(ofResponse(step, 'no such user', 'no such secret', 5));
    expect(end.kind).to.equal('failed');
  });
  it('refuses a challenge of more than 1024 bytes and takes one of 1024', () => {
    for (const [bytes, kind] of [
      [1024, 'done'],
      [1025, 'failed'],
    ] as const) {
      const target = authenticator({ mutual: unit });
      const step = target.receive([pair('CHAP_A', '5')]);
      const asked = [pair('CHAP_I', '1'), pair('CHAP_C', formatHex(Buffer.alloc(bytes, 3)))];
      const end = target.receive([...ofResponse(step, 'web1', host.secret, 5), ...asked]);
      expect(end.kind).to.equal(kind);
    }
  });
  const outOfOrder: readonly [string, AuthPair[]][] = [
    ['a response before the challenge', [pair('CHAP_N', 'x'), pair('CHAP_R', '0x00')]],
    ['an algorithm offered twice', [pair('CHAP_A', '5'), pair('CHAP_A', '7')]],
    ['no algorithm', [pair('CHAP_A', '')]],
    ['a key of another method', [pair('CHAP_A', '5'), pair('SRP_U', 'x')]],
  ];
  for (const [name, keys] of outOfOrder) {
    it(`refuses ${name}`, () => expect(authenticator().receive(keys).kind).to.equal('failed'));
  }
  for (const missing of ['CHAP_N', 'CHAP_R'] as const) {
    it(`refuses an answer without ${missing}`, () => {
      const target = authenticator();
      const step = target.receive([pair('CHAP_A', '5')]);
      const keys = ofResponse(step, 'web1', host.secret, 5).filter(({ key }) => key !== missing);
      expect(target.receive(keys).kind).to.equal('failed');
    });
  }
  it('forgets its challenge at the end', () => {
    const register = targetSide();
    const target = authenticator({}, register);
    target.receive([pair('CHAP_A', '5')]);
    expect(register.outstanding).to.equal(1);
    target.end();
    target.end();
    expect(register.outstanding).to.equal(0);
  });
});

describe('ChapInitiator', () => {
  const challenge = [
    pair('CHAP_A', '5'),
    pair('CHAP_I', '7'),
    pair('CHAP_C', '0x00112233445566778899aabbccddeeff'),
  ];
  const initiator = (identity: Partial<ChapIdentity> = {}, register = hostSide()): ChapInitiator =>
    new ChapInitiator({ credentials: host, mutual: null, ...identity }, register);

  it('offers the strongest hash first', () => {
    expect(initiator().start()).to.deep.equal([pair('CHAP_A', '8,7,6,5')]);
  });
  it('refuses a hash that it did not offer', () => {
    expect(initiator({ algorithms: [7] }).receive(challenge).kind).to.equal('failed');
  });
  it('refuses to answer its own challenge from another connection', () => {
    const register = hostSide();
    const other = initiator({ mutual: unit }, register).receive(challenge);
    const reflected = [
      pair('CHAP_A', '5'),
      pair('CHAP_I', '1'),
      pair('CHAP_C', value(other, 'CHAP_C')),
    ];
    expect(initiator({}, register).receive(reflected).kind).to.equal('failed');
  });
  it('refuses its own response as proof of the target', () => {
    const ours = initiator({ mutual: unit });
    const step = ours.receive(challenge);
    const end = ours.receive(ofResponse(step, 'unit1', host.secret, 5));
    expect(end.kind === 'failed' && end.reason).to.contain('reflected');
  });
  it('refuses a target that does not prove itself', () => {
    const ours = initiator({ mutual: unit });
    ours.receive(challenge);
    expect(ours.receive([]).kind).to.equal('failed');
  });
  it('refuses a challenge that is incomplete', () => {
    for (const left of challenge.keys()) {
      expect(initiator().receive(challenge.filter((_, at) => at !== left)).kind).to.equal('failed');
    }
  });
});

describe('ChallengeRegister', () => {
  it('knows what it has given and forgets what is retired', () => {
    const register = targetSide();
    const challenge = register.issue();
    expect(register.isOurs(Buffer.from(challenge.bytes))).to.equal(true);
    register.retire(challenge);
    expect(register.isOurs(challenge.bytes)).to.equal(false);
  });
  it('stays bounded', () => {
    const register = targetSide();
    for (let count = 0; count < 8200; count++) register.issue();
    expect(register.outstanding).to.equal(8192);
  });
});
