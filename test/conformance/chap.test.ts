import { expect } from 'chai';
import { ChapAlgorithm, chapResponse, checkCredentials } from '../../lib/auth/index.ts';
import { LoginStatus } from '../../lib/iscsi/index.ts';
import { TARGET_NAME, TargetWorld } from '../fakes/target-harness.ts';
import type { WorldOptions } from '../fakes/target-harness.ts';
import { HOST, OTHER, Peer, identity } from './support/peer.ts';
import type { Keys, LoginOptions } from './support/peer.ts';

const chap = { user: '0x12', secret: 'the secret of the host' };
const mutual = { user: 'unit1', secret: 'the secret of the target' };
const { authenticationFailure } = LoginStatus;

function guarded(options?: WorldOptions): TargetWorld {
  const world = new TargetWorld(options);
  world.views.set(HOST, { ...world.openView(HOST), chap, mutual });
  return world;
}

const hex = (bytes: Buffer): string => `0x${bytes.toString('hex')}`;
const base64 = (bytes: Buffer): string => `0b${bytes.toString('base64')}`;
const bytesIn = (value: string): Buffer => Buffer.from(value.slice(2), 'hex');

interface Challenge {
  readonly algorithm: number;
  readonly identifier: number;
  readonly challenge: Buffer;
  readonly raw: Keys;
}

/** The steps until the target has sent its challenge. */
async function challenged(
  peer: Peer,
  offered = '5',
  options: LoginOptions = {},
): Promise<Challenge> {
  peer.begin(options);
  const who = { ...identity(), ...options.keys };
  const first = await peer.step({ csg: 0, keys: { ...who, AuthMethod: 'CHAP,None' } });
  expect(first.keys.get('AuthMethod')).to.equal('CHAP');
  const { keys } = await peer.step({ csg: 0, keys: { CHAP_A: offered } });
  return {
    algorithm: Number(keys.get('CHAP_A')),
    identifier: Number(keys.get('CHAP_I')),
    challenge: bytesIn(keys.get('CHAP_C')!),
    raw: Object.fromEntries(keys),
  };
}

function proof({ algorithm, identifier, challenge }: Challenge, secret = chap.secret): Buffer {
  return chapResponse(algorithm as ChapAlgorithm, identifier, secret, challenge);
}

const answers = (given: Challenge, more: Keys = {}): Keys => ({
  CHAP_N: chap.user,
  CHAP_R: hex(proof(given)),
  ...more,
});

/** From the challenge on. @returns status of the step that carried the proof. */
async function prove(peer: Peer, keys: Keys): Promise<{ status: number; keys: Keys }> {
  const step = await peer.step({ csg: 0, nsg: 1, keys });
  return { status: step.status, keys: Object.fromEntries(step.keys) };
}

async function logIn(world: TargetWorld, options: LoginOptions = {}): Promise<Peer> {
  const peer = new Peer(world);
  const given = await challenged(peer, '8,7,6,5', options);
  expect((await prove(peer, answers(given))).status).to.equal(0);
  const last = await peer.step({ csg: 1, nsg: 3 });
  expect(last.status).to.equal(0);
  peer.settleLogin(last);
  return peer;
}

