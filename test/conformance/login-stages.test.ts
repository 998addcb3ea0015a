import { expect } from 'chai';
import { LoginStatus, Opcode, scsiCommand } from '../../lib/iscsi/index.ts';
import { TARGET_NAME, TargetWorld } from '../fakes/target-harness.ts';
import type { WorldOptions } from '../fakes/target-harness.ts';
import { HOST, Peer, identity, textOf } from './support/peer.ts';
import type { LoginStep } from './support/peer.ts';

function began(options?: WorldOptions): { world: TargetWorld; peer: Peer } {
  const world = new TargetWorld(options);
  const peer = new Peer(world);
  peer.begin();
  return { world, peer };
}

/** Steps of which only the last is refused; the connection ends with it. */
async function expectRefused(steps: readonly LoginStep[], status: LoginStatus): Promise<void> {
  const { world, peer } = began();
  for (const step of steps.slice(0, -1)) expect((await peer.step(step)).status).to.equal(0);
  const last = await peer.step(steps.at(-1)!);
  expect(last.status).to.equal(status);
  expect(last.pdu.flags & 0x80, 'T').to.equal(0);
  expect(peer.closed, 'closed after sending').to.equal(true);
  expect(world.node.sessions()).to.deep.equal([]);
  expect(world.node.loggingIn.size).to.equal(0);
}

const withoutName = { TargetName: TARGET_NAME };

describe('The first login request (rules 28, 36, 39)', () => {
  for (const [what, keys, status] of [
    ['without InitiatorName', withoutName, LoginStatus.missingParameter],
    ['without TargetName', { InitiatorName: HOST }, LoginStatus.missingParameter],
    ['of a wrong name', { InitiatorName: 'web1' }, LoginStatus.initiatorError],
    ['for another target', { ...identity(), TargetName: `${TARGET_NAME}x` }, LoginStatus.notFound],
    [
      'for another kind of session',
      { ...identity(), SessionType: 'Other' },
      LoginStatus.sessionTypeNotSupported,
    ],
  ] as const) {
    it(`${what} is refused with ${status.toString(16).padStart(4, '0')}`, () =>
      expectRefused([{ csg: 1, nsg: 3, keys }], status));
  }

  it('of a host that is not known is refused with 0202', async () => {
    const { world, peer } = began();
    world.views.set(HOST, undefined);
    const { status } = await peer.step({ csg: 1, nsg: 3, keys: identity() });
    expect(status).to.equal(LoginStatus.authorizationFailure);
  });

  it('of a server that is not ready is refused with 0301, whatever it asks', async () => {
    for (const keys of [identity(), { ...identity(), TargetName: 'iqn.2026-11.test:none' }]) {
      const { world, peer } = began();
      world.node.setServing(false);
      const { status } = await peer.step({ csg: 1, nsg: 3, keys });
      expect(status).to.equal(LoginStatus.serviceUnavailable);
    }
  });

  it('of one session too many is refused with 0302', async () => {
    const world = new TargetWorld({ limits: { sessions: 1 } });
    await new Peer(world).connect();
    const { status } = await new Peer(world).login({ isid: '800000000009' });
    expect(status).to.equal(LoginStatus.outOfResources);
  });

  it('is answered with the portal group tag, in whichever stage', async () => {
    for (const csg of [0, 1]) {
      const { peer } = began();
      const { keys } = await peer.step({ csg, keys: identity() });
      expect(keys.get('TargetPortalGroupTag')).to.equal('1');
    }
  });

  it('of a discovery session needs no target and is told no portal group tag', async () => {
    const { peer } = began();
    const who = { InitiatorName: HOST, SessionType: 'Discovery' };
    const { status, keys } = await peer.step({ csg: 1, nsg: 3, keys: who });
    expect(status).to.equal(0);
    expect(keys.has('TargetPortalGroupTag')).to.equal(false);
  });

  it('names are compared in their normal form', async () => {
    const { peer } = began();
    const keys = { InitiatorName: HOST.toUpperCase(), TargetName: TARGET_NAME.toUpperCase() };
    expect((await peer.step({ csg: 1, nsg: 3, keys })).status).to.equal(0);
  });
});

