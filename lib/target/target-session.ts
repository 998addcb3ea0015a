/**
 * An iSCSI session: the CmdSN window over all its connections, its tasks and its I_T nexus (RFC
 * 7143 §4.2.2).
 */
import { assert, roundDown } from '../base/index.ts';
import { PAD_BYTES } from '../iscsi/index.ts';
import type { OperationalParameters } from '../iscsi/index.ts';
import type { ItNexus, ScsiTask } from '../scsi/index.ts';
import { serialAdd, serialBefore } from '../wire/index.ts';
import { CommandOrder } from './command-order.ts';
import type { Admission, HeldCommand } from './command-order.ts';
import { SessionCounters } from './counters.ts';
import type { DataDrain } from './data-drain.ts';
import type { TargetConnection } from './target-connection.ts';
import type { TargetNode } from './target-node.ts';
import { TargetTask, TaskPhase } from './target-task.ts';

export interface SessionIdentity {
  readonly tsih: number;
  /** Normalized iSCSI name. */
  readonly initiatorName: string;
  readonly initiatorAlias: string;
  readonly isid: Buffer;
  readonly type: 'normal' | 'discovery';
  /** CHAP user that the initiator proved to be; null where none was asked. */
  readonly authenticatedAs: string | null;
}

export class TargetSession {
  readonly node: TargetNode;
  readonly identity: SessionIdentity;
  readonly parameters: OperationalParameters;
  /** Null in a discovery session, which has no SCSI commands. */
  readonly nexus: ItNexus | null;
  /** Name of the host in the directory. */
  host: string;
  readonly connections = new Map<number, TargetConnection>();
  /** CID of a connection that has ended → the end of its last command. */
  readonly leaving = new Map<number, Promise<void>>();
  readonly tasks = new Map<number, TargetTask>();
  readonly counters = new SessionCounters();
  /** LUN → identity of the unit that this session was last shown under that number. */
  readonly seenUnits = new Map<number, string>();
  readonly sinceWallMs: number;
  ending = false;
  /** Task management functions that have not been answered. */
  managing = 0;
  /** Aborts that wait for Data-Out which is still owed. */
  readonly drains = new Set<DataDrain>();

  readonly #order: CommandOrder;
  #maxCmdSn: number;
  #outstanding = 0;
  #immediateOutstanding = 0;
  readonly #free: TargetTask[] = [];
  #slots = 0;
  #reopening = false;
  readonly #onTaskDone = (scsi: ScsiTask): void => this.#taskDone(scsi.owner as TargetTask);

  constructor(options: {
    node: TargetNode;
    identity: SessionIdentity;
    parameters: OperationalParameters;
    nexus: ItNexus | null;
    host: string;
    cmdSn: number;
  }) {
    this.node = options.node;
    this.identity = options.identity;
    const { maxBurstLengthBytes } = options.parameters;
    // sequences end where a pad does no harm: at multiples of 4
    this.parameters = {
      ...options.parameters,
      maxBurstLengthBytes: roundDown(maxBurstLengthBytes, PAD_BYTES),
    };
    this.nexus = options.nexus;
    this.host = options.host;
    this.#order = new CommandOrder(options.cmdSn);
    this.#maxCmdSn = serialAdd(options.cmdSn, this.node.limits.queueDepth - 1);
    this.sinceWallMs = this.node.timers.wallMs();
  }

  get outstandingCommands(): number {
    return this.#outstanding;
  }

  get expCmdSn(): number {
    return this.#order.expCmdSn;
  }

  get maxCmdSn(): number {
    return this.#maxCmdSn;
  }

