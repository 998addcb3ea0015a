/** What is wrong with a login request before a word of its text is read. @source RFC 7143 §11.12 */
import { LoginStage } from './codes.ts';
import { LOGIN_REQUESTS_MAX, LOGIN_SEGMENT_BYTES } from './limits.ts';
import { stageOf, transitEvent } from './login-states.ts';
import type { LoginState } from './login-states.ts';
import { LoginStatus } from './login-status.ts';
import type { LoginRefusal } from './login-types.ts';
import { Opcode } from './opcodes.ts';
import { ISCSI_VERSION } from './pdu/index.ts';
import type { LoginRequest } from './pdu/index.ts';

export interface LoginProgress {
  readonly state: LoginState;
  /** The first request of this login; undefined while it is being read. */
  readonly first: LoginRequest | undefined;
  /** Requests so far, this one included. */
  readonly requests: number;
}

type Check = (request: LoginRequest, data: Buffer, progress: LoginProgress) => boolean;

interface CheckRow {
  readonly fails: Check;
  readonly status: LoginStatus;
  readonly reason: string;
}

const { initiatorError, invalidDuringLogin, unsupportedVersion } = LoginStatus;

const changesIdentity: Check = (request, _data, { first }) =>
  first !== undefined &&
  !(
    request.isid.equals(first.isid) &&
    request.tsih === first.tsih &&
    request.cid === first.cid &&
    request.cmdSn === first.cmdSn
  );

const outOfStage: Check = ({ currentStage }, _data, { state }) =>
  state === 'start'
    ? currentStage !== LoginStage.security && currentStage !== LoginStage.operational
    : currentStage !== stageOf(state);

const badTransit: Check = ({ transit, currentStage, nextStage }) =>
  transit && (transitEvent(nextStage) === undefined || nextStage <= currentStage);

const tooLate: Check = (_request, _data, { state }) =>
  state === 'admitting' || state === 'fullFeature';

// prettier-ignore
const checks: readonly CheckRow[] = [
  { fails: ({ opcode }) => opcode !== Opcode.loginRequest, status: invalidDuringLogin,
    reason: 'a PDU other than Login Request during login' },
  { fails: tooLate, status: invalidDuringLogin, reason: 'a Login Request behind the last one' },
  { fails: ({ versionMin }) => versionMin > ISCSI_VERSION, status: unsupportedVersion,
    reason: 'only version 0 is spoken here' },
  { fails: (_request, _data, { requests }) => requests > LOGIN_REQUESTS_MAX, status: initiatorError,
    reason: 'too many login requests' },
  { fails: (_request, data) => data.length > LOGIN_SEGMENT_BYTES, status: initiatorError,
    reason: 'the data segment is longer than 8192 bytes' },
  { fails: ({ transit, continued }) => transit && continued, status: initiatorError,
    reason: 'T and C are both set' },
  { fails: changesIdentity, status: initiatorError,
    reason: 'ISID, TSIH, CID or CmdSN changes in the middle of the login' },
  { fails: outOfStage, status: initiatorError, reason: 'CSG is not the stage that the login is in' },
  { fails: badTransit, status: initiatorError, reason: 'NSG is not a later stage' },
];

/** @returns why the login ends here, or undefined. */
export function loginFault(
  request: LoginRequest,
  data: Buffer,
  progress: LoginProgress,
): LoginRefusal | undefined {
  const failed = checks.find(({ fails }) => fails(request, data, progress));
  return failed === undefined ? undefined : { status: failed.status, reason: failed.reason };
}