describe('CHAP at the target (rules 43, 44, 47)', () => {
  for (const algorithm of Object.values(ChapAlgorithm)) {
    it(`takes hash ${algorithm}, both ways`, async () => {
      const world = guarded();
      const peer = new Peer(world);
      const given = await challenged(peer, String(algorithm));
      expect(given.algorithm).to.equal(algorithm);
      const ours = Buffer.alloc(24, 0x3c);
      const asked = { CHAP_I: '77', CHAP_C: hex(ours) };
      const { status, keys } = await prove(peer, answers(given, asked));
      expect(status).to.equal(0);
      expect(keys['CHAP_N']).to.equal(mutual.user);
      const expected = chapResponse(algorithm, 77, mutual.secret, ours);
      expect(bytesIn(keys['CHAP_R']!).equals(expected)).to.equal(true);
      expect((await peer.step({ csg: 1, nsg: 3 })).status).to.equal(0);
      expect(world.node.sessions()[0]!.authenticatedAs).to.equal(chap.user);
      expect(world.node.challenges.outstanding, 'forgotten').to.equal(0);
    });
  }

  it('takes the initiator’s first hash that it has, by whole numbers', async () => {
    const given = await challenged(new Peer(guarded()), '56,78,6,5');
    expect(given.algorithm).to.equal(ChapAlgorithm.sha1);
  });

  it('takes no hash that is turned off', async () => {
    const world = guarded({ node: { chapAlgorithms: [ChapAlgorithm.sha256] } });
    const peer = new Peer(world);
    peer.begin();
    await peer.step({ csg: 0, keys: { ...identity(), AuthMethod: 'CHAP' } });
    const { status } = await peer.step({ csg: 0, keys: { CHAP_A: '5,6' } });
    expect(status).to.equal(authenticationFailure);
    expect(peer.closed).to.equal(true);
  });

  it('takes decimal, hex and base64, and the user name as it stands', async () => {
    for (const [identifier, spell] of [
      ['0x4d', base64],
      ['77', hex],
      ['0bTQ==', base64],
    ] as const) {
      const peer = new Peer(guarded());
      const given = await challenged(peer, '0x7');
      const ours = Buffer.alloc(32, 0x11);
      const keys = {
        CHAP_R: spell(proof(given)),
        CHAP_I: identifier,
        CHAP_C: spell(ours),
      };
      const { status, keys: said } = await prove(peer, answers(given, keys));
      expect(status).to.equal(0);
      const expected = chapResponse(ChapAlgorithm.sha256, 77, mutual.secret, ours);
      expect(bytesIn(said['CHAP_R']!).equals(expected)).to.equal(true);
    }
  });

  it('gives another challenge each time', async () => {
    const world = guarded();
    const given = [await challenged(new Peer(world)), await challenged(new Peer(world))];
    expect(given[0]!.challenge.equals(given[1]!.challenge)).to.equal(false);
    expect(given[0]!.challenge.length).to.be.at.least(16);
  });

  it('takes a challenge of 1024 bytes and none of 1025', async () => {
    for (const [bytes, expected] of [
      [1024, 0],
      [1025, authenticationFailure],
    ] as const) {
      const peer = new Peer(guarded());
      const given = await challenged(peer);
      const asked = { CHAP_I: '1', CHAP_C: hex(Buffer.alloc(bytes, 1)) };
      expect((await prove(peer, answers(given, asked))).status).to.equal(expected);
    }
  });
});

describe('CHAP refuses (rules 29, 46, 48)', () => {
  for (const [what, keysOf] of [
    ['a wrong secret', (given: Challenge) => ({ CHAP_R: hex(proof(given, 'not the secret')) })],
    ['another user', () => ({ CHAP_N: 'web2' })],
    ['the user name as a number', () => ({ CHAP_N: '18' })],
    ['no user', () => ({ CHAP_N: '' })],
    ['a response cut short', (given: Challenge) => ({ CHAP_R: hex(proof(given).subarray(1)) })],
    ['no response', () => ({ CHAP_R: '' })],
    [
      'its own challenge, reflected',
      ({ raw }: Challenge) => ({ CHAP_I: raw['CHAP_I']!, CHAP_C: raw['CHAP_C']! }),
    ],
    [
      'the response that it would give itself',
      (given: Challenge) => ({ CHAP_R: hex(proof(given, mutual.secret)) }),
    ],
    ['a challenge without identifier', () => ({ CHAP_C: '0x0102030405060708' })],
  ] as const) {
    it(`${what}, with 0201 and the end of the connection`, async () => {
      const world = guarded();
      const peer = new Peer(world);
      const given = await challenged(peer);
      const { status } = await prove(peer, answers(given, keysOf(given)));
      expect(status).to.equal(authenticationFailure);
      expect(peer.closed).to.equal(true);
      expect(world.node.sessions()).to.deep.equal([]);
      expect(world.node.challenges.outstanding).to.equal(0);
    });
  }

  it('a challenge that it gave on another connection', async () => {
    const world = guarded();
    const waiting = await challenged(new Peer(world));
    const peer = new Peer(world);
    const given = await challenged(peer);
    const asked = { CHAP_I: waiting.raw['CHAP_I']!, CHAP_C: waiting.raw['CHAP_C']! };
    expect((await prove(peer, answers(given, asked))).status).to.equal(authenticationFailure);
  });

  it('another host’s credentials under this host’s name', async () => {
    const world = guarded();
    const others = { user: 'web2', secret: 'the secret of another' };
    world.views.set(OTHER, { ...world.openView(OTHER), chap: others });
    const peer = new Peer(world);
    const given = await challenged(peer);
    const keys = { CHAP_N: others.user, CHAP_R: hex(proof(given, others.secret)) };
    expect((await prove(peer, keys)).status).to.equal(authenticationFailure);
  });

  it('an old response to a new challenge', async () => {
    const world = guarded();
    const first = await challenged(new Peer(world));
    const peer = new Peer(world);
    await challenged(peer);
    expect((await prove(peer, answers(first))).status).to.equal(authenticationFailure);
  });

  it('a host that asks for proof where the target has no secret for it', async () => {
    const world = guarded();
    world.views.set(HOST, { ...world.openView(HOST), chap });
    const peer = new Peer(world);
    const given = await challenged(peer);
    const asked = { CHAP_I: '1', CHAP_C: hex(Buffer.alloc(16, 1)) };
    expect((await prove(peer, answers(given, asked))).status).to.equal(authenticationFailure);
  });
});

