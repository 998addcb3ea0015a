/**
 * SCSI commands of a session: waiting for the command window, outstanding at the target, ending.
 * Nothing is allocated per command; what is submitted or asked for in one turn of the event loop
 * leaves in one write.
 */
import { assert } from '../base/index.ts';
import {
  BHS_CDB_BYTES,
  FINAL_BIT,
  IMMEDIATE_BIT,
  Opcode,
  READ_BIT,
  scsiCommand,
  WRITE_BIT,
  writeCommandAhs,
} from '../iscsi/index.ts';
import type { CommandLink, TransferParameters } from './command-link.ts';
import type { CommandWindow } from './command-window.ts';
import { putSegmentLength, sendDataOut, sendSegment, UNSOLICITED } from './data-out.ts';
import { CommandState, InitiatorCommand } from './initiator-command.ts';
import type { CommandOutcome } from './initiator-command.ts';
import type { Exchange } from './exchange.ts';
import type { TaskTable } from './task-table.ts';

const { fields } = scsiCommand;
const LUN_AT = fields.lun.at;
const TASK_TAG_AT = fields.initiatorTaskTag.at;
const EXPECTED_LENGTH_AT = fields.expectedDataTransferLengthBytes.at;
const CMD_SN_AT = fields.cmdSn.at;
const EXP_STAT_SN_AT = fields.expStatSn.at;
const CDB_AT = fields.cdb.at;
const AHS_WORDS_AT = fields.totalAhsLengthWords.at;

export class CommandQueue {
  readonly #link: CommandLink;
  readonly #window: CommandWindow;
  readonly #tasks: TaskTable<InitiatorCommand | Exchange>;
  readonly #parameters: TransferParameters;
  #head: InitiatorCommand | null = null;
  #tail: InitiatorCommand | null = null;
  /** Answered before the network had taken their data: their memory is not free yet. */
  readonly #memoryBusy: InitiatorCommand[] = [];

  constructor(options: {
    link: CommandLink;
    window: CommandWindow;
    tasks: TaskTable<InitiatorCommand | Exchange>;
    parameters: TransferParameters;
  }) {
    this.#link = options.link;
    this.#window = options.window;
    this.#tasks = options.tasks;
    this.#parameters = options.parameters;
  }

