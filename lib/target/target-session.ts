/**
 * An iSCSI session: the CmdSN window over all its connections, its tasks and its I_T nexus (RFC 7143 §4.2.2).
 */
import { assert } from '../base/index.ts';
import type { OperationalParameters } from '../iscsi/index.ts';
import type { ItNexus, ScsiTask } from '../scsi/index.ts';
import { serialAdd, serialBefore } from '../wire/index.ts';
import { SessionCounters } from './counters.ts';
import type { TargetConnection } from './target-connection.ts';
import type { TargetNode } from './target-node.ts';
import { TargetTask, TaskPhase } from './target-task.ts';

/** Something whose CmdSN is ahead of its turn. */
export interface HeldCommand {
  /** All of its PDU has come. */
  complete: boolean;
  deliver(): void;
}

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

export type Admission = 'now' | 'held' | 'ignore';

export class TargetSession {
  readonly node: TargetNode;
  readonly identity: SessionIdentity;
  readonly parameters: OperationalParameters;
  /** Null in a discovery session, which has no SCSI commands. */
  readonly nexus: ItNexus | null;
  /** Name of the host in the directory. */
  host: string;
  readonly connections = new Map<number, TargetConnection>();
  readonly tasks = new Map<number, TargetTask>();
  readonly counters = new SessionCounters();
  /** LUN → identity of the unit that this session was last shown under that number. */
  readonly seenUnits = new Map<number, string>();
  readonly sinceWallMs: number;
  expCmdSn: number;
  ending = false;

  #maxCmdSn: number;
  #outstanding = 0;
  #immediateOutstanding = 0;
  readonly #held = new Map<number, HeldCommand>();
  /** CmdSNs that ABORT TASK named before they came (§11.5.5). */
  readonly #abandoned = new Set<number>();
  readonly #fences: { readonly cmdSn: number; readonly run: () => void }[] = [];
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
    this.parameters = options.parameters;
    this.nexus = options.nexus;
    this.host = options.host;
    this.expCmdSn = options.cmdSn;
    this.#maxCmdSn = serialAdd(options.cmdSn, this.node.limits.queueDepth - 1);
    this.sinceWallMs = this.node.timers.wallMs();
  }

  get outstandingCommands(): number {
    return this.#outstanding;
  }

  get maxCmdSn(): number {
    return this.#maxCmdSn;
  }

  /** MaxCmdSN to show now: what the queue depth still holds; never goes back (§4.2.2.1). */
  advanceWindow(): number {
    const room = this.node.limits.queueDepth - this.#outstanding;
    const wanted = serialAdd(this.expCmdSn, room - 1);
    if (serialBefore(this.#maxCmdSn, wanted)) this.#maxCmdSn = wanted;
    return this.#maxCmdSn;
  }

  /** Where a command stands with its CmdSN; 'now' has taken the number. */
  admit(cmdSn: number, immediate: boolean): Admission {
    if (immediate) return 'now';
    const ahead = (cmdSn - this.expCmdSn) | 0;
    if (ahead === 0) {
      this.expCmdSn = serialAdd(this.expCmdSn, 1);
      return 'now';
    }
    if (ahead < 0 || serialBefore(this.#maxCmdSn, cmdSn) || this.#held.has(cmdSn)) return 'ignore';
    return 'held';
  }

  hold(cmdSn: number, command: HeldCommand): void {
    this.#held.set(cmdSn, command);
  }

  /** Delivers what was held for the numbers now reached. */
  deliverHeld(): void {
    if (this.#held.size === 0 && this.#abandoned.size === 0 && this.#fences.length === 0) return;
    for (;;) {
      const command = this.#held.get(this.expCmdSn);
      if (command === undefined || !command.complete) break;
      this.#held.delete(this.expCmdSn);
      this.expCmdSn = serialAdd(this.expCmdSn, 1);
      command.deliver();
    }
    while (this.#fences.length > 0 && !serialBefore(this.expCmdSn, this.#fences[0]!.cmdSn)) {
      this.#fences.shift()!.run();
    }
  }

  /** Runs once every command before `cmdSn` has come: what task management must see (§4.2.3.2). */
  afterCommandsBefore(cmdSn: number, run: () => void): void {
    if (serialBefore(this.expCmdSn, cmdSn)) this.#fences.push({ cmdSn, run });
    else run();
  }

  /** @returns whether the CmdSN is inside the window and its command hasn't been delivered; it never will be. */
  abandon(cmdSn: number): boolean {
    const inWindow = !serialBefore(cmdSn, this.expCmdSn) && !serialBefore(this.#maxCmdSn, cmdSn);
    if (!inWindow) return false;
    const held = this.#held.get(cmdSn);
    if (held === undefined) this.#abandoned.add(cmdSn);
    else held.deliver = () => undefined;
    return true;
  }

  /** @returns true where an earlier ABORT TASK named this command; it is dropped. */
  wasAbandoned(cmdSn: number): boolean {
    return this.#abandoned.size > 0 && this.#abandoned.delete(cmdSn);
  }

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

  /** Returns a task that never reached the device server. */
  dropTask(task: TargetTask): void {
    task.connection?.taskEnded(task);
    if (this.tasks.get(task.initiatorTaskTag) === task) this.tasks.delete(task.initiatorTaskTag);
    if (task.immediate) this.#immediateOutstanding--;
    else this.#outstanding--;
    assert(task.phase !== TaskPhase.free, 'task freed twice');
    if (task.phase === TaskPhase.waitingMemory) this.node.memoryQueue.forget(task);
    if (task.scsi.buffer !== null) task.scsi.buffer.release();
    task.reset();
    this.#free.push(task);
    this.#reopenWindow();
  }

  /** A window that was shown closed and has room again is told, for no response may be on its way to tell it (§4.2.2.1). */
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
    connection.taskEnded(task);
    // the command's place in the window is free before its response shows the window
    this.tasks.delete(task.initiatorTaskTag);
    if (task.immediate) this.#immediateOutstanding--;
    else this.#outstanding--;
    this.counters.count(task);
    if (task.phase === TaskPhase.waitingMemory) this.node.memoryQueue.forget(task);
    connection.responses.finish(task);
    task.reset();
    this.#free.push(task);
  }
}
