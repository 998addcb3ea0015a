/**
 * Everything in full feature phase that isn't a transfer: NOP, task management, text, logout, SNACK
 * (RFC 7143 §11).
 */
import {
  AsyncEvent,
  IMMEDIATE_BIT,
  LogoutReason,
  LogoutResponseCode,
  OPCODE_MASK,
  Opcode,
  RESERVED_TAG,
  RejectReason,
  TaskManagementFunction,
  TaskManagementResponseCode,
  asyncMessage,
  logoutRequest,
  logoutResponse,
  nopIn,
  nopOut,
  taskManagementRequest,
  taskManagementResponse,
} from '../iscsi/index.ts';
import type { LogoutRequest, NopOut, TaskManagementRequest } from '../iscsi/index.ts';
import { SENSE_BYTES_MAX, encodeLun, writeSense } from '../scsi/index.ts';
import type { SenseReason } from '../scsi/index.ts';
import { decode } from '../wire/index.ts';
import { sendControl } from './control-pdu.ts';
import type { TargetConnection } from './target-connection.ts';
import { performTaskManagement, whenInOrder } from './task-management.ts';
import { TextPath } from './text-path.ts';
import { within } from './within.ts';

const discoveryOpcodes: readonly number[] = [
  Opcode.nopOut,
  Opcode.textRequest,
  Opcode.logoutRequest,
];
const normalOpcodes: readonly number[] = [...discoveryOpcodes, Opcode.taskManagementRequest];

export class ControlPath {
  readonly #connection: TargetConnection;
  readonly #text: TextPath;
  #pings = 0;

  constructor(connection: TargetConnection) {
    this.#connection = connection;
    this.#text = new TextPath(connection);
  }

  onPdu(header: Buffer, data: Buffer): void {
    const connection = this.#connection;
    const session = connection.session!;
    const immediate = (header[0]! & IMMEDIATE_BIT) !== 0;
    const refusal = this.#refusalOf(header[0]! & OPCODE_MASK);
    if (refusal !== undefined) {
      connection.reject(refusal, header, 0);
      return;
    }
    const cmdSn = header.readUInt32BE(24);
    const admission = session.admit(cmdSn, immediate);
    if (admission === 'ignore') return;
    if (admission === 'now') this.#perform(header, data);
    else this.#hold(cmdSn, Buffer.from(header), data);
    session.deliverHeld();
  }

