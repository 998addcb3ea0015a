/**
 * The way in of a SCSI command: SCSI Command and Data-Out PDUs to a task that runs (RFC 7143 §11.3,
 * §11.7). Data is copied once, from the received chunk into the task's transfer buffer, as it
 * arrives.
 */
import {
  BHS_BYTES,
  FINAL_BIT,
  IMMEDIATE_BIT,
  READ_BIT,
  RESERVED_TAG,
  RejectReason,
  TASK_ATTRIBUTE_MASK,
  WRITE_BIT,
  readCommandAhs,
} from '../iscsi/index.ts';
import type { PduFramer } from '../iscsi/index.ts';
import type { SenseReason } from '../scsi/index.ts';
import { CDB_BYTES_MAX } from '../scsi/index.ts';
import type { TargetConnection } from './target-connection.ts';
import { TaskPhase } from './target-task.ts';
import type { TargetTask } from './target-task.ts';
import {
  countReceived,
  dataOwed,
  endSequence,
  refuseDataOut,
  refuseImmediate,
  requestData,
} from './write-transfer.ts';

const ATTRIBUTE_MAX = 4;

export class CommandPath {
  readonly #connection: TargetConnection;
  readonly #framer: PduFramer;
  /** The task that the PDU now being received belongs to. */
  #current: TargetTask | null = null;
  #currentIsCommand = false;
  #currentDataBytes = 0;
  /** Its data goes to the heap, as the task had no turn or no memory when it began. */
  #currentEarly = false;
  #currentFinal = false;

  constructor(connection: TargetConnection, framer: PduFramer) {
    this.#connection = connection;
    this.#framer = framer;
  }

  // ------------------------------------------------------------------ SCSI Command

  onCommandHeader(header: Buffer, at: number, ahsBytes: number, dataBytes: number): void {
    const session = this.#connection.session!;
    this.#current = null;
    const immediate = (header[at]! & IMMEDIATE_BIT) !== 0;
    const cmdSn = header.readUInt32BE(at + 24);
    const admission = session.admit(cmdSn, immediate);
    if (admission === 'ignore') return;
    const task = this.#take(header, at, immediate, ahsBytes);
    if (typeof task === 'number') {
      if (admission === 'now' && !immediate) session.giveBack(cmdSn);
      this.#connection.reject(task, header, at);
      return;
    }
    task.cmdSn = cmdSn;
    task.refusal = refuseImmediate(task, dataBytes);
    this.#current = task;
    this.#currentIsCommand = true;
    this.#currentDataBytes = dataBytes;
    if (admission === 'held') this.#hold(task);
    else if (!this.#prepare(task)) this.#current = null;
    if (dataBytes > 0 && this.#current === task) this.#placeData(task, dataBytes);
  }

  /** @returns a task with what its header says, or why the command is rejected. */
  #take(
    header: Buffer,
    at: number,
    immediate: boolean,
    ahsBytes: number,
  ): TargetTask | RejectReason {
    const connection = this.#connection;
    const session = connection.session!;
    const itt = header.readUInt32BE(at + 16);
    if (itt === RESERVED_TAG) return RejectReason.invalidPduField;
    if (session.tasks.has(itt)) return RejectReason.taskInProgress;
    const task = session.takeTask(immediate);
    if (task === undefined) return RejectReason.immediateCommandReject;
    task.initiatorTaskTag = itt;
    task.connection = connection;
    task.phase = TaskPhase.collecting;
    session.tasks.set(itt, task);
    this.#fill(task, header, at);
    const ahs = header.subarray(at + BHS_BYTES, at + BHS_BYTES + ahsBytes);
    if (ahsBytes === 0 || this.#additionalHeaders(task, ahs)) return task;
    session.dropTask(task);
    return RejectReason.invalidPduField;
  }

  #fill(task: TargetTask, header: Buffer, at: number): void {
    const { scsi } = task;
    const { parameters, nexus } = task.session;
    const flags = header[at + 1]!;
    const expected = header.readUInt32BE(at + 20);
    scsi.nexus = nexus;
    scsi.lunHigh = header.readUInt32BE(at + 8);
    scsi.lunLow = header.readUInt32BE(at + 12);
    scsi.tag = task.initiatorTaskTag;
    const attribute = flags & TASK_ATTRIBUTE_MASK;
    scsi.attribute = (attribute > ATTRIBUTE_MAX ? 0 : attribute) as typeof scsi.attribute;
    if (scsi.cdb.length !== 16) scsi.cdb = Buffer.alloc(16);
    for (let index = 0; index < 16; index++) scsi.cdb[index] = header[at + 32 + index]!;
    scsi.cdbBytes = 16;
    task.expectedBytes = expected;
    const writes = (flags & WRITE_BIT) !== 0;
    scsi.expectedOutBytes = writes ? expected : 0;
    scsi.expectedInBytes = (flags & READ_BIT) !== 0 && !writes ? expected : 0;
    task.unsolicitedOpen = writes && (flags & FINAL_BIT) === 0 && !parameters.initialR2t;
    task.unsolicitedEnd = Math.min(parameters.firstBurstLengthBytes, scsi.expectedOutBytes);
  }

  /**
   * Extended CDB (§11.2.2). No command here is bidirectional, so a read length means nothing.
   * @returns false where an AHS can't be read.
   */
  #additionalHeaders(task: TargetTask, ahs: Buffer): boolean {
    const { scsi } = task;
    const extension = readCommandAhs(ahs);
    if (typeof extension === 'string') return false;
    const { cdbRest } = extension;
    if (scsi.cdbBytes + cdbRest.length > CDB_BYTES_MAX) return false;
    if (cdbRest.length > 0) {
      scsi.cdb = Buffer.concat([scsi.cdb, cdbRest]);
      scsi.cdbBytes = scsi.cdb.length;
    }
    return true;
  }

