/**
 * One SCSI command of a session and the state of its data transfer. Pooled: its fields outlive
 * commands, its meaning doesn't.
 */
import { ScsiTask } from '../scsi/index.ts';
import type { SenseReason } from '../scsi/index.ts';
import type { TargetConnection } from './target-connection.ts';
import type { TargetSession } from './target-session.ts';

export const TaskPhase = {
  free: 0,
  /** Its CmdSN is ahead of its turn; another connection brings the ones before. */
  held: 1,
  /** Waiting for transfer memory. */
  waitingMemory: 2,
  /** Data-Out is on its way. */
  collecting: 3,
  /** With the device server. */
  running: 4,
} as const;
export type TaskPhase = (typeof TaskPhase)[keyof typeof TaskPhase];

export class TargetTask {
  readonly scsi = new ScsiTask();
  /** Number of the task within its session, part of its target transfer tags. */
  readonly slot: number;
  readonly session: TargetSession;
  connection: TargetConnection | null = null;
  phase: TaskPhase = TaskPhase.free;
  initiatorTaskTag = 0;
  cmdSn = 0;
  immediate = false;
  /** F bit of the command: no unsolicited Data-Out follows. */
  commandFinal = true;
  /** Expected Data Transfer Length. */
  expectedBytes = 0;

  /**
   * Data-Out to collect before the device server runs: the smaller of what the CDB asks and what
   * the initiator offers.
   */
  neededOutBytes = 0;
  /**
   * Data-Out received, in ascending gap-free order (DataPDUInOrder and DataSequenceInOrder are
   * always Yes here).
   */
  receivedOutBytes = 0;
  /** Unsolicited Data-Out PDUs still follow. */
  unsolicitedOpen = false;
  /** Immediate and unsolicited data end here at the latest. */
  unsolicitedEnd = 0;
  /** DataSN that the next Data-Out of the current sequence must carry. */
  nextDataSn = 0;
  /** First byte covered by R2Ts: what came unsolicited lies before it. */
  solicitedStart = 0;
  /** R2Ts sent so far: R2TSN of the next one. */
  r2tsSent = 0;
  /** R2Ts answered in full. */
  r2tsDone = 0;
  /** Data that came before the command had its turn or its transfer memory; null: none. */
  early: Buffer | null = null;
  earlyBytes = 0;
  /**
   * What the command ends with once the initiator has sent all that it was asked for; null: it is
   * performed.
   */
  refusal: SenseReason | null = null;
  /** Transfer memory as it counts against the connection's share. */
  memoryBytes = 0;

  constructor(session: TargetSession, slot: number) {
    this.session = session;
    this.slot = slot;
  }

  reset(): void {
    this.scsi.reset();
    this.connection = null;
    this.phase = TaskPhase.free;
    this.neededOutBytes = 0;
    this.receivedOutBytes = 0;
    this.unsolicitedOpen = false;
    this.unsolicitedEnd = 0;
    this.nextDataSn = 0;
    this.solicitedStart = 0;
    this.r2tsSent = 0;
    this.r2tsDone = 0;
    this.early = null;
    this.earlyBytes = 0;
    this.refusal = null;
    this.memoryBytes = 0;
  }
}
