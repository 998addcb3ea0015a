/**
 * What a target makes of initiators that do it differently, or wrongly. Rules are those of RFC 7143
 * §6.3 and §11.12.
 */
import { expect } from 'chai';
import { LoginStatus, loginRequest } from '../../../lib/iscsi/index.ts';
import type {
  LoginAction,
  LoginClaim,
  LoginRequest,
  LoginResponder,
} from '../../../lib/iscsi/index.ts';
import {
  answerOf,
  ask,
  ASSIGNED_TSIH,
  INITIATOR,
  ISID,
  names,
  oneWay,
  refusalOf,
  responder,
  TARGET,
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

describe('the first login request', () => {
  it('may begin in the operational stage where nothing has to be proved', () => {
    const actions = ask(responder(), toFullFeature, names);
    expect(answerOf(actions[0]).response).to.deep.include({
      transit: true,
      nextStage: 3,
      tsih: ASSIGNED_TSIH,
    });
    expect(actions[1]).to.have.property('kind', 'fullFeature');
  });
  it('is refused in the operational stage where CHAP is required', () => {
    expectRefused(ask(responder({ access: oneWay }), toFullFeature, names), 0x0201);
  });
  it('may go from security straight to full feature phase, with default parameters', () => {
    const target = responder();
    const actions = ask(target, { transit: true, currentStage: 0, nextStage: 3 }, noAuth);
    expect(actions[1]).to.have.property('kind', 'fullFeature');
    expect(actions[1]).to.have.nested.property(
      'result.parameters.maxRecvDataSegmentLengthBytes',
      8192,
    );
    expect(actions[1]).to.have.nested.property('result.parameters.firstBurstLengthBytes', 65_536);
  });
  it('may not skip to full feature phase where CHAP is required', () => {
    const target = responder({ access: oneWay });
    const actions = ask(target, { transit: true, currentStage: 0, nextStage: 3 }, names);
    expectRefused(actions, 0x0201);
  });

  const badFirst: readonly [string, Partial<LoginRequest>, Keys, number][] = [
    ['without InitiatorName', toOperational, { TargetName: TARGET }, LoginStatus.missingParameter],
    [
      'without TargetName in a normal session',
      toOperational,
      { InitiatorName: INITIATOR },
      LoginStatus.missingParameter,
    ],
    [
      'with a malformed InitiatorName',
      toOperational,
      { ...names, InitiatorName: 'web1' },
      LoginStatus.initiatorError,
    ],
    [
      'with a malformed TargetName',
      toOperational,
      { ...names, TargetName: 'unit1' },
      LoginStatus.notFound,
    ],
    [
      'with an unknown SessionType',
      toOperational,
      { ...names, SessionType: 'Other' },
      LoginStatus.sessionTypeNotSupported,
    ],
    [
      'with an inherited property as SessionType',
      toOperational,
      { ...names, SessionType: 'constructor' },
      LoginStatus.sessionTypeNotSupported,
    ],
    [
      'of another version',
      { ...toOperational, versionMin: 1, versionMax: 1 },
      names,
      LoginStatus.unsupportedVersion,
    ],
    ['in stage 2', { currentStage: 2 }, names, LoginStatus.initiatorError],
    ['in full feature phase', { currentStage: 3 }, names, LoginStatus.initiatorError],
    ['with T and C', { ...toOperational, continued: true }, names, LoginStatus.initiatorError],
    [
      'with T to stage 2',
      { transit: true, currentStage: 0, nextStage: 2 },
      names,
      LoginStatus.initiatorError,
    ],
    [
      'with T to the same stage',
      { transit: true, currentStage: 1, nextStage: 1 },
      names,
      LoginStatus.initiatorError,
    ],
    [
      'with T to an earlier stage',
      { transit: true, currentStage: 1, nextStage: 0 },
      names,
      LoginStatus.initiatorError,
    ],
    ['with another opcode', { ...toOperational, opcode: 1 }, names, LoginStatus.invalidDuringLogin],
  ];
  for (const [name, fields, keys, status] of badFirst) {
    it(`is refused ${name}`, () => expectRefused(ask(responder(), fields, keys), status));
  }

  const malformed: readonly [string, Buffer][] = [
    ['without an end', Buffer.from('InitiatorName=x')],
    ['with a pair without "="', Buffer.from('InitiatorName\0')],
    ['with a key twice', Buffer.from(`InitiatorName=${INITIATOR}\0InitiatorName=${INITIATOR}\0`)],
    ['that is not UTF-8', Buffer.from([0x41, 0x3d, 0xff, 0])],
  ];
  for (const [name, text] of malformed) {
    it(`is refused with text ${name}`, () => {
      expectRefused(ask(responder(), toOperational, text), LoginStatus.initiatorError);
    });
  }

  it('is shown to the policy with normalized names', () => {
    let seen: LoginClaim | undefined;
    const policy = {
      identify: (claim: LoginClaim) => {
        seen = claim;
        return { auth: null };
      },
    };
    const keys = {
      ...names,
      InitiatorName: INITIATOR.toUpperCase(),
      TargetName: TARGET.toUpperCase(),
      InitiatorAlias: 'Web 1',
    };
    ask(responder({ policy }), { ...toOperational, tsih: 4, cid: 6 }, keys);
    expect(seen).to.deep.equal({
      initiatorName: INITIATOR,
      initiatorAlias: 'Web 1',
      isid: ISID,
      tsih: 4,
      cid: 6,
      sessionType: 'normal',
      targetName: TARGET,
      portal: { groupTag: 3, address: '127.0.0.1:3260' },
    });
  });
  it('is refused as the policy says', () => {
    for (const status of [
      LoginStatus.notFound,
      LoginStatus.authorizationFailure,
      LoginStatus.serviceUnavailable,
      LoginStatus.sessionDoesNotExist,
    ]) {
      expectRefused(
        ask(responder({ access: { status, reason: 'x' } }), toOperational, noAuth),
        status,
      );
    }
  });
  it('is sent elsewhere with the address in the refusal', () => {
    const access = {
      status: LoginStatus.targetMovedTemporarily,
      reason: 'x',
      targetAddress: '10.0.0.1:3260',
    };
    const actions = ask(responder({ access }), toOperational, noAuth);
    expect(answerOf(actions[0]).keys).to.deep.equal({ TargetAddress: '10.0.0.1:3260' });
  });
});

describe('login responses', () => {
  it('give the portal group tag first in a normal session, and once', () => {
    const target = responder();
    expect(answerOf(ask(target, toOperational, noAuth)[0]).keys).to.have.property(
      'TargetPortalGroupTag',
      '3',
    );
    expect(answerOf(ask(target, toFullFeature)[0]).keys).to.not.have.property(
      'TargetPortalGroupTag',
    );
  });
  it('give no portal group tag in a discovery session', () => {
    const keys = { InitiatorName: INITIATOR, SessionType: 'Discovery', AuthMethod: 'None' };
    expect(answerOf(ask(responder(), toOperational, keys)[0]).keys).to.deep.equal({
      AuthMethod: 'None',
    });
  });
  it('give the alias of the target', () => {
    const access = { auth: null, targetAlias: 'Unit 1' };
    expect(answerOf(ask(responder({ access }), toOperational, noAuth)[0]).keys).to.have.property(
      'TargetAlias',
      'Unit 1',
    );
  });
  it('count StatSN, keep CmdSN and the claimed TSIH of 0 until the last', () => {
    const target = responder();
    const first = answerOf(ask(target, toOperational, noAuth)[0]).response;
    expect(first).to.deep.include({
      statSn: 100,
      expCmdSn: 1000,
      maxCmdSn: 1031,
      tsih: 0,
      initiatorTaskTag: 77,
      isid: ISID,
    });
    const second = answerOf(ask(target, toFullFeature)[0]).response;
    expect(second).to.include({ statSn: 101, expCmdSn: 1000, maxCmdSn: 1031, tsih: ASSIGNED_TSIH });
  });
  it('move on only where the initiator asks for it', () => {
    const target = responder();
    const waiting = answerOf(ask(target, { currentStage: 0 }, noAuth)[0]).response;
    expect(waiting).to.include({ transit: false, currentStage: 0 });
    expect(answerOf(ask(target, toOperational)[0]).response).to.include({
      transit: true,
      nextStage: 1,
    });
  });
  it('declare our segment length once, in the operational stage', () => {
    const target = responder();
    expect(answerOf(ask(target, toOperational, noAuth)[0]).keys).to.not.have.property(
      'MaxRecvDataSegmentLength',
    );
    expect(answerOf(ask(target, { currentStage: 1 })[0]).keys).to.have.property(
      'MaxRecvDataSegmentLength',
      '262144',
    );
    expect(answerOf(ask(target, { currentStage: 1 })[0]).keys).to.not.have.property(
      'MaxRecvDataSegmentLength',
    );
  });
});

describe('stages of a login', () => {
  const wrongOrder: readonly [string, Partial<LoginRequest>][] = [
    ['goes back to the security stage', { currentStage: 0 }],
    ['claims to be in full feature phase', { currentStage: 3 }],
  ];
  for (const [name, fields] of wrongOrder) {
    it(`end the login where the initiator ${name}`, () => {
      expectRefused(ask(atOperational(), fields), LoginStatus.initiatorError);
    });
  }
  const changes: readonly [string, Partial<LoginRequest>][] = [
    ['ISID', { isid: Buffer.from('400001370000', 'hex') }],
    ['TSIH', { tsih: 1 }],
    ['CID', { cid: 2 }],
    ['CmdSN', { cmdSn: 1001 }],
  ];
  for (const [name, fields] of changes) {
    it(`end the login where the ${name} changes`, () => {
      expectRefused(
        ask(atOperational(), { ...toFullFeature, ...fields }),
        LoginStatus.initiatorError,
      );
    });
  }
  it('allow the same names again, as some initiators send them, and no others', () => {
    expect(ask(atOperational(), toFullFeature, names)[1]).to.have.property('kind', 'fullFeature');
    for (const keys of [
      { InitiatorName: 'iqn.2026-11.io.hawser:other' },
      { TargetName: 'iqn.2026-11.io.hawser:other' },
      { SessionType: 'Discovery' },
    ]) {
      expectRefused(ask(atOperational(), toFullFeature, keys), LoginStatus.initiatorError);
    }
  });
  it('are over for a request behind the last one', () => {
    const target = responder();
    ask(target, toFullFeature, names);
    expectRefused(ask(target, toFullFeature, names), LoginStatus.invalidDuringLogin);
  });
  it('allow 64 requests and no more', () => {
    const target = atOperational();
    for (let count = 2; count <= 64; count++) {
      expect(answerOf(ask(target, { currentStage: 1 })[0]).response.status).to.equal(0);
    }
    expectRefused(ask(target, { currentStage: 1 }), LoginStatus.initiatorError);
  });
  it('say nothing once the login was refused', () => {
    const target = responder();
    ask(target, toOperational);
    expect(ask(target, toOperational, names)).to.deep.equal([]);
    expect(target.state).to.equal('closed');
  });
});

describe('continued login text', () => {
  it('is answered by empty responses until it is whole', () => {
    const target = responder();
    const text = Buffer.from(`InitiatorName=${INITIATOR}\0TargetName=${TARGET}\0AuthMethod=None\0`);
    const first = ask(target, { continued: true, currentStage: 0 }, text.subarray(0, 20));
    expect(answerOf(first[0])).to.deep.include({ keys: {} });
    expect(answerOf(first[0]).response).to.include({ transit: false, continued: false, status: 0 });
    const last = ask(target, toOperational, text.subarray(20));
    expect(answerOf(last[0]).keys).to.have.property('AuthMethod', 'None');
  });
  it('may be 8192 bytes long and no longer', () => {
    const filled = (bytes: number): Buffer => {
      const head = `InitiatorName=${INITIATOR}\0TargetName=${TARGET}\0X-com.example=`;
      return Buffer.from(`${head.padEnd(bytes - 1, 'x')}\0`);
    };
    const send = (bytes: number): LoginAction[] => {
      const target = responder();
      const text = filled(bytes);
      ask(target, { continued: true, currentStage: 0 }, text.subarray(0, 5000));
      return ask(target, toOperational, text.subarray(5000));
    };
    expect(answerOf(send(8192)[0]).keys).to.have.property('X-com.example', 'NotUnderstood');
    expectRefused(send(8193), LoginStatus.initiatorError);
  });
  it('is not taken in a segment of more than 8192 bytes', () => {
    expectRefused(ask(responder(), toOperational, Buffer.alloc(8193)), LoginStatus.initiatorError);
  });
  it('of the target waits for empty requests', () => {
    const target = atOperational({ answerExtraKey: () => 'x'.repeat(9_000) });
    const first = ask(target, toFullFeature, { 'X-io.hawser.A': '?' })[0]!;
    if (first.kind !== 'send') throw new Error('silent');
    expect(first.data).to.have.length(8192);
    expect(loginRequest.fields.continued.read(first.header, 0)).to.equal(true);
    expect(loginRequest.fields.transit.read(first.header, 0)).to.equal(false);
    expect(ask(target, toFullFeature)[1]).to.have.property('kind', 'fullFeature');
  });
  it('of the target is not interrupted by more keys', () => {
    const target = atOperational({ answerExtraKey: () => 'x'.repeat(9_000) });
    ask(target, toFullFeature, { 'X-io.hawser.A': '?' });
    expectRefused(
      ask(target, toFullFeature, { MaxBurstLength: '8192' }),
      LoginStatus.initiatorError,
    );
  });
  it('of the target stays whole where 2,700 short unknown keys are refused', () => {
    const target = atOperational();
    const text = Buffer.from(Array.from({ length: 900 }, (_, at) => `A${at}=1\0`).join(''));
    let answer = ask(target, { currentStage: 1 }, text)[0]!;
    const parts: Buffer[] = [];
    for (;;) {
      if (answer.kind !== 'send') throw new Error('silent');
      expect(answer.data.length).to.be.at.most(8192);
      parts.push(answer.data);
      if (!loginRequest.fields.continued.read(answer.header, 0)) break;
      answer = ask(target, { currentStage: 1 })[0]!;
    }
    const pairs = Buffer.concat(parts).toString().split('\0');
    expect(pairs.filter((pair) => pair.endsWith('=NotUnderstood'))).to.have.length(900);
  });
});
