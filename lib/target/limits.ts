/**
 * Every limit of an iSCSI target node, with its unit. Settings of the service override the defaults
 * one by one.
 */
import { assert, KIB, MIB } from '../base/index.ts';

export interface TargetLimits {
  /** Full-feature sessions, normal and discovery together. */
  readonly sessions: number;
  readonly connectionsPerSession: number;
  /** Connections that have not finished login; the oldest is dropped for a newer one. */
  readonly connectionsBeforeLogin: number;
  /** Non-immediate commands of one session that may be outstanding: the CmdSN window. */
  readonly queueDepth: number;
  /** The part of it that a session keeps while the server is short of transfer memory. */
  readonly queueDepthMin: number;
  /** Immediate commands of one session that may be outstanding. */
  readonly immediateCommands: number;
  /**
   * Task management functions of one session that may be unanswered; they take no place of
   * commands.
   */
  readonly taskManagementFunctions: number;
  readonly maxRecvDataSegmentLengthBytes: number;
  readonly firstBurstLengthBytes: number;
  readonly maxBurstLengthBytes: number;
  readonly maxOutstandingR2t: number;
  /** From connect to the end of login. */
  readonly loginMs: number;
  /** Silence after which a NOP-In asks whether the peer lives; 0: never. */
  readonly nopIntervalMs: number;
  /** Time for the answer, then the connection is dropped. */
  readonly nopTimeoutMs: number;
  /**
   * Time for aborted tasks to leave the medium before a task management function is answered as
   * failed.
   */
  readonly abortMs: number;
  /**
   * Time that a task management function waits for Data-Out which aborted writes are still owed,
   * and for the peer to acknowledge earlier responses; some initiators stop sending at once.
   */
  readonly drainMs: number;
  /** Time from a logout request (async message) to the end of the session. */
  readonly logoutMs: number;
  /** Response bytes that a peer may leave unread before its requests are no longer read. */
  readonly unsentBytes: number;
  /**
   * Longest spin of the event loop after work at low depth, instead of sleep
   * (lib/transport/loop-spin.ts); 0: none.
   */
  readonly spinMs: number;
}

/** TSIHs are 16 bits long and never 0. */
const SESSIONS_MAX = 65_535;

export const defaultTargetLimits: TargetLimits = {
  sessions: 4096,
  connectionsPerSession: 8,
  connectionsBeforeLogin: 512,
  queueDepth: 128,
  queueDepthMin: 8,
  immediateCommands: 16,
  taskManagementFunctions: 16,
  maxRecvDataSegmentLengthBytes: 256 * KIB,
  firstBurstLengthBytes: 64 * KIB,
  maxBurstLengthBytes: 1 * MIB,
  maxOutstandingR2t: 8,
  loginMs: 15_000,
  nopIntervalMs: 30_000,
  nopTimeoutMs: 45_000,
  abortMs: 15_000,
  drainMs: 1_000,
  logoutMs: 3_000,
  unsentBytes: 16 * MIB,
  spinMs: 0.1,
};

/** @returns the defaults with `overrides` put in, after checking the relations between them. */
export function targetLimits(overrides: Partial<TargetLimits> = {}): TargetLimits {
  const wanted = { ...defaultTargetLimits, ...overrides };
  const limits = { ...wanted, queueDepthMin: Math.min(wanted.queueDepthMin, wanted.queueDepth) };
  assert(limits.firstBurstLengthBytes <= limits.maxBurstLengthBytes, 'first burst above max burst');
  assert(limits.queueDepth >= 1, 'queue depth below 1');
  assert(limits.queueDepthMin >= 1, 'minimum queue depth below 1');
  assert(limits.sessions <= SESSIONS_MAX, 'more sessions than TSIHs');
  assert(limits.connectionsPerSession >= 1, 'connections per session below 1');
  return limits;
}
