/** What a login responder asks of its owner, and what it hands over. */
import type { ChapRequirement } from '../auth/index.ts';
import type { LoginStatus } from './login-status.ts';
import type { OperationalParameters, SessionType } from './parameters.ts';

/** Where the connection came in. */
export interface LoginPortal {
  readonly groupTag: number;
  /** For logs and for policies that tell networks apart. */
  readonly address: string;
}

/**
 * Who says to be there, as soon as the keys of the first request are complete. Nothing of it is
 * proved yet.
 */
export interface LoginClaim {
  /** Normalized. */
  readonly initiatorName: string;
  readonly initiatorAlias: string | null;
  readonly isid: Buffer;
  /** 0: a new session. */
  readonly tsih: number;
  readonly cid: number;
  readonly sessionType: SessionType;
  /** Normalized; null in a discovery session that names none. */
  readonly targetName: string | null;
  readonly portal: LoginPortal;
}

export interface LoginRefusal {
  readonly status: LoginStatus;
  /** For our log. */
  readonly reason: string;
  /** With a "target moved" status: where to, without a portal group tag. */
  readonly targetAddress?: string;
}

export interface LoginAccess {
  /** null: let in by name alone. */
  readonly auth: ChapRequirement | null;
  readonly targetAlias?: string;
  /** The window of the session that the connection joins; undefined for a new session. */
  readonly sessionWindow?: () => CommandWindow;
}

export interface CommandWindow {
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
}

export interface LoginPolicy {
  /**
   * Asked once, before authentication: hosts that are unknown get credentials `null`, so that
   * nobody can tell.
   */
  identify(claim: LoginClaim): LoginAccess | LoginRefusal;
}

/**
 * Answers an `X-` key of the peer, or undefined for NotUnderstood. Called in the operational stage,
 * after authentication.
 */
export type AnswerExtraKey = (key: string, value: string, claim: LoginClaim) => string | undefined;

export interface LoginResult extends LoginClaim {
  readonly parameters: OperationalParameters;
  /** CHAP user, or null where nobody was asked. */
  readonly authenticatedAs: string | null;
  /** CmdSN of the login, and so of the first command of a new session. */
  readonly cmdSn: number;
  /** StatSN of the next PDU that we send. */
  readonly statSn: number;
}

/** In order: `send` first, then what the owner has to do. */
export type LoginAction =
  /** `data` without padding. */
  | { readonly kind: 'send'; readonly header: Buffer; readonly data: Buffer }
  /**
   * Call `admitted` or `refuse`, now or later; `result.tsih` is still the claimed one and `statSn`
   * the last response's.
   */
  | { readonly kind: 'admit'; readonly result: LoginResult }
  | { readonly kind: 'fullFeature'; readonly result: LoginResult }
  /** The answer has been sent: close. */
  | { readonly kind: 'refused'; readonly status: LoginStatus; readonly reason: string };
