/**
 * A SCSI task (SAM-5) on its way through a device server. Pooled by the session that receives
 * commands: nothing is allocated per command on the read and write path.
 *
 * Life: the transport fills the first group of fields and calls `prepare`; unless that ended the
 * task, the transport finds `bufferBytes` of transfer memory, collects `dataOutBytes` of Data-Out
 * into it and calls `run`; the device server sets the result and calls `onDone` exactly once, from
 * inside `prepare`/`run` or later. An abort may call `onDone` also between the two; `run` isn't
 * called then.
 */
import { BlockRequest } from '../block/index.ts';
import type { TransferBuffer } from '../block/index.ts';
import type { CommandRow } from './command.ts';
import type { ItNexus, ItlNexus } from './nexus.ts';
import type { RangeClaim } from './range-locks.ts';
import { ScsiStatus } from './status.ts';
import type { TaskSet } from './task-set.ts';

/** SAM-5 task attributes with the codes of RFC 7143 §11.3.1. */
export const TaskAttribute = {
  untagged: 0,
  simple: 1,
  ordered: 2,
  headOfQueue: 3,
  aca: 4,
} as const;
export type TaskAttribute = (typeof TaskAttribute)[keyof typeof TaskAttribute];

/** How far a task has come in its task set. */
export const TaskPhase = {
  /** Not in a task set: new or ended. */
  outside: 0,
  /** Prepared; the transport finds memory and collects Data-Out. */
  collecting: 1,
  /** Has its data and waits for its turn (ORDERED, HEAD OF QUEUE). */
  waiting: 2,
  /** Being performed. */
  started: 3,
} as const;
export type TaskPhase = (typeof TaskPhase)[keyof typeof TaskPhase];

/** Longest CDB taken: 16 bytes in the BHS and an Extended-CDB AHS up to SPC-4's 260 bytes. */
export const CDB_BYTES_MAX = 260;

export class ScsiTask implements RangeClaim {
  // ---- set by the transport before `prepare`
  nexus: ItNexus | null = null;
  /** The 8-byte LUN of SAM-5 as it came, big-endian halves; `decodeLun` gives the number. */
  lunHigh = 0;
  lunLow = 0;
  tag = 0;
  attribute: TaskAttribute = TaskAttribute.simple;
  /** Holds `cdbBytes` bytes; replaced by a longer one for extended CDBs. */
  cdb: Buffer = Buffer.alloc(16);
  cdbBytes = 16;
  /** What the initiator is ready to send / to take (RFC 7143 Expected Data Transfer Length). */
  expectedOutBytes = 0;
  expectedInBytes = 0;

  // ---- set by `prepare`
  itl: ItlNexus | null = null;
  row: CommandRow | null = null;
  /**
   * Bytes of Data-Out that the CDB asks for; the transport collects min(this, expectedOutBytes) of
   * them.
   */
  dataOutBytes = 0;
  /**
   * Most bytes of Data-In that the CDB allows (allocation or transfer length), before knowing the
   * answer.
   */
  dataInBytesMax = 0;
  /**
   * Transfer memory to provide before `run`: covers Data-Out and Data-In, which start at its first
   * byte. 0: none.
   */
  bufferBytes = 0;

  // ---- set by the transport before `run`
  buffer: TransferBuffer | null = null;
  /** Data-Out bytes present in `buffer`. */
  receivedOutBytes = 0;

  // ---- set by the device server before `onDone`
  status: ScsiStatus = ScsiStatus.good;
  /** Sense data, `senseBytes` of it valid; 0 unless CHECK CONDITION. */
  readonly sense: Buffer = Buffer.alloc(64);
  senseBytes = 0;
  /**
   * Data-In that there is to send, at the start of `buffer`. May exceed expectedInBytes: the
   * transport sends the smaller amount and reports the residual.
   */
  dataInBytes = 0;
  /** Set by abort paths: no response is sent and no Data-In leaves. */
  aborted = false;

  // ---- the device server's own
  /** The media transfer under way; a command of several steps uses it for one after the other. */
  readonly request = new BlockRequest();
  lba = 0;
  blocks = 0;
  /** SENSE-KEY SPECIFIC (24 bits, 0: none) and INFORMATION (-1: none) for the sense data. */
  senseSpecific = 0;
  senseInformation = -1;
  /** Whatever a longer command keeps between its steps. */
  state: unknown = null;
  /** Block range held against others (RangeLocks). */
  exclusive = false;
  touching = false;
  /** What follows once the range is granted. */
  afterRange: (task: ScsiTask) => void = unsetOnDone;
  set: TaskSet | null = null;
  phase: TaskPhase = TaskPhase.outside;
  /** An abort is under way: don't touch the medium any more and finish. */
  stopping = false;
  /** The abort is told by TASK ABORTED (TAS=1, aborted from another nexus) instead of silence. */
  tellsAbort = false;
  /** Neighbours in the task set, by order of arrival. */
  older: ScsiTask | null = null;
  newer: ScsiTask | null = null;
  /** Who wants to know that the task has really ended; only during aborts. */
  endWaiters: (() => void)[] | null = null;
  startedMs = 0;

  /** Called exactly once per `prepare`. Set once when the pool makes the task. */
  onDone: (task: ScsiTask) => void = unsetOnDone;
  /** For the transport: the connection and its transfer state. */
  owner: unknown = null;

  rangeGranted(): void {
    this.afterRange(this);
  }

  /** Ready for the next command; the caller has released the buffer. */
  reset(): void {
    this.nexus = null;
    this.itl = null;
    this.row = null;
    this.dataOutBytes = 0;
    this.dataInBytesMax = 0;
    this.bufferBytes = 0;
    this.buffer = null;
    this.receivedOutBytes = 0;
    this.status = ScsiStatus.good;
    this.senseBytes = 0;
    this.dataInBytes = 0;
    this.aborted = false;
    this.senseSpecific = 0;
    this.senseInformation = -1;
    this.state = null;
    this.exclusive = false;
    this.stopping = false;
    this.tellsAbort = false;
  }
}

function unsetOnDone(): never {
  throw new Error('ScsiTask run without onDone');
}