describe('The stages of a login (rules 29, 30)', () => {
  const start: LoginStep = { csg: 0, keys: { ...identity(), AuthMethod: 'None' } };
  const { initiatorError } = LoginStatus;

  it('go forward when both sides are ready', async () => {
    const { peer } = began();
    const first = await peer.step({ ...start, nsg: 1 });
    expect(first.pdu.flags).to.equal(0x81);
    const second = await peer.step({ csg: 1, nsg: 3 });
    expect(second.pdu.flags).to.equal(0x87);
    expect(second.pdu.header.readUInt16BE(14), 'TSIH').to.not.equal(0);
    expect(first.pdu.header.readUInt16BE(14), 'TSIH before').to.equal(0);
  });

  it('may leave out the operational one', async () => {
    const { peer } = began();
    expect((await peer.step({ ...start, nsg: 3 })).pdu.flags).to.equal(0x83);
  });

  it('stay where the initiator is not ready', async () => {
    const { peer } = began();
    expect((await peer.step(start)).pdu.flags).to.equal(0x00);
  });

  const refused: [string, LoginStep[]][] = [
    [
      'back',
      [
        { ...start, nsg: 1 },
        { csg: 0, nsg: 1 },
      ],
    ],
    ['nowhere', [{ ...start, nsg: 0 }]],
    ['to stage 2', [{ ...start, nsg: 2 }]],
    ['from stage 2', [{ csg: 2, nsg: 3, keys: identity() }]],
    ['from stage 3', [{ csg: 3, nsg: 3, keys: identity() }]],
    ['with more to come', [{ ...start, nsg: 1, continued: true }]],
  ];
  for (const [what, steps] of refused) {
    it(`do not go ${what}`, () => expectRefused(steps, initiatorError));
  }

  it('carry nothing but login requests', async () => {
    const { peer } = began();
    await peer.step(start);
    peer.send(scsiCommand, { initiatorTaskTag: 5, cmdSn: 1 });
    expect(await peer.received()).to.deep.equal([]);
    expect(peer.closed).to.equal(true);
  });

  it('keep ISID, TSIH, CID and CmdSN', async () => {
    const { peer } = began();
    await peer.step(start);
    peer.cid = 3;
    expect((await peer.step({ csg: 0, nsg: 1 })).status).to.equal(initiatorError);
  });

  it('speak version 0 only', async () => {
    const { peer } = began();
    const send = peer.sendBytes.bind(peer);
    peer.sendBytes = (bytes) => {
      bytes[2] = 1;
      bytes[3] = 1;
      send(bytes);
    };
    const { status } = await peer.step({ csg: 1, nsg: 3, keys: identity() });
    expect(status).to.equal(LoginStatus.unsupportedVersion);
  });
});

describe('Login text over several PDUs (rules 30, 31)', () => {
  for (const pieceBytes of [1, 7, 40]) {
    it(`may be cut anywhere, here every ${pieceBytes} bytes`, async () => {
      const { peer } = began();
      const text = textOf({ ...identity(), MaxBurstLength: '4096' });
      // no more requests than a login may have
      const first = text.subarray(0, text.length - Math.min(50 * pieceBytes, text.length - 1));
      const pieces = [first];
      for (let at = first.length; at < text.length; at += pieceBytes) {
        pieces.push(text.subarray(at, at + pieceBytes));
      }
      for (const piece of pieces.slice(0, -1)) {
        const answer = await peer.step({ csg: 1, continued: true, text: piece });
        expect([answer.status, answer.pdu.flags & 0xc0, answer.pdu.data.length]).to.deep.equal([
          0, 0, 0,
        ]);
      }
      const last = await peer.step({ csg: 1, nsg: 3, text: pieces.at(-1)! });
      expect(last.status).to.equal(0);
      expect(last.keys.get('MaxBurstLength')).to.equal('4096');
    });
  }

  it('may be 8192 bytes long', async () => {
    const { peer } = began();
    const text = textOf(identity());
    const filler = `X-filler=${'a'.repeat(200)}\0`;
    const count = Math.floor((8192 - text.length) / filler.length);
    const more = Array.from({ length: count }, (_, index) =>
      filler.replace('filler', `fill${String(index).padStart(2, '0')}`),
    ).join('');
    const whole = Buffer.concat([text, Buffer.from(more)]);
    expect(whole.length).to.be.within(7900, 8192);
    await peer.step({ csg: 1, continued: true, text: whole.subarray(0, 4000) });
    expect((await peer.step({ csg: 1, text: whole.subarray(4000) })).status).to.equal(0);
  });

  it('may not be longer', () =>
    expectRefused(
      [
        { csg: 1, continued: true, text: Buffer.alloc(8192, 0x41) },
        { csg: 1, text: Buffer.from('A') },
      ],
      LoginStatus.initiatorError,
    ));
});

describe('Login responses', () => {
  it('count StatSN, and the session goes on from there (rule 6)', async () => {
    const { peer } = began();
    const numbers = [
      await peer.step({ csg: 0, nsg: 1, keys: { ...identity(), AuthMethod: 'None' } }),
      await peer.step({ csg: 1 }),
      await peer.step({ csg: 1, nsg: 3 }),
    ].map(({ pdu }) => pdu.statSn);
    expect(numbers).to.deep.equal([numbers[0], numbers[0]! + 1, numbers[0]! + 2]);
    peer.testUnitReady();
    const response = await peer.answer();
    expect([response.opcode, response.statSn]).to.deep.equal([
      Opcode.scsiResponse,
      numbers[0]! + 3,
    ]);
  });

  it('do not advance CmdSN (rule 7)', async () => {
    const { peer } = began();
    const first = await peer.step({ csg: 0, keys: { ...identity(), AuthMethod: 'None' } });
    const second = await peer.step({ csg: 0, nsg: 3 });
    expect([first.pdu.expCmdSn, second.pdu.expCmdSn]).to.deep.equal([1, 1]);
  });
});
