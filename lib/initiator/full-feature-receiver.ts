/**
 * Reads the PDUs of the full feature phase. Data-In goes straight into the command's memory;
 * everything rare is copied into buffers of the connection and handled when it is complete.
 */
import { KIB } from '../base/index.ts';
import {
  BHS_BYTES,
  dataIn,
  Opcode,
  OPCODE_MASK,
  OVERFLOW_BIT,
  r2t,
  scsiResponse,
  SENSE_LENGTH_BYTES,
  STATUS_BIT,
  UNDERFLOW_BIT,
} from '../iscsi/index.ts';
import type { PduFramer, PduSink } from '../iscsi/index.ts';
import type { CommandQueue } from './command-queue.ts';
import type { CommandWindow } from './command-window.ts';
import { CommandOutcome, InitiatorCommand, SENSE_BYTES_MAX } from './initiator-command.ts';
import type { Exchange } from './exchange.ts';
import { TargetProtocolError } from './protocol-error.ts';
import type { TaskTable } from './task-table.ts';

const TASK_TAG_AT = dataIn.fields.initiatorTaskTag.at;
const TRANSFER_TAG_AT = r2t.fields.targetTransferTag.at;
const STAT_SN_AT = dataIn.fields.statSn.at;
const EXP_CMD_SN_AT = dataIn.fields.expCmdSn.at;
const MAX_CMD_SN_AT = dataIn.fields.maxCmdSn.at;
const STATUS_AT = dataIn.fields.status.at;
const DATA_SN_AT = dataIn.fields.dataSn.at;
const OFFSET_AT = dataIn.fields.bufferOffsetBytes.at;
const RESIDUAL_AT = dataIn.fields.residualBytes.at;
const RESPONSE_AT = scsiResponse.fields.response.at;
const R2T_SN_AT = r2t.fields.r2tSn.at;
const R2T_OFFSET_AT = r2t.fields.bufferOffsetBytes.at;
const R2T_LENGTH_AT = r2t.fields.desiredLengthBytes.at;

/**
 * First size of the buffer for data of rare PDUs; it grows to our MaxRecvDataSegmentLength when
 * asked.
 */
const SCRATCH_BYTES = 1 * KIB;

export interface ReceiverOwner {
  readonly tasks: TaskTable<InitiatorCommand | Exchange>;
  readonly commands: CommandQueue;
  readonly window: CommandWindow;
  readonly maxBurstBytes: number;
  /** What we declared as our MaxRecvDataSegmentLength. */
  readonly segmentBytesMax: number;
  /** A PDU that uses up a StatSN came. */
  statusReceived(statSn: number): void;
  /**
   * Every PDU that is neither Data-In, R2T, SCSI Response nor the answer to an exchange; complete
   * and borrowed.
   */
  received(opcode: number, header: Buffer, data: Buffer): void;
}

export class FullFeatureReceiver implements PduSink {
  readonly #owner: ReceiverOwner;
  readonly #framer: PduFramer;
  /** Ends when the PDU being received is complete. */
  #ending: InitiatorCommand | null = null;
  /** A rare PDU is being received. */
  #rare = false;
  readonly #header = Buffer.alloc(BHS_BYTES);
  #scratch = Buffer.alloc(SCRATCH_BYTES);
  #scratchBytes = 0;

  constructor(owner: ReceiverOwner, framer: PduFramer) {
    this.#owner = owner;
    this.#framer = framer;
  }

