/** Both ends of a login in memory, and hand-made requests for what ours never sends. */
import { ChallengeRegister } from '../../../lib/auth/index.ts';
import type { ChapIdentity } from '../../../lib/auth/index.ts';
import { SeededRandom } from '../../../lib/base/index.ts';
import {
  encodeTextKeys,
  localParameters,
  loginRequest,
  LoginRequester,
  LoginResponder,
  loginResponse,
  parseTextKeys,
} from '../../../lib/iscsi/index.ts';
import type {
  LoginAccess,
  LoginAction,
  LoginRefusal,
  LoginRequest,
  LoginRequesterOptions,
  LoginResponderOptions,
  LoginResponse,
  TextPair,
} from '../../../lib/iscsi/index.ts';
import { decode, encode } from '../../../lib/wire/index.ts';

export const INITIATOR = 'iqn.1993-08.org.debian:01:web1';
export const TARGET = 'iqn.2026-11.io.hawser:unit1';
export const ISID = Buffer.from('40000137abcd', 'hex');
export const host = { user: 'web1', secret: 'secret of web1' };
export const unit = { user: 'unit1', secret: 'secret of unit1' };
const SEED = 4_711;

export const open: LoginAccess = { auth: null };
export const oneWay: LoginAccess = { auth: { credentials: host, mutual: null } };
export const mutual: LoginAccess = { auth: { credentials: host, mutual: unit } };
export const registerOf = (seed: number): ChallengeRegister =>
  new ChallengeRegister(new SeededRandom(seed));

export type ResponderOverrides = Partial<LoginResponderOptions> & {
  readonly access?: LoginAccess | LoginRefusal;
};

export function responder({
  access = open,
  ...overrides
}: ResponderOverrides = {}): LoginResponder {
  return new LoginResponder({
    policy: { identify: () => access },
    portal: { groupTag: 3, address: '127.0.0.1:3260' },
    local: localParameters(),
    challenges: registerOf(SEED),
    queueDepth: 32,
    firstStatSn: 100,
    ...overrides,
  });
}

export function requester(overrides: Partial<LoginRequesterOptions> = {}): LoginRequester {
  return new LoginRequester({
    initiatorName: INITIATOR,
    sessionType: 'normal',
    targetName: TARGET,
    isid: ISID,
    tsih: 0,
    cid: 1,
    cmdSn: 1000,
    local: localParameters(),
    chap: null,
    challenges: registerOf(SEED + 1),
    ...overrides,
  });
}

export const chapOf = (mutual: ChapIdentity['mutual'] = null): ChapIdentity => ({
  credentials: host,
  mutual,
});

/** Keys as an object; a key with several values by an array of pairs. */
export type Keys = Readonly<Record<string, string>>;
const pairsOf = (keys: Keys): TextPair[] =>
  Object.entries(keys).map(([key, value]) => ({ key, value }));

export interface Pdu {
  readonly header: Buffer;
  readonly data: Buffer;
}

export function requestOf(fields: Partial<LoginRequest>, data: Buffer | Keys = {}): Pdu {
  const text = Buffer.isBuffer(data) ? data : encodeTextKeys(pairsOf(data));
  const header = encode(loginRequest, {
    isid: ISID,
    cid: 1,
    cmdSn: 1000,
    initiatorTaskTag: 77,
    dataSegmentLengthBytes: text.length,
    ...fields,
  });
  return { header, data: text };
}

/** The usual stages: `security` and `operational` ask for the next one. */
export const toOperational = { transit: true, currentStage: 0, nextStage: 1 } as const;
export const toFullFeature = { transit: true, currentStage: 1, nextStage: 3 } as const;
export const names: Keys = { InitiatorName: INITIATOR, TargetName: TARGET, SessionType: 'Normal' };

export interface Answered {
  readonly response: LoginResponse;
  readonly keys: Keys;
}

export function answerOf(action: LoginAction | undefined): Answered {
  if (action?.kind !== 'send') throw new Error(`no response but ${action?.kind}`);
  const parsed = parseTextKeys(action.data);
  if (!parsed.ok) throw new Error(parsed.error);
  const keys = Object.fromEntries(parsed.value.map(({ key, value }) => [key, value]));
  return { response: decode(loginResponse, action.header), keys };
}

/** Sends one hand-made request; the session is admitted at once where it comes to that. */
export function ask(
  target: LoginResponder,
  fields: Partial<LoginRequest>,
  data: Buffer | Keys = {},
) {
  const pdu = requestOf(fields, data);
  return admitAll(target, target.receive(pdu.header, pdu.data));
}

export const ASSIGNED_TSIH = 9;

export function admitAll(target: LoginResponder, actions: readonly LoginAction[]): LoginAction[] {
  return actions.flatMap((action) =>
    action.kind === 'admit'
      ? target.admitted({ tsih: action.result.tsih || ASSIGNED_TSIH })
      : action,
  );
}

/** The refusal at the end of some actions: its status, and that of the response before it. */
export function refusalOf(actions: readonly LoginAction[]): { status: number; sent: number } {
  const last = actions.at(-1);
  if (last?.kind !== 'refused') throw new Error(`not refused but ${last?.kind}`);
  const { response } = answerOf(actions[0]);
  if (response.transit || response.continued) throw new Error('a refusal with T or C');
  return { status: last.status, sent: response.status };
}