describe('A host that has CHAP never gets in without (rule 29)', () => {
  const ways: [string, (peer: Peer) => Promise<number>][] = [
    [
      'by beginning in the operational stage',
      async (peer) => (await peer.step({ csg: 1, nsg: 3, keys: identity() })).status,
    ],
    [
      'by leaving the security stage at once',
      async (peer) => (await peer.step({ csg: 0, nsg: 3, keys: identity() })).status,
    ],
    [
      'by offering None',
      async (peer) => {
        const keys = { ...identity(), AuthMethod: 'None' };
        return (await peer.step({ csg: 0, nsg: 1, keys })).status;
      },
    ],
    [
      'by leaving in the middle of CHAP',
      async (peer) => {
        await peer.step({ csg: 0, keys: { ...identity(), AuthMethod: 'CHAP' } });
        await peer.step({ csg: 0, keys: { CHAP_A: '5' } });
        const { status, pdu } = await peer.step({ csg: 0, nsg: 3 });
        // it may be asked again, it never goes on
        return status === 0 && (pdu.flags & 0x80) === 0 ? authenticationFailure : status;
      },
    ],
    [
      'in a discovery session',
      async (peer) => {
        const keys = { InitiatorName: HOST, SessionType: 'Discovery' };
        return (await peer.step({ csg: 1, nsg: 3, keys })).status;
      },
    ],
    [
      'under another spelling of its name',
      async (peer) => {
        const keys = { ...identity(HOST.toUpperCase()) };
        return (await peer.step({ csg: 1, nsg: 3, keys })).status;
      },
    ],
  ];
  for (const [what, attempt] of ways) {
    it(`${what}`, async () => {
      const world = guarded();
      const peer = new Peer(world);
      peer.begin();
      expect(await attempt(peer)).to.equal(authenticationFailure);
      expect(world.node.sessions()).to.deep.equal([]);
    });
  }

  it('by having begun its login before it had CHAP', async () => {
    const world = new TargetWorld();
    const peer = new Peer(world);
    peer.begin();
    await peer.step({ csg: 1, keys: identity() });
    world.views.set(HOST, { ...world.openView(HOST), chap });
    expect((await peer.step({ csg: 1, nsg: 3 })).status).to.equal(authenticationFailure);
    expect(world.node.sessions()).to.deep.equal([]);
  });
});

describe('What has not been proved changes nothing (rule 42)', () => {
  it('a login under the name and ISID of a session does not end it', async () => {
    const world = guarded();
    const peer = await logIn(world);
    const thief = new Peer(world);
    const given = await challenged(thief);
    expect((await prove(thief, answers(given, { CHAP_R: '0x00' }))).status).to.not.equal(0);
    const open = await new Peer(world).login();
    expect(open.status).to.equal(authenticationFailure);
    expect(peer.closed).to.equal(false);
    expect(world.node.sessions()).to.have.length(1);
  });

  it('a login into a session does not end its connection', async () => {
    const world = guarded();
    const peer = await logIn(world);
    const joining = { tsih: peer.tsih, cid: 1 };
    const thief = await new Peer(world).login(joining);
    expect(thief.status).to.equal(authenticationFailure);
    expect(peer.closed).to.equal(false);
  });

  it('with the proof both do', async () => {
    const world = guarded();
    const peer = await logIn(world);
    const again = await logIn(world);
    expect(peer.closed).to.equal(true);
    await logIn(world, { tsih: again.tsih, cid: 1 });
    expect(again.closed).to.equal(true);
    expect(world.node.sessions()).to.have.length(1);
  });
});

describe('CHAP secrets (rules 45, 47)', () => {
  it('of less than 96 bits are refused where they are configured', () => {
    expect(checkCredentials({ user: 'a', secret: 'eleven byte' })).to.not.equal(undefined);
    expect(checkCredentials({ user: 'a', secret: 'twelve bytes' })).to.equal(undefined);
  });

  it('are not the same for both directions', () => {
    expect(checkCredentials(chap, { ...mutual, secret: chap.secret })).to.not.equal(undefined);
    expect(checkCredentials(chap, mutual)).to.equal(undefined);
  });

  it('are asked for at whichever portal and target spelling', async () => {
    const world = guarded();
    const peer = new Peer(world, '[::1]:3261');
    const keys = { TargetName: TARGET_NAME.toUpperCase() };
    expect((await peer.login({ keys })).status).to.equal(authenticationFailure);
  });
});
