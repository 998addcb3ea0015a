/**
 * A SCSI command on its way to a target and back. The caller owns it, keeps it in a pool and may
 * reuse it once `onDone` has been called; until then it and its memory belong to the session.
 */
import { BHS_CDB_BYTES } from '../iscsi/index.ts';
import { TaskAttribute } from '../scsi/index.ts';

/** How a command ended. Only `answered` has a SCSI status. */
export const CommandOutcome = {
  answered: 0,
  /** The session ended first. `sent` tells whether the target may have seen it. */
  sessionLost: 1,
  /** Ended by task management or taken back before it was sent. */
  aborted: 2,
  /**
   * The target answered with Reject, a response code other than 00h, or less data than it claimed.
   */
  transportError: 3,
} as const;
export type CommandOutcome = (typeof CommandOutcome)[keyof typeof CommandOutcome];

export const CommandState = { idle: 0, queued: 1, sent: 2, ended: 3 } as const;
export type CommandState = (typeof CommandState)[keyof typeof CommandState];

/** Longest sense data kept, bytes: SPC-4's limit. */
export const SENSE_BYTES_MAX = 252;

export class InitiatorCommand {
  // ---- set by the caller before `submit`
  /** The 8-byte LUN of SAM-5, big-endian halves. */
  lunHigh = 0;
  lunLow = 0;
  attribute: TaskAttribute = TaskAttribute.simple;
  /**
   * Sent past the window and ahead of its turn: for what must not wait behind ordinary commands.
   */
  immediate = false;
  cdb: Buffer = Buffer.alloc(BHS_CDB_BYTES);
  cdbBytes = BHS_CDB_BYTES;
  /** Data-Out: `outBytes` from `outStart` of `outMemory`. */
  outMemory: Buffer | null = null;
  outStart = 0;
  outBytes = 0;
  /** Data-In: room for `inBytes` from `inStart` of `inMemory`. */
  inMemory: Buffer | null = null;
  inStart = 0;
  inBytes = 0;

  // ---- set by the session before `onDone`
  outcome: CommandOutcome = CommandOutcome.answered;
  /** SAM-5 status, only with `answered`. */
  status = 0;
  /** Sense data; replaced by a fresh buffer whenever a command brings some. */
  sense: Buffer = EMPTY;
  senseBytes = 0;
  /** Data-In bytes that arrived, from `inStart` on. */
  receivedBytes = 0;
  /** Positive: the CDB wanted that much more than there was room for; negative: that much less. */
  residualBytes = 0;
  /** Why a command did not end as `answered`; for logs. */
  detail = '';

  /**
   * Called exactly once for each submit, never from inside it. Set once when the pool makes the
   * command.
   */
  onDone: (command: InitiatorCommand) => void = unsetOnDone;
  /** For the caller's own use. */
  owner: unknown = null;

  // ---- the session's own
  /** @internal */ state: CommandState = CommandState.idle;
  /** @internal */ initiatorTaskTag = 0;
  /** @internal */ cmdSn = 0;
  /** @internal Data-Out bytes handed over, unsolicited and solicited. */
  sentOutBytes = 0;
  /** @internal */ nextR2tSn = 0;
  /** @internal */ nextDataSn = 0;
  /** @internal Number of the last batch that has pieces of `outMemory`. */
  lastBatch = 0;
  /** @internal */ next: InitiatorCommand | null = null;

  /** True once bytes of it were handed to the network: the target may have acted on it. */
  get sent(): boolean {
    return this.sentOnce;
  }
  /** @internal */ sentOnce = false;

  /** @internal Clears what an earlier life left behind. */
  begin(): void {
    this.outcome = CommandOutcome.answered;
    this.status = 0;
    this.senseBytes = 0;
    this.receivedBytes = 0;
    this.residualBytes = 0;
    this.detail = '';
    this.sentOutBytes = 0;
    this.nextR2tSn = 0;
    this.nextDataSn = 0;
    this.lastBatch = 0;
    this.next = null;
    this.sentOnce = false;
  }
}

const EMPTY = Buffer.alloc(0);

function unsetOnDone(): never {
  throw new Error('InitiatorCommand submitted without onDone');
}
