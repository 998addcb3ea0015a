/**
 * How a login ends: status class in the high byte, detail in the low one, with what a person should
 * know.
 * @source RFC 7143 §11.13.5
 */
export const LoginStatus = {
  success: 0x0000,
  targetMovedTemporarily: 0x0101,
  targetMovedPermanently: 0x0102,
  initiatorError: 0x0200,
  authenticationFailure: 0x0201,
  authorizationFailure: 0x0202,
  notFound: 0x0203,
  targetRemoved: 0x0204,
  unsupportedVersion: 0x0205,
  tooManyConnections: 0x0206,
  missingParameter: 0x0207,
  cannotIncludeInSession: 0x0208,
  sessionTypeNotSupported: 0x0209,
  sessionDoesNotExist: 0x020a,
  invalidDuringLogin: 0x020b,
  targetError: 0x0300,
  serviceUnavailable: 0x0301,
  outOfResources: 0x0302,
} as const;
export type LoginStatus = (typeof LoginStatus)[keyof typeof LoginStatus];
export type LoginStatusName = keyof typeof LoginStatus;

export const statusClassOf = (status: number): number => status >> 8;
export const statusDetailOf = (status: number): number => status & 0xff;

// prettier-ignore
const causes: Readonly<Record<LoginStatusName, string>> = {
  success: 'the login succeeded',
  targetMovedTemporarily: 'the target is at another address for now and names it',
  targetMovedPermanently: 'the target has moved to another address and names it',
  initiatorError: 'the target found a mistake in our login requests',
  authenticationFailure: 'the target did not accept the CHAP user or secret, or insists on CHAP',
  authorizationFailure: 'this initiator name may not use this target; add the host at the target',
  notFound: 'no target of that name is at this address; check the spelling, or discover its targets',
  targetRemoved: 'the target has been removed for good',
  unsupportedVersion: 'the target speaks no iSCSI version that we do',
  tooManyConnections: 'the session has as many connections as the target allows',
  missingParameter: 'the target misses a parameter, such as the initiator or target name',
  cannotIncludeInSession: 'the target cannot take this connection into the session',
  sessionTypeNotSupported: 'the target does not offer this type of session',
  sessionDoesNotExist: 'the session that the connection should join has ended at the target',
  invalidDuringLogin: 'the target got a request that is not allowed during login',
  targetError: 'the target met an internal error',
  serviceUnavailable: 'the target is not ready yet; retry later',
  outOfResources: 'the target has no room for another session; retry later',
};

/** Plain words for a status, also for one that no standard names. */
export function describeLoginStatus(status: number): { name: string; cause: string } {
  for (const [name, value] of Object.entries(LoginStatus)) {
    if (value === status) return { name, cause: causes[name as LoginStatusName] };
  }
  const hex = status.toString(16).padStart(4, '0');
  return { name: `status${hex}`, cause: `the target refused with the unknown status ${hex}h` };
}

/** May the same login succeed later without anybody changing anything? */
export const isRetryable = (status: number): boolean => statusClassOf(status) === 3;
