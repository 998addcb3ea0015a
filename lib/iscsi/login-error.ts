/** Why a login of ours failed. */
import { describeLoginStatus, isRetryable } from './login-status.ts';

export type LoginErrorKind =
  /** The target said no; `status` tells. */
  | 'refused'
  /** The target is elsewhere; `targetAddress` tells. */
  | 'redirected'
  /** One side failed to prove itself, as seen from here. */
  | 'authentication'
  /** The target broke the rules of login. */
  | 'protocol'
  /** No value that both sides can live with. */
  | 'negotiation';

export class LoginError extends Error {
  override readonly name = 'LoginError';
  readonly kind: LoginErrorKind;
  /** Status class and detail of the target's answer; 0 where it gave none. */
  readonly status: number;
  /** The standard's word for the status; empty where there is none. */
  readonly statusName: string;
  /** May the same login succeed later? */
  readonly retryable: boolean;
  /** Where a redirected login goes: host and port, no group tag. */
  readonly targetAddress: string | null;

  constructor(
    kind: LoginErrorKind,
    message: string,
    about: { status?: number; targetAddress?: string | null } = {},
  ) {
    super(message);
    this.kind = kind;
    this.status = about.status ?? 0;
    this.statusName = this.status === 0 ? '' : describeLoginStatus(this.status).name;
    this.retryable = isRetryable(this.status);
    this.targetAddress = about.targetAddress ?? null;
  }
}

/** The error for a response with a status other than success. */
export function refusedBy(status: number, targetAddress: string | null): LoginError {
  const { name, cause } = describeLoginStatus(status);
  const hex = status.toString(16).padStart(4, '0');
  const where = targetAddress === null ? '' : `: ${targetAddress}`;
  const kind = name.startsWith('targetMoved') ? 'redirected' : 'refused';
  const message = `login refused with status ${hex}h (${name}): ${cause}${where}`;
  return new LoginError(kind, message, { status, targetAddress });
}