  /**
   * MaxCmdSN to show now: what the queue depth still holds, and no more than a minimum while the
   * server is short of transfer memory; never goes back (§4.2.2.1).
   */
  advanceWindow(): number {
    const { limits, memoryQueue } = this.node;
    const depth = memoryQueue.short ? limits.queueDepthMin : limits.queueDepth;
    const wanted = serialAdd(this.#order.expCmdSn, depth - this.#outstanding - 1);
    if (serialBefore(this.#maxCmdSn, wanted)) this.#maxCmdSn = wanted;
    return this.#maxCmdSn;
  }

  // ------------------------------------------------------------------ command order

  /** Where a command stands with its CmdSN; 'now' has taken the number. */
  admit(cmdSn: number, immediate: boolean): Admission {
    return this.#order.admit(cmdSn, immediate, this.#maxCmdSn);
  }

  /** The command just admitted is rejected, which counts as not received (§7.3). */
  giveBack(cmdSn: number): void {
    this.#order.giveBack(cmdSn);
  }

  hold(cmdSn: number, command: HeldCommand): void {
    this.#order.hold(cmdSn, command);
  }

  /** The rest of a held command has come; `deliverHeld` is to follow. */
  heldComplete(cmdSn: number): void {
    this.#order.complete(cmdSn);
  }

  /** Delivers what was held for the numbers now reached. */
  deliverHeld(): void {
    this.#order.deliverHeld();
  }

  /** Runs once every command before `cmdSn` has come. */
  afterCommandsBefore(cmdSn: number, run: () => void): void {
    this.#order.afterCommandsBefore(cmdSn, this.#maxCmdSn, run);
  }

  /** Ends a command that waits for its turn; it counts as received. */
  discardHeld(cmdSn: number): void {
    this.#order.discard(cmdSn);
    this.#order.deliverHeld();
  }

  /**
   * An abort names a command that hasn't come: it counts as received from now on (§11.6.1).
   * @returns false where its number is outside of the window, or not before that of the abort, or
   * taken.
   */
  plug(cmdSn: number, abortCmdSn: number): boolean {
    const inWindow = !serialBefore(cmdSn, this.expCmdSn) && !serialBefore(this.#maxCmdSn, cmdSn);
    if (!inWindow || !serialBefore(cmdSn, abortCmdSn) || this.#order.isHeld(cmdSn)) return false;
    this.#order.plug(cmdSn);
    this.#order.deliverHeld();
    return true;
  }

  /**
   * The connection has ended and the session goes on: its commands that wait for their turn go with
   * it.
   */
  forgetHeld(connection: TargetConnection): void {
    this.#order.forgetConnection(connection);
    this.#order.deliverHeld();
  }

  /** The session has ended: nothing that was held is delivered any more. */
  clearHeld(): void {
    this.#order.clear();
  }

  /** The last Data-Out of a sequence for a task that is no more. */
  strayDataEnded(initiatorTaskTag: number): void {
    for (const drain of this.drains) drain.sequenceEnded(initiatorTaskTag);
  }

  // ------------------------------------------------------------------ tasks

  /** A task for a command that has come; undefined where too many immediate ones are open. */
  takeTask(immediate: boolean): TargetTask | undefined {
    if (immediate) {
      if (this.#immediateOutstanding >= this.node.limits.immediateCommands) return undefined;
      this.#immediateOutstanding++;
    } else {
      this.#outstanding++;
    }
    let task = this.#free.pop();
    if (task === undefined) {
      task = new TargetTask(this, this.#slots++);
      task.scsi.owner = task;
      task.scsi.onDone = this.#onTaskDone;
    }
    task.immediate = immediate;
    return task;
  }

  /** Returns a task that ends without a response. */
  dropTask(task: TargetTask): void {
    assert(task.phase !== TaskPhase.free, 'task freed twice');
    this.#leave(task);
    if (task.scsi.buffer !== null) task.scsi.buffer.release();
    task.reset();
    this.#free.push(task);
    this.#reopenWindow();
  }

  /** The task is over: nobody finds it any more, and its place in the window is free. */
  #leave(task: TargetTask): void {
    task.connection?.taskEnded(task);
    if (this.tasks.get(task.initiatorTaskTag) === task) this.tasks.delete(task.initiatorTaskTag);
    if (task.immediate) this.#immediateOutstanding--;
    else this.#outstanding--;
    if (task.phase === TaskPhase.waitingMemory) this.node.memoryQueue.forget(task);
  }

  /**
   * A window that was shown closed and has room again is told, for no response may be on its way to
   * tell it (§4.2.2.1).
   */
  #reopenWindow(): void {
    const closed = serialBefore(this.#maxCmdSn, this.expCmdSn);
    if (!closed || this.#reopening) return;
    this.#reopening = true;
    // once for all tasks that end in this turn
    queueMicrotask(() => {
      this.#reopening = false;
      const [connection] = this.connections.values();
      if (!this.ending) connection?.showWindow();
    });
  }

  #taskDone(task: TargetTask): void {
    const connection = task.connection;
    if (connection === null || task.scsi.aborted || connection.isClosed) {
      this.dropTask(task);
      return;
    }
    // the command's place in the window is free before its response shows the window
    this.#leave(task);
    this.counters.count(task);
    connection.responses.finish(task);
    task.reset();
    this.#free.push(task);
  }
}
