/** Every limit of an iSCSI target node, with its unit. Settings of the service override the defaults one by one. */
import { assert, KIB, MIB } from '../base/index.ts';

export interface TargetLimits {
  /** Full-feature sessions, normal and discovery together. */
  readonly sessions: number;
  readonly connectionsPerSession: number;
  /** Connections that have not finished login; the oldest is dropped for a newer one. */
  readonly connectionsBeforeLogin: number;
  /** Non-immediate commands of one session that may be outstanding: the CmdSN window. */
  readonly queueDepth: number;
  /** Immediate commands of one session that may be outstanding. */
  readonly immediateCommands: number;
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
  /** Time for aborted tasks to leave the medium before a task management function is answered as failed. */
  readonly abortMs: number;
  /** Time from a logout request (async message) to the end of the session. */
  readonly logoutMs: number;
  /** Response bytes that a peer may leave unread before its requests are no longer read. */
  readonly unsentBytes: number;
  /** Longest spin of the event loop after work at low depth, instead of sleep (lib/transport/loop-spin.ts); 0: none. */
  readonly spinMs: number;
}

export const defaultTargetLimits: TargetLimits = {
  sessions: 4096,
  connectionsPerSession: 8,
  connectionsBeforeLogin: 512,
  queueDepth: 128,
  immediateCommands: 16,
  maxRecvDataSegmentLengthBytes: 256 * KIB,
  firstBurstLengthBytes: 64 * KIB,
  maxBurstLengthBytes: 1 * MIB,
  maxOutstandingR2t: 8,
  loginMs: 15_000,
  nopIntervalMs: 30_000,
  nopTimeoutMs: 45_000,
  abortMs: 15_000,
  logoutMs: 3_000,
  unsentBytes: 16 * MIB,
  spinMs: 0.1,
};

/** @returns the defaults with `overrides` put in, after checking the relations between them. */
export function targetLimits(overrides: Partial<TargetLimits> = {}): TargetLimits {
  const limits = { ...defaultTargetLimits, ...overrides };
  assert(limits.firstBurstLengthBytes <= limits.maxBurstLengthBytes, 'first burst above max burst');
  assert(limits.queueDepth >= 1, 'queue depth below 1');
  assert(limits.connectionsPerSession >= 1, 'connections per session below 1');
  return limits;
}
