/** What a session is made with, what it tells, and how it ends. */
import type { ChallengeRegister, ChapIdentity } from '../auth/index.ts';
import type { Failure, Timers } from '../base/index.ts';
import type { AsyncMessage, LocalParameters, TextPair } from '../iscsi/index.ts';
import type { Crc32c } from '../wire/index.ts';

export interface SessionLimits {
  /** From the TCP connection to the end of login. */
  readonly loginMs: number;
  /** After one to two of these in silence a NOP-Out asks whether the target lives; 0: never. */
  readonly nopIntervalMs: number;
  readonly nopTimeoutMs: number;
  /** Time for the answer to a task management request; the session is dropped afterwards. */
  readonly managementMs: number;
  /** Time for the answer to a logout request; the connection is closed afterwards all the same. */
  readonly logoutMs: number;
}

export const defaultSessionLimits: SessionLimits = {
  loginMs: 15_000,
  nopIntervalMs: 5_000,
  nopTimeoutMs: 5_000,
  managementMs: 15_000,
  logoutMs: 3_000,
};

export type SessionEndKind =
  /** The login was refused or did not come to an end; `failure` says why. */
  | 'loginFailed'
  /** The network, or silence. */
  | 'connectionLost'
  | 'protocolError'
  | 'loggedOut'
  /** By `drop`. */
  | 'dropped';

export interface SessionEnd {
  readonly kind: SessionEndKind;
  readonly failure: Failure;
  /** LoginStatus of a refused login, null otherwise. */
  readonly loginStatus: number | null;
  /** Where to go instead, `host:port`, where the target redirects the login. */
  readonly targetAddress: string | null;
}

export interface SessionHandlers {
  /** Logged in: commands may be submitted. */
  ready(): void;
  /** Last call. Everything outstanding has ended. */
  ended(end: SessionEnd): void;
  /**
   * The target says something by itself; `sense` only with a SCSI event. A logout request is obeyed
   * by the session.
   */
  asyncMessage?(message: AsyncMessage, sense: Buffer): void;
}

export interface SessionOptions {
  readonly initiatorName: string;
  readonly initiatorAlias?: string;
  /** null: a discovery session. */
  readonly targetName: string | null;
  /** Six bytes, distinct for each session with one target portal group. */
  readonly isid: Buffer;
  /** null: no authentication offered. */
  readonly chap: ChapIdentity | null;
  readonly parameters: LocalParameters;
  readonly timers: Timers;
  /** Shared by all sessions of the initiator. */
  readonly challenges: ChallengeRegister;
  /** `X-` keys to ask the target at login. */
  readonly extraKeys?: readonly TextPair[];
  readonly crc32c: Crc32c;
  readonly limits?: Partial<SessionLimits>;
  readonly handlers: SessionHandlers;
}
