/**
 * The way in of a SCSI command: SCSI Command and Data-Out PDUs to a task that runs (RFC 7143 §11.3, §11.7). Data is
 * copied once, from the received chunk into the task's transfer buffer, as it arrives.
 */
import {
  BHS_BYTES,
  FINAL_BIT,
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
import { transferTag } from './response-path.ts';
import type { TargetSession } from './target-session.ts';
import { TaskPhase } from './target-task.ts';
import type { TargetTask } from './target-task.ts';

const ATTRIBUTE_MAX = 4;

export class CommandPath {
  readonly #connection: TargetConnection;
  readonly #framer: PduFramer;
  /** The task that the PDU now being received belongs to. */
  #current: TargetTask | null = null;
  #currentIsCommand = false;
  #currentDataBytes = 0;
  #currentFinal = false;

  constructor(connection: TargetConnection, framer: PduFramer) {
    this.#connection = connection;
    this.#framer = framer;
  }

  // ------------------------------------------------------------------ SCSI Command

  onCommandHeader(header: Buffer, at: number, ahsBytes: number, dataBytes: number): void {
    const connection = this.#connection;
    const session = connection.session!;
    this.#current = null;
    const immediate = (header[at]! & 0x40) !== 0;
    const cmdSn = header.readUInt32BE(at + 24);
    const admission = session.admit(cmdSn, immediate);
    if (admission === 'ignore') return;
    if (admission === 'now' && !immediate && session.wasAbandoned(cmdSn)) return;
    const task = this.#take(session, header, at, immediate);
    if (task === undefined) return;
    task.cmdSn = cmdSn;
    this.#fill(task, header, at);
    const ahs = header.subarray(at + BHS_BYTES, at + BHS_BYTES + ahsBytes);
    if (ahsBytes > 0 && !this.#additionalHeaders(task, ahs)) {
      session.dropTask(task);
      connection.reject(RejectReason.invalidPduField, header, at);
      return;
    }
    this.#current = task;
    this.#currentIsCommand = true;
    this.#currentDataBytes = dataBytes;
    task.commandFinal = (header[at + 1]! & FINAL_BIT) !== 0;
    if (admission === 'held') this.#hold(task, dataBytes);
    else this.#begin(task, dataBytes);
  }

  #take(session: TargetSession, header: Buffer, at: number, immediate: boolean) {
    const connection = this.#connection;
    const itt = header.readUInt32BE(at + 16);
    if (itt === RESERVED_TAG || session.tasks.has(itt)) {
      connection.reject(
        itt === RESERVED_TAG ? RejectReason.invalidPduField : RejectReason.taskInProgress,
        header,
        at,
      );
      return undefined;
    }
    const task = session.takeTask(immediate);
    if (task === undefined) {
      connection.reject(RejectReason.immediateCommandReject, header, at);
      return undefined;
    }
    task.initiatorTaskTag = itt;
    task.connection = connection;
    task.phase = TaskPhase.collecting;
    session.tasks.set(itt, task);
    return task;
  }

  #fill(task: TargetTask, header: Buffer, at: number): void {
    const { scsi } = task;
    const flags = header[at + 1]!;
    const expected = header.readUInt32BE(at + 20);
    scsi.nexus = task.session.nexus;
    scsi.lunHigh = header.readUInt32BE(at + 8);
    scsi.lunLow = header.readUInt32BE(at + 12);
    scsi.tag = task.initiatorTaskTag;
    const attribute = flags & TASK_ATTRIBUTE_MASK;
    scsi.attribute = (attribute > ATTRIBUTE_MAX ? 0 : attribute) as typeof scsi.attribute;
    if (scsi.cdb.length !== 16) scsi.cdb = Buffer.alloc(16);
    for (let index = 0; index < 16; index++) scsi.cdb[index] = header[at + 32 + index]!;
    scsi.cdbBytes = 16;
    task.expectedBytes = expected;
    scsi.expectedOutBytes = (flags & WRITE_BIT) !== 0 ? expected : 0;
    scsi.expectedInBytes = (flags & READ_BIT) !== 0 && scsi.expectedOutBytes === 0 ? expected : 0;
  }

  /** Extended CDB and bidirectional read length (§11.2.2). @returns false where an AHS can't be read. */
  #additionalHeaders(task: TargetTask, ahs: Buffer): boolean {
    const { scsi } = task;
    const extension = readCommandAhs(ahs);
    if (typeof extension === 'string') return false;
    const { cdbRest, expectedReadLengthBytes } = extension;
    if (scsi.cdbBytes + cdbRest.length > CDB_BYTES_MAX) return false;
    if (cdbRest.length > 0) {
      scsi.cdb = Buffer.concat([scsi.cdb, cdbRest]);
      scsi.cdbBytes = scsi.cdb.length;
    }
    if (expectedReadLengthBytes !== undefined) scsi.expectedInBytes = expectedReadLengthBytes;
    return true;
  }

  /** An early command keeps its immediate data aside: it may not touch its unit before its turn. */
  #hold(task: TargetTask, dataBytes: number): void {
    task.phase = TaskPhase.held;
    task.early = Buffer.alloc(dataBytes);
    this.#framer.data = task.early;
    const held = {
      complete: false,
      deliver: (): void => {
        task.phase = TaskPhase.collecting;
        task.earlyBytes = dataBytes;
        if (this.#prepare(task, dataBytes)) this.#advance(task);
      },
    };
    task.session.hold(task.cmdSn, held);
    this.#connection.onPduComplete((dataDigestOk) => {
      held.complete = true;
      if (!dataDigestOk) held.deliver = () => this.#failUnread(task);
      task.session.deliverHeld();
    });
    this.#current = null;
  }

  /** Its immediate data came damaged: it ends in its turn, without having touched its unit. */
  #failUnread(task: TargetTask): void {
    task.phase = TaskPhase.collecting;
    const { node } = task.session;
    if (node.scsi.prepare(task.scsi)) node.scsi.fail(task.scsi, 'protocolServiceCrcError');
  }

  #begin(task: TargetTask, dataBytes: number): void {
    if (!this.#prepare(task, dataBytes)) {
      this.#current = null;
      return;
    }
    if (dataBytes > 0) this.#placeData(task, dataBytes);
  }

  /** @returns false where the task has ended already. */
  #prepare(task: TargetTask, dataBytes: number): boolean {
    const { scsi, session } = task;
    const refusal = this.#refuseUnsolicited(task, dataBytes);
    if (!session.node.scsi.prepare(scsi)) return false;
    if (refusal !== undefined) {
      session.node.scsi.fail(scsi, refusal);
      return false;
    }
    task.neededOutBytes = Math.min(scsi.dataOutBytes, scsi.expectedOutBytes);
    if (task.neededOutBytes > 0) {
      const unsolicited = Math.min(session.parameters.firstBurstLengthBytes, task.expectedBytes);
      task.unsolicitedOpen = !task.commandFinal && !session.parameters.initialR2t;
      task.solicitedStart = task.unsolicitedOpen ? unsolicited : dataBytes;
    }
    if (scsi.bufferBytes > 0 && !session.node.memoryQueue.provide(task)) {
      task.phase = TaskPhase.waitingMemory;
    }
    return true;
  }

  /** Immediate and unsolicited data within what was negotiated (§13.10, §13.11, §13.14). */
  #refuseUnsolicited(task: TargetTask, dataBytes: number): SenseReason | undefined {
    const { parameters } = task.session;
    if (dataBytes === 0) return undefined;
    if (!parameters.immediateData) return 'unexpectedUnsolicitedData';
    const max = Math.min(parameters.firstBurstLengthBytes, task.scsi.expectedOutBytes);
    return dataBytes > max ? 'unexpectedUnsolicitedData' : undefined;
  }

  /** Points the framer at where the task's next bytes go. */
  #placeData(task: TargetTask, dataBytes: number): void {
    const { buffer } = task.scsi;
    const room = task.neededOutBytes - task.receivedOutBytes;
    if (buffer === null && task.phase === TaskPhase.waitingMemory) {
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

  /** No transfer memory yet: unsolicited data, bounded by FirstBurstLength, waits on the heap. */
  #placeEarly(task: TargetTask, dataBytes: number): void {
    const grown = Buffer.alloc(task.earlyBytes + dataBytes);
    if (task.early !== null) task.early.copy(grown, 0, 0, task.earlyBytes);
    task.early = grown;
    this.#framer.data = grown;
    this.#framer.dataAt = task.earlyBytes;
  }

  // ------------------------------------------------------------------ Data-Out

  onDataOutHeader(header: Buffer, at: number, dataBytes: number): void {
    this.#current = null;
    const session = this.#connection.session!;
    const task = session.tasks.get(header.readUInt32BE(at + 16));
    // data for a task that has ended or was aborted is drained (§4.2.3.3)
    if (task === undefined || task.connection !== this.#connection) return;
    if (task.phase !== TaskPhase.collecting && task.phase !== TaskPhase.waitingMemory) return;
    const reason = this.#refuseDataOut(task, header, at, dataBytes);
    if (reason !== undefined) {
      session.node.counters.protocolErrors++;
      session.node.scsi.fail(task.scsi, reason);
      return;
    }
    task.nextDataSn++;
    this.#current = task;
    this.#currentIsCommand = false;
    this.#currentDataBytes = dataBytes;
    this.#currentFinal = (header[at + 1]! & FINAL_BIT) !== 0;
    if (dataBytes > 0) this.#placeData(task, dataBytes);
  }

  /** Order, place and amount of Data-Out; DataPDUInOrder and DataSequenceInOrder are Yes. */
  #refuseDataOut(
    task: TargetTask,
    header: Buffer,
    at: number,
    dataBytes: number,
  ): SenseReason | undefined {
    const tag = header.readUInt32BE(at + 20);
    const end = task.receivedOutBytes + dataBytes;
    if (header.readUInt32BE(at + 40) !== task.receivedOutBytes) return 'dataOffsetError';
    if (header.readUInt32BE(at + 36) !== task.nextDataSn) return 'dataPhaseError';
    if (tag === RESERVED_TAG) {
      if (!task.unsolicitedOpen || end > task.solicitedStart) return 'unexpectedUnsolicitedData';
      return undefined;
    }
    if (task.r2tsDone >= task.r2tsSent || tag !== transferTag(task, task.r2tsDone)) {
      return 'invalidTargetPortTransferTag';
    }
    return end > this.#burstEnd(task, task.r2tsDone) ? 'tooMuchWriteData' : undefined;
  }

  #burstEnd(task: TargetTask, r2tSn: number): number {
    const burst = task.session.parameters.maxBurstLengthBytes;
    return Math.min(task.solicitedStart + (r2tSn + 1) * burst, task.neededOutBytes);
  }

  // ------------------------------------------------------------------ both

  onPduEnd(dataDigestOk: boolean): void {
    const task = this.#current;
    if (task === null) return;
    if (!dataDigestOk) {
      task.session.node.scsi.fail(task.scsi, 'protocolServiceCrcError');
      return;
    }
    if (this.#currentDataBytes > 0 || !this.#currentIsCommand) this.#received(task);
    // what was received may have ended the task: see `ended`
    if (this.#current !== task) return;
    this.#current = null;
    this.#advance(task);
  }

  /** The task is over: what is left of its PDU goes nowhere, for its buffer may belong to another by now. */
  ended(task: TargetTask): void {
    if (this.#current !== task) return;
    this.#current = null;
    this.#framer.data = null;
    this.#connection.onPduComplete(null);
  }

  #received(task: TargetTask): void {
    const dataBytes = this.#currentDataBytes;
    if (task.phase === TaskPhase.waitingMemory) task.earlyBytes += dataBytes;
    task.receivedOutBytes += dataBytes;
    if (this.#currentIsCommand) {
      if (!task.unsolicitedOpen) task.solicitedStart = task.receivedOutBytes;
      return;
    }
    if (!this.#currentFinal) return;
    task.nextDataSn = 0;
    if (task.unsolicitedOpen) {
      task.unsolicitedOpen = false;
      task.solicitedStart = task.receivedOutBytes;
    } else if (task.receivedOutBytes < this.#burstEnd(task, task.r2tsDone)) {
      task.session.node.scsi.fail(task.scsi, 'dataPhaseError');
    } else {
      task.r2tsDone++;
    }
  }

  /** Transfer memory has come for a task that waited for it. */
  granted(task: TargetTask): void {
    task.phase = TaskPhase.collecting;
    this.#advance(task);
  }

  /** Runs the task when it has what it needs, else asks for more. */
  #advance(task: TargetTask): void {
    if (task.phase !== TaskPhase.collecting) return;
    const { scsi } = task;
    if (task.early !== null) this.#adoptEarly(task);
    if (task.unsolicitedOpen) return;
    if (task.receivedOutBytes >= task.neededOutBytes) {
      task.phase = TaskPhase.running;
      scsi.receivedOutBytes = Math.min(task.receivedOutBytes, task.neededOutBytes);
      task.session.node.scsi.run(scsi);
      return;
    }
    this.#requestData(task);
  }

  #adoptEarly(task: TargetTask): void {
    const { buffer } = task.scsi;
    const bytes = Math.min(task.earlyBytes, task.neededOutBytes);
    if (buffer !== null) task.early!.copy(buffer.memory.bytes, buffer.start, 0, bytes);
    task.receivedOutBytes = task.earlyBytes;
    if (!task.unsolicitedOpen && task.r2tsSent === 0) task.solicitedStart = task.earlyBytes;
    task.early = null;
  }

  #requestData(task: TargetTask): void {
    const { parameters } = task.session;
    while (task.r2tsSent - task.r2tsDone < parameters.maxOutstandingR2t) {
      const start = task.solicitedStart + task.r2tsSent * parameters.maxBurstLengthBytes;
      if (start >= task.neededOutBytes) return;
      const bytes = this.#burstEnd(task, task.r2tsSent) - start;
      this.#connection.responses.readyToTransfer(task, start, bytes);
      task.r2tsSent++;
    }
  }
}