  submit(command: InitiatorCommand): void {
    assert(command.outBytes === 0 || command.inBytes === 0, 'bidirectional commands are not done');
    if (command.immediate && !this.#tasks.full) {
      this.#send(command);
      return;
    }
    command.state = CommandState.queued;
    if (this.#tail === null) this.#head = command;
    else this.#tail.next = command;
    this.#tail = command;
    this.pump();
  }

  /** Sends what the window lets through. */
  pump(): void {
    while (this.#head !== null && this.#window.open && !this.#tasks.full) {
      const command = this.#head;
      this.#head = command.next;
      if (this.#head === null) this.#tail = null;
      command.next = null;
      this.#send(command);
    }
  }

  /** Takes back a command that was not sent. @returns false where it is not waiting. */
  withdraw(command: InitiatorCommand): boolean {
    let before: InitiatorCommand | null = null;
    for (let at = this.#head; at !== null; before = at, at = at.next) {
      if (at !== command) continue;
      if (before === null) this.#head = command.next;
      else before.next = command.next;
      if (this.#tail === command) this.#tail = before;
      command.next = null;
      return true;
    }
    return false;
  }

  /** An R2T asks for [offset, offset + length) of the command's Data-Out. */
  sendSolicited(command: InitiatorCommand, transferTag: number, start: number, end: number): void {
    const { segmentBytesMax } = this.#parameters;
    sendDataOut(this.#link, command, { transferTag, start, end, segmentBytesMax });
  }

  /** The target is done with the command and its result is in place. */
  end(command: InitiatorCommand): void {
    this.#tasks.remove(command.initiatorTaskTag);
    if (command.lastBatch > this.#link.writer.queue.sentBatch) this.#memoryBusy.push(command);
    else finish(command);
  }

  /** A batch has left: memory that it borrowed is free. */
  batchDone(): void {
    const { sentBatch } = this.#link.writer.queue;
    while (this.#memoryBusy.length > 0) {
      const at = this.#memoryBusy.findIndex((command) => command.lastBatch <= sentBatch);
      if (at < 0) return;
      finish(this.#memoryBusy.splice(at, 1)[0]!);
    }
  }

  /** Ends everything, sent or not, after the network is gone. */
  endAll(outcome: CommandOutcome, detail: string): void {
    const ending = [...this.#memoryBusy.splice(0), ...this.#tasks.all()];
    for (let at = this.#head; at !== null; at = at.next) ending.push(at);
    this.#head = null;
    this.#tail = null;
    for (const task of ending) {
      if (!(task instanceof InitiatorCommand)) continue;
      if (task.state === CommandState.sent && this.#tasks.find(task.initiatorTaskTag) === task) {
        this.#tasks.remove(task.initiatorTaskTag);
        endAs(task, outcome, detail);
      } else if (task.state === CommandState.queued) endAs(task, outcome, detail);
      finish(task);
    }
  }

  #send(command: InitiatorCommand): void {
    const { writer } = this.#link;
    const { outBytes, inBytes } = command;
    command.state = CommandState.sent;
    command.sentOnce = true;
    command.initiatorTaskTag = this.#tasks.add(command);
    command.cmdSn = command.immediate ? this.#window.cmdSn : this.#window.take();
    const immediateBytes = this.#immediateBytes(outBytes);
    const unsolicitedEnd = this.#unsolicitedBytes(outBytes);
    const ahs = command.cdbBytes > BHS_CDB_BYTES ? longCdb(command) : null;
    const at = writer.beginHeader(ahs?.length ?? 0);
    const { bytes } = writer.queue;
    bytes[at] = Opcode.scsiCommand | (command.immediate ? IMMEDIATE_BIT : 0);
    bytes[at + 1] =
      (immediateBytes === unsolicitedEnd ? FINAL_BIT : 0) |
      (inBytes > 0 ? READ_BIT : 0) |
      (outBytes > 0 ? WRITE_BIT : 0) |
      command.attribute;
    putSegmentLength(bytes, at, immediateBytes);
    bytes.writeUInt32BE(outBytes > 0 ? outBytes : inBytes, at + EXPECTED_LENGTH_AT);
    this.#putTask(command, bytes, at);
    if (ahs !== null) {
      bytes[at + AHS_WORDS_AT] = ahs.length / 4;
      ahs.copy(bytes, at + scsiCommand.sizeBytes);
    }
    writer.endHeader(at, ahs?.length ?? 0);
    if (immediateBytes > 0) sendSegment(this.#link, command, 0, immediateBytes);
    if (unsolicitedEnd > immediateBytes) this.#sendRest(command, immediateBytes, unsolicitedEnd);
    this.#link.wake();
  }

  #putTask(command: InitiatorCommand, bytes: Buffer, at: number): void {
    bytes.writeUInt32BE(command.lunHigh, at + LUN_AT);
    bytes.writeUInt32BE(command.lunLow, at + LUN_AT + 4);
    bytes.writeUInt32BE(command.initiatorTaskTag, at + TASK_TAG_AT);
    bytes.writeUInt32BE(command.cmdSn, at + CMD_SN_AT);
    bytes.writeUInt32BE(this.#link.expStatSn, at + EXP_STAT_SN_AT);
    const { cdb } = command;
    const cdbBytes = Math.min(command.cdbBytes, BHS_CDB_BYTES);
    for (let index = 0; index < cdbBytes; index++) bytes[at + CDB_AT + index] = cdb[index]!;
  }

  #sendRest(command: InitiatorCommand, start: number, end: number): void {
    const { segmentBytesMax } = this.#parameters;
    sendDataOut(this.#link, command, { transferTag: UNSOLICITED, start, end, segmentBytesMax });
  }

  #immediateBytes(outBytes: number): number {
    const { immediateData, firstBurstBytes, segmentBytesMax } = this.#parameters;
    return immediateData ? Math.min(outBytes, firstBurstBytes, segmentBytesMax) : 0;
  }

  /** End of what goes out without being asked for, the immediate part included. */
  #unsolicitedBytes(outBytes: number): number {
    const { initialR2t, firstBurstBytes } = this.#parameters;
    return initialR2t ? this.#immediateBytes(outBytes) : Math.min(outBytes, firstBurstBytes);
  }
}

const longCdb = (command: InitiatorCommand): Buffer =>
  writeCommandAhs(command.cdb.subarray(0, command.cdbBytes));

export function endAs(command: InitiatorCommand, outcome: CommandOutcome, detail: string): void {
  command.outcome = outcome;
  command.detail = detail;
}

export function finish(command: InitiatorCommand): void {
  command.state = CommandState.ended;
  command.onDone(command);
}