  /** An early command doesn't touch its unit before its turn; its data waits on the heap. */
  #hold(task: TargetTask): void {
    task.phase = TaskPhase.held;
    task.session.hold(task.cmdSn, {
      connection: this.#connection,
      complete: false,
      deliver: () => {
        task.phase = TaskPhase.collecting;
        // its last PDU may be on its way still: then it goes on when that is complete
        if (this.#prepare(task) && this.#current !== task) this.#advance(task);
      },
      drop: () => task.session.dropTask(task),
    });
  }

  /** @returns false where the task has ended already. */
  #prepare(task: TargetTask): boolean {
    const { scsi, session } = task;
    if (!session.node.scsi.prepare(scsi)) return false;
    task.neededOutBytes = Math.min(scsi.dataOutBytes, scsi.expectedOutBytes);
    if (task.neededOutBytes === 0) task.unsolicitedOpen = false;
    const needsMemory = scsi.bufferBytes > 0 && task.refusal === null;
    if (needsMemory && !session.node.memoryQueue.provide(task)) {
      task.phase = TaskPhase.waitingMemory;
    }
    return true;
  }

  /** Points the framer at where the task's next bytes go. */
  #placeData(task: TargetTask, dataBytes: number): void {
    this.#currentEarly = false;
    if (task.refusal !== null) return;
    const { buffer } = task.scsi;
    const room = task.neededOutBytes - task.receivedOutBytes;
    if (task.phase === TaskPhase.held || task.phase === TaskPhase.waitingMemory) {
      this.#placeEarly(task, dataBytes);
    } else if (buffer !== null && room >= dataBytes) {
      this.#framer.data = buffer.memory.bytes;
      this.#framer.dataAt = buffer.start + task.receivedOutBytes;
    } else if (buffer !== null && room > 0) {
      // more than the command takes: the surplus is dropped, so this segment goes through a copy
      const whole = Buffer.alloc(dataBytes);
      this.#framer.data = whole;
      const at = buffer.start + task.receivedOutBytes;
      this.#connection.onPduComplete(() => {
        if (task.scsi.buffer === buffer) whole.copy(buffer.memory.bytes, at, 0, room);
      });
    }
  }

  /**
   * Not yet its turn, or no transfer memory: unsolicited data, bounded by FirstBurstLength, waits
   * on the heap.
   */
  #placeEarly(task: TargetTask, dataBytes: number): void {
    this.#currentEarly = true;
    task.early ??= Buffer.allocUnsafe(task.unsolicitedOpen ? task.unsolicitedEnd : dataBytes);
    this.#framer.data = task.early;
    this.#framer.dataAt = task.earlyBytes;
  }

  // ------------------------------------------------------------------ Data-Out

  onDataOutHeader(header: Buffer, at: number, dataBytes: number): void {
    this.#current = null;
    const session = this.#connection.session!;
    const itt = header.readUInt32BE(at + 16);
    const final = (header[at + 1]! & FINAL_BIT) !== 0;
    const task = session.tasks.get(itt);
    if (task === undefined || task.connection !== this.#connection || !takesData(task)) {
      // data for a task that has ended or was aborted is drained (§4.2.3.3)
      if (task === undefined && final) session.strayDataEnded(itt);
      return;
    }
    const reason = refuseDataOut(task, header, at, dataBytes);
    if (reason !== null) {
      session.node.counters.protocolErrors++;
      this.#fail(task, reason);
      return;
    }
    task.nextDataSn++;
    this.#current = task;
    this.#currentIsCommand = false;
    this.#currentDataBytes = dataBytes;
    this.#currentFinal = final;
    if (dataBytes > 0) this.#placeData(task, dataBytes);
  }

  /** Ends a task; one that waits for its turn ends in its turn. */
  #fail(task: TargetTask, reason: SenseReason): void {
    if (task.phase !== TaskPhase.held) {
      task.session.node.scsi.fail(task.scsi, reason);
      return;
    }
    task.refusal ??= reason;
    task.unsolicitedOpen = false;
  }

  // ------------------------------------------------------------------ both

  /** @param dataDigestOk false only for Data-Out: a damaged command never gets here. */
  onPduEnd(dataDigestOk: boolean): void {
    const task = this.#current;
    if (task === null) return;
    // it ends once all of its data has come (§7.8)
    if (!dataDigestOk) task.refusal ??= 'protocolServiceCrcError';
    const dataBytes = this.#currentDataBytes;
    if (dataBytes > 0) countReceived(task, dataBytes, this.#currentEarly);
    const short = !this.#currentIsCommand && this.#currentFinal ? endSequence(task) : null;
    if (short !== null) this.#fail(task, short);
    // what was received may have ended the task: see `ended`
    if (this.#current !== task) return;
    this.#current = null;
    if (task.phase === TaskPhase.waitingMemory && task.scsi.buffer !== null) {
      task.phase = TaskPhase.collecting; // memory came in the middle of the PDU
    }
    if (task.phase !== TaskPhase.held) this.#advance(task);
    else if (this.#currentIsCommand) task.session.heldComplete(task.cmdSn);
  }

  /**
   * The task is over: what is left of its PDU goes nowhere, for its buffer may belong to another by
   * now.
   */
  ended(task: TargetTask): void {
    if (this.#current !== task) return;
    this.#current = null;
    this.#framer.data = null;
    this.#connection.onPduComplete(null);
  }

  /** Transfer memory has come for a task that waited for it. */
  granted(task: TargetTask): void {
    // a PDU of it is under way to where data waits: it goes on when that is complete
    if (this.#current === task) return;
    task.phase = TaskPhase.collecting;
    this.#advance(task);
  }

  /** Runs the task when it has what it needs, else asks for more. */
  #advance(task: TargetTask): void {
    if (task.phase !== TaskPhase.collecting) return;
    const { scsi } = task;
    const { node } = task.session;
    if (task.refusal !== null) {
      if (!dataOwed(task)) node.scsi.fail(scsi, task.refusal);
      return;
    }
    if (task.early !== null) this.#adoptEarly(task);
    if (task.unsolicitedOpen) return;
    if (task.receivedOutBytes >= task.neededOutBytes) {
      task.phase = TaskPhase.running;
      scsi.receivedOutBytes = task.neededOutBytes;
      node.scsi.run(scsi);
      return;
    }
    requestData(task);
  }

  #adoptEarly(task: TargetTask): void {
    const { buffer } = task.scsi;
    const bytes = Math.min(task.earlyBytes, task.neededOutBytes);
    if (buffer !== null) task.early!.copy(buffer.memory.bytes, buffer.start, 0, bytes);
    task.early = null;
    task.earlyBytes = 0;
  }
}

const takesData = ({ phase }: TargetTask): boolean =>
  phase === TaskPhase.collecting || phase === TaskPhase.waitingMemory || phase === TaskPhase.held;