  onHeader(header: Buffer, at: number, _ahsBytes: number, dataBytes: number): void {
    if (dataBytes > this.#owner.segmentBytesMax) {
      throw new TargetProtocolError(`data segment of ${dataBytes} bytes is longer than declared`);
    }
    this.#ending = null;
    this.#rare = false;
    this.#owner.window.update(
      header.readUInt32BE(at + EXP_CMD_SN_AT),
      header.readUInt32BE(at + MAX_CMD_SN_AT),
    );
    const opcode = header[at]! & OPCODE_MASK;
    if (opcode === Opcode.dataIn) this.#onDataIn(header, at, dataBytes);
    else if (opcode === Opcode.scsiResponse) this.#onResponse(header, at, dataBytes);
    else if (opcode === Opcode.r2t) this.#onR2t(header, at);
    else this.#keep(header, at, dataBytes);
  }

  onPduEnd(dataDigestOk: boolean): void {
    if (!dataDigestOk) throw new TargetProtocolError('wrong data digest');
    const command = this.#ending;
    if (command !== null) {
      this.#ending = null;
      if (this.#scratchBytes > 0) this.#takeSense(command);
      this.#end(command);
    } else if (this.#rare) this.#handleRare();
  }

  onHeaderDigestError(): void {
    throw new TargetProtocolError('wrong header digest');
  }

  #command(header: Buffer, at: number): InitiatorCommand | null {
    const task = this.#owner.tasks.find(header.readUInt32BE(at + TASK_TAG_AT));
    if (task === null) return null;
    if (task instanceof InitiatorCommand) return task;
    throw new TargetProtocolError('SCSI answer to a request that was no SCSI command');
  }

  #onDataIn(header: Buffer, at: number, dataBytes: number): void {
    const flags = header[at + 1]!;
    if ((flags & STATUS_BIT) !== 0)
      this.#owner.statusReceived(header.readUInt32BE(at + STAT_SN_AT));
    const command = this.#command(header, at);
    // an aborted command's data may still be on its way
    if (command === null) return;
    const offset = header.readUInt32BE(at + OFFSET_AT);
    if (offset + dataBytes > command.inBytes) {
      throw new TargetProtocolError(
        `Data-In of ${dataBytes} bytes at ${offset} ends outside the ${command.inBytes} expected`,
      );
    }
    if (header.readUInt32BE(at + DATA_SN_AT) !== command.nextDataSn) {
      throw new TargetProtocolError('Data-In with another DataSN than the next one');
    }
    command.nextDataSn++;
    command.receivedBytes += dataBytes;
    this.#framer.data = command.inMemory;
    this.#framer.dataAt = command.inStart + offset;
    if ((flags & STATUS_BIT) !== 0) this.#takeStatus(command, header, at);
  }

  #onResponse(header: Buffer, at: number, dataBytes: number): void {
    this.#owner.statusReceived(header.readUInt32BE(at + STAT_SN_AT));
    const command = this.#command(header, at);
    if (command === null) return;
    this.#takeStatus(command, header, at);
    const response = header[at + RESPONSE_AT]!;
    if (response !== 0) {
      command.outcome = CommandOutcome.transportError;
      command.detail = `target failure, response ${response}`;
    }
    if (dataBytes > 0) this.#receiveScratch(dataBytes);
  }

  #takeStatus(command: InitiatorCommand, header: Buffer, at: number): void {
    const flags = header[at + 1]!;
    command.status = header[at + STATUS_AT]!;
    if ((flags & (OVERFLOW_BIT | UNDERFLOW_BIT)) !== 0) {
      const residual = header.readUInt32BE(at + RESIDUAL_AT);
      command.residualBytes = (flags & OVERFLOW_BIT) !== 0 ? residual : -residual;
    }
    this.#scratchBytes = 0;
    this.#ending = command;
  }

  #takeSense(command: InitiatorCommand): void {
    const data = this.#scratch.subarray(0, this.#scratchBytes);
    this.#scratchBytes = 0;
    if (data.length < SENSE_LENGTH_BYTES) return;
    const there = Math.min(data.readUInt16BE(0), data.length - SENSE_LENGTH_BYTES);
    command.senseBytes = Math.min(there, SENSE_BYTES_MAX);
    const end = SENSE_LENGTH_BYTES + command.senseBytes;
    command.sense = Buffer.from(data.subarray(SENSE_LENGTH_BYTES, end));
  }

  #end(command: InitiatorCommand): void {
    const promised = command.inBytes + Math.min(command.residualBytes, 0);
    const short = command.inBytes > 0 && command.receivedBytes !== promised;
    if (short && command.status === 0 && command.outcome === CommandOutcome.answered) {
      command.outcome = CommandOutcome.transportError;
      command.detail = `${command.receivedBytes} bytes of Data-In came, ${promised} were promised`;
    }
    this.#owner.commands.end(command);
  }

  #onR2t(header: Buffer, at: number): void {
    const command = this.#command(header, at);
    if (command === null) return;
    const start = header.readUInt32BE(at + R2T_OFFSET_AT);
    const lengthBytes = header.readUInt32BE(at + R2T_LENGTH_AT);
    if (header.readUInt32BE(at + R2T_SN_AT) !== command.nextR2tSn) {
      throw new TargetProtocolError('R2T with another R2TSN than the next one');
    }
    const { maxBurstBytes } = this.#owner;
    if (lengthBytes === 0 || lengthBytes > maxBurstBytes) {
      throw new TargetProtocolError(`R2T for ${lengthBytes} bytes, 1 to ${maxBurstBytes} allowed`);
    }
    if (start + lengthBytes > command.outBytes) {
      throw new TargetProtocolError('R2T for more data than the command has');
    }
    command.nextR2tSn++;
    const transferTag = header.readUInt32BE(at + TRANSFER_TAG_AT);
    this.#owner.commands.sendSolicited(command, transferTag, start, start + lengthBytes);
  }

  #keep(header: Buffer, at: number, dataBytes: number): void {
    header.copy(this.#header, 0, at, at + BHS_BYTES);
    this.#rare = true;
    this.#receiveScratch(dataBytes);
  }

  #receiveScratch(dataBytes: number): void {
    if (dataBytes > this.#scratch.length) this.#scratch = Buffer.alloc(dataBytes);
    this.#framer.data = this.#scratch;
    this.#framer.dataAt = 0;
    this.#scratchBytes = dataBytes;
  }

  #handleRare(): void {
    const header = this.#header;
    const opcode = header[0]! & OPCODE_MASK;
    const data = this.#scratch.subarray(0, this.#scratchBytes);
    this.#scratchBytes = 0;
    const tag = header.readUInt32BE(TASK_TAG_AT);
    const task = this.#owner.tasks.find(tag);
    if (task === null || task instanceof InitiatorCommand || task.answer !== opcode) {
      this.#owner.received(opcode, header, data);
      return;
    }
    if (task.isLast(header)) this.#owner.tasks.remove(tag);
    this.#owner.statusReceived(header.readUInt32BE(STAT_SN_AT));
    task.answered(header, data);
  }
}
