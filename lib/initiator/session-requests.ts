/**
 * Sends the requests of a session that are no SCSI commands. They go out as immediate ones: what
 * they are about must not make them wait for the command window.
 */
import {
  encodeTextKeys,
  logoutRequest,
  nopOut,
  RESERVED_TAG,
  taskManagementRequest,
  textRequest,
} from '../iscsi/index.ts';
import type { LogoutReason, TaskManagementFunction, TextPair } from '../iscsi/index.ts';
import type { CommandWindow } from './command-window.ts';
import type { Exchange } from './exchange.ts';
import type { InitiatorCommand } from './initiator-command.ts';
import type { InitiatorConnection } from './initiator-connection.ts';
import type { TaskTable } from './task-table.ts';

const NO_LUN = Buffer.alloc(8);

/** Which tasks a task management function is about. */
export interface ManagementScope {
  readonly function: TaskManagementFunction;
  readonly lunHigh: number;
  readonly lunLow: number;
  /** ABORT TASK only. */
  readonly command: InitiatorCommand | null;
}

export class SessionRequests {
  readonly #connection: InitiatorConnection;
  readonly #window: CommandWindow;
  readonly #tasks: TaskTable<InitiatorCommand | Exchange>;

  constructor(
    connection: InitiatorConnection,
    window: CommandWindow,
    tasks: TaskTable<InitiatorCommand | Exchange>,
  ) {
    this.#connection = connection;
    this.#window = window;
    this.#tasks = tasks;
  }

  ping(exchange: Exchange): void {
    const initiatorTaskTag = this.#tasks.add(exchange);
    this.#connection.writer.pdu(nopOut, { ...this.#immediate(), initiatorTaskTag });
    this.#connection.wake();
  }

  /** Answers a NOP-In that asked for it. */
  pong(targetTransferTag: number, lun: Buffer): void {
    const initiatorTaskTag = RESERVED_TAG;
    const value = { ...this.#immediate(), initiatorTaskTag, targetTransferTag, lun };
    this.#connection.writer.pdu(nopOut, value);
    this.#connection.wake();
  }

  manage(scope: ManagementScope, exchange: Exchange): void {
    const initiatorTaskTag = this.#tasks.add(exchange);
    this.#connection.writer.pdu(taskManagementRequest, {
      ...this.#immediate(),
      initiatorTaskTag,
      function: scope.function,
      lun: lunBytes(scope.lunHigh, scope.lunLow),
      referencedTaskTag: scope.command?.initiatorTaskTag ?? RESERVED_TAG,
      refCmdSn: scope.command?.cmdSn ?? 0,
    });
    this.#connection.wake();
  }

  /**
   * @returns the task tag, which the requests that ask for the rest of the answer have to carry.
   */
  text(pairs: readonly TextPair[], exchange: Exchange): number {
    const initiatorTaskTag = this.#tasks.add(exchange);
    this.#text(initiatorTaskTag, RESERVED_TAG, NO_LUN, encodeTextKeys(pairs));
    return initiatorTaskTag;
  }

  textGoOn(initiatorTaskTag: number, targetTransferTag: number, lun: Buffer): void {
    this.#text(initiatorTaskTag, targetTransferTag, lun, Buffer.alloc(0));
  }

  logout(reason: LogoutReason, exchange: Exchange): void {
    const initiatorTaskTag = this.#tasks.add(exchange);
    this.#connection.writer.pdu(logoutRequest, {
      ...this.#immediate(),
      initiatorTaskTag,
      reason,
    });
    this.#connection.wake();
  }

  #text(initiatorTaskTag: number, targetTransferTag: number, lun: Buffer, data: Buffer): void {
    const numbers = { ...this.#immediate(), initiatorTaskTag, targetTransferTag, lun };
    this.#connection.writer.pdu(textRequest, { ...numbers, final: true }, data);
    this.#connection.wake();
  }

  #immediate(): { immediate: true; cmdSn: number; expStatSn: number } {
    const { expStatSn } = this.#connection;
    return { immediate: true, cmdSn: this.#window.cmdSn, expStatSn };
  }
}

function lunBytes(high: number, low: number): Buffer {
  const lun = Buffer.alloc(8);
  lun.writeUInt32BE(high, 0);
  lun.writeUInt32BE(low, 4);
  return lun;
}
