/**
 * The keys by which an initiator says who it is and what it wants, in its first login request.
 * @source RFC 7143 §6.3.1
 */
import { SIMPLE_VALUE_BYTES_MAX } from './limits.ts';
import { LoginStatus } from './login-status.ts';
import type { LoginClaim, LoginPortal, LoginRefusal } from './login-types.ts';
import type { LoginRequest } from './pdu/index.ts';
import type { SessionType } from './parameters.ts';
import { normalizeIscsiName } from './iscsi-name.ts';
import type { TextPair } from './text-keys.ts';

const sessionTypes: Readonly<Record<string, SessionType>> = {
  Normal: 'normal',
  Discovery: 'discovery',
};
const CLAIM_KEYS = ['InitiatorName', 'InitiatorAlias', 'SessionType', 'TargetName'];

export const isClaimKey = (key: string): boolean => CLAIM_KEYS.includes(key);

const refusal = (status: LoginStatus, reason: string): LoginRefusal => ({ status, reason });

/** @param pairs the claim keys of the request, none repeated. */
export function readClaim(
  pairs: readonly TextPair[],
  request: LoginRequest,
  portal: LoginPortal,
): LoginClaim | LoginRefusal {
  const keys = new Map(pairs.map(({ key, value }) => [key, value]));
  const name = keys.get('InitiatorName');
  if (name === undefined) {
    return refusal(LoginStatus.missingParameter, 'the first request has no InitiatorName');
  }
  const initiatorName = normalizeIscsiName(name);
  if (!initiatorName.ok) {
    return refusal(LoginStatus.initiatorError, `InitiatorName ${initiatorName.error}`);
  }
  const initiatorAlias = keys.get('InitiatorAlias') ?? null;
  if (Buffer.byteLength(initiatorAlias ?? '') > SIMPLE_VALUE_BYTES_MAX) {
    return refusal(LoginStatus.initiatorError, 'InitiatorAlias is too long');
  }
  const wanted = readTarget(keys);
  if ('status' in wanted) return wanted;
  const { isid, tsih, cid } = request;
  return { initiatorName: initiatorName.value, initiatorAlias, isid, tsih, cid, ...wanted, portal };
}

function readTarget(
  keys: ReadonlyMap<string, string>,
): Pick<LoginClaim, 'sessionType' | 'targetName'> | LoginRefusal {
  const type = keys.get('SessionType') ?? 'Normal';
  const sessionType = Object.hasOwn(sessionTypes, type) ? sessionTypes[type] : undefined;
  if (sessionType === undefined) {
    return refusal(LoginStatus.sessionTypeNotSupported, `SessionType=${type}`);
  }
  const name = keys.get('TargetName');
  if (name === undefined && sessionType === 'normal') {
    return refusal(LoginStatus.missingParameter, 'the first request has no TargetName');
  }
  if (name === undefined) return { sessionType, targetName: null };
  const targetName = normalizeIscsiName(name);
  if (!targetName.ok) return refusal(LoginStatus.notFound, `TargetName ${targetName.error}`);
  return { sessionType, targetName: targetName.value };
}