  /** PDUs that have no place here whatever they say; they count as not received. */
  #refusalOf(opcode: number): RejectReason | undefined {
    // error recovery level 0
    if (opcode === Opcode.snackRequest) return RejectReason.snackReject;
    const known = this.#connection.session!.nexus === null ? discoveryOpcodes : normalOpcodes;
    return known.includes(opcode) ? undefined : RejectReason.protocolError;
  }

  #hold(cmdSn: number, header: Buffer, data: Buffer): void {
    this.#connection.session!.hold(cmdSn, {
      connection: this.#connection,
      complete: true,
      deliver: () => this.#perform(header, data),
      drop: () => undefined,
    });
  }

  #perform(header: Buffer, data: Buffer): void {
    const connection = this.#connection;
    if (connection.isClosed) return;
    switch (header[0]! & OPCODE_MASK) {
      case Opcode.nopOut:
        this.#nopOut(decode(nopOut, header), data);
        break;
      case Opcode.textRequest:
        this.#text.onRequest(header, data);
        break;
      case Opcode.logoutRequest:
        this.#logout(decode(logoutRequest, header), header);
        break;
      case Opcode.taskManagementRequest:
        this.#taskManagement(decode(taskManagementRequest, header));
        break;
    }
  }

  // ------------------------------------------------------------------ NOP

  #nopOut(request: NopOut, data: Buffer): void {
    const connection = this.#connection;
    if (request.targetTransferTag === connection.pingTag) connection.pingTag = 0;
    if (request.initiatorTaskTag === RESERVED_TAG) return;
    const echo = data.subarray(0, connection.peerSegmentBytesMax);
    const { lun, initiatorTaskTag } = request;
    sendControl(
      connection,
      nopIn,
      { initiatorTaskTag, lun, statSn: connection.takeStatSn() },
      echo,
    );
  }

  /** Asks whether the peer lives; the answer carries the tag back. */
  ping(): void {
    const connection = this.#connection;
    this.#pings = (this.#pings % 0xffff) + 1;
    connection.pingTag = this.#pings;
    connection.pingSentMs = connection.node.coarseNowMs;
    sendControl(connection, nopIn, {
      initiatorTaskTag: RESERVED_TAG,
      targetTransferTag: connection.pingTag,
      statSn: connection.statSn,
    });
  }

  /** A NOP-In that wants no answer: it only carries ExpCmdSN and MaxCmdSN. */
  showWindow(): void {
    const connection = this.#connection;
    const { statSn } = connection;
    sendControl(connection, nopIn, { initiatorTaskTag: RESERVED_TAG, statSn });
  }

  // ------------------------------------------------------------------ task management

  #taskManagement(request: TaskManagementRequest): void {
    const session = this.#connection.session!;
    const { limits, counters } = session.node;
    counters.taskManagement++;
    if (session.managing >= limits.taskManagementFunctions) {
      this.#answerTaskManagement(request, TaskManagementResponseCode.functionRejected);
      return;
    }
    session.managing++;
    whenInOrder(session, request, () => {
      if (this.#connection.isClosed) {
        session.managing--; // it went with its connection
        return;
      }
      performTaskManagement(session, request, this.#connection).then(
        (response) => this.#taskManagementDone(request, response),
        () => this.#taskManagementDone(request, TaskManagementResponseCode.functionRejected),
      );
    });
  }

  #taskManagementDone(request: TaskManagementRequest, response: TaskManagementResponseCode): void {
    const connection = this.#connection;
    const session = connection.session!;
    session.managing--;
    this.#answerTaskManagement(request, response);
    if (request.function !== TaskManagementFunction.targetColdReset || session.ending) return;
    connection.node.coldReset(session);
  }

  #answerTaskManagement(
    { initiatorTaskTag }: TaskManagementRequest,
    response: TaskManagementResponseCode,
  ): void {
    const connection = this.#connection;
    if (connection.isClosed) return;
    const statSn = connection.takeStatSn();
    sendControl(connection, taskManagementResponse, { initiatorTaskTag, response, statSn });
  }

  // ------------------------------------------------------------------ logout

  #logout(request: LogoutRequest, header: Buffer): void {
    const connection = this.#connection;
    const { cid } = connection;
    switch (request.reason) {
      case LogoutReason.closeSession:
        this.#leave(request, true);
        break;
      case LogoutReason.closeConnection:
        if (request.cid === cid) this.#leave(request, connection.session!.connections.size <= 1);
        else this.#logoutOther(request);
        break;
      case LogoutReason.removeForRecovery:
        // needs error recovery level 2 (§11.15.1)
        this.#answerLogout(request, LogoutResponseCode.recoveryNotSupported);
        break;
      default:
        connection.refuse(RejectReason.invalidPduField, header);
    }
  }

  /**
   * Ends this connection, and with the last one the session; nothing that comes behind the request
   * counts.
   */
  #leave(request: LogoutRequest, whole: boolean): void {
    const connection = this.#connection;
    const session = connection.session!;
    connection.stopReceiving();
    const ended = whole
      ? session.node.endSession(session, 'logout', connection)
      : session.node.endConnection(connection);
    void this.#answerWhenEnded(request, ended).then(() => connection.close());
  }

  /** Closes another connection of the session. */
  #logoutOther(request: LogoutRequest): void {
    const session = this.#connection.session!;
    const other = session.connections.get(request.cid);
    if (other === undefined) {
      this.#answerLogout(request, LogoutResponseCode.cidNotFound);
      return;
    }
    const ended = session.node.endConnection(other);
    other.close();
    void this.#answerWhenEnded(request, ended);
  }

  /**
   * A dead medium must not keep the peer: it learns that commands of the connection may still end.
   */
  async #answerWhenEnded(request: LogoutRequest, ended: Promise<void>): Promise<void> {
    const { timers, limits } = this.#connection.node;
    const inTime = await within(timers, limits.abortMs, ended);
    const response = inTime ? LogoutResponseCode.closed : LogoutResponseCode.cleanupFailed;
    this.#answerLogout(request, response);
  }

  #answerLogout(request: LogoutRequest, response: LogoutResponseCode): void {
    const connection = this.#connection;
    if (connection.isClosed) return;
    const { initiatorTaskTag } = request;
    const statSn = connection.takeStatSn();
    sendControl(connection, logoutResponse, { initiatorTaskTag, response, statSn });
  }

  // ------------------------------------------------------------------ asynchronous messages

  /** Asks the peer to log out within `seconds` (§11.9.1). */
  requestLogout(seconds: number): void {
    const connection = this.#connection;
    const statSn = connection.takeStatSn();
    const event = AsyncEvent.logoutRequest;
    sendControl(connection, asyncMessage, { event, parameter3: seconds, statSn });
  }

  /** Tells of a unit attention at once, with its sense data in fixed format. */
  scsiEvent(lun: number, reason: SenseReason): void {
    const connection = this.#connection;
    const sense = Buffer.alloc(SENSE_BYTES_MAX);
    const senseBytes = writeSense(sense, reason, { specific: 0, information: -1 }, false);
    const data = Buffer.alloc(2 + senseBytes);
    data.writeUInt16BE(senseBytes, 0);
    sense.copy(data, 2, 0, senseBytes);
    const lunBytes = Buffer.alloc(8);
    lunBytes.writeUInt32BE(encodeLun(lun), 0);
    const event = AsyncEvent.scsiEvent;
    const statSn = connection.takeStatSn();
    sendControl(connection, asyncMessage, { event, lun: lunBytes, statSn }, data);
  }
}
