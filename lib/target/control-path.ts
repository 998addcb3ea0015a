/** Everything in full feature phase that isn't a transfer: NOP, task management, text, logout, SNACK (RFC 7143 §11). */
import {
  AsyncEvent,
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
import { performTaskManagement } from './task-management.ts';
import { TextPath } from './text-path.ts';

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
    const immediate = (header[0]! & 0x40) !== 0;
    if ((header[0]! & OPCODE_MASK) === Opcode.snackRequest) {
      connection.reject(RejectReason.snackReject, header, 0); // error recovery level 0
      return;
    }
    const cmdSn = header.readUInt32BE(24);
    const admission = session.admit(cmdSn, immediate);
    if (admission === 'ignore') return;
    if (admission === 'held') {
      const copy = Buffer.from(header);
      session.hold(cmdSn, { complete: true, deliver: () => this.#perform(copy, data) });
      return;
    }
    if (immediate || !session.wasAbandoned(cmdSn)) this.#perform(header, data);
    session.deliverHeld();
  }

  #perform(header: Buffer, data: Buffer): void {
    const connection = this.#connection;
    if (connection.isClosed) return;
    const opcode = header[0]! & OPCODE_MASK;
    switch (opcode) {
      case Opcode.nopOut:
        this.#nopOut(decode(nopOut, header), data);
        break;
      case Opcode.textRequest:
        this.#text.onRequest(header, data);
        break;
      case Opcode.logoutRequest:
        this.#logout(decode(logoutRequest, header));
        break;
      case Opcode.taskManagementRequest:
        if (connection.session!.nexus !== null)
          this.#taskManagement(decode(taskManagementRequest, header));
        else connection.reject(RejectReason.protocolError, header, 0);
        break;
      default:
        // a login, SCSI or Data-Out PDU where it can't be
        connection.reject(RejectReason.protocolError, header, 0);
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
    session.node.counters.taskManagement++;
    session.afterCommandsBefore(request.cmdSn, () => {
      performTaskManagement(session, request).then(
        (response) => this.#taskManagementDone(request, response),
        () => this.#taskManagementDone(request, TaskManagementResponseCode.functionRejected),
      );
    });
  }

  #taskManagementDone(request: TaskManagementRequest, response: TaskManagementResponseCode): void {
    const connection = this.#connection;
    if (connection.isClosed) return;
    const { initiatorTaskTag } = request;
    const statSn = connection.takeStatSn();
    sendControl(connection, taskManagementResponse, { initiatorTaskTag, response, statSn });
    if (request.function === TaskManagementFunction.targetColdReset) {
      connection.node.coldReset(connection.session!);
    }
  }

  // ------------------------------------------------------------------ logout

  #logout(request: LogoutRequest): void {
    const connection = this.#connection;
    const session = connection.session!;
    if (request.reason === LogoutReason.removeForRecovery) {
      this.#answerLogout(request, LogoutResponseCode.recoveryNotSupported); // needs level 2 (§11.15.1)
      return;
    }
    if (request.reason === LogoutReason.closeConnection && request.cid !== connection.cid) {
      this.#logoutOther(request);
      return;
    }
    const whole = request.reason === LogoutReason.closeSession || session.connections.size <= 1;
    const ended = whole
      ? session.node.endSession(session, 'logout', connection)
      : session.node.endConnection(connection);
    void ended.then(() => {
      this.#answerLogout(request, LogoutResponseCode.closed);
      connection.close();
    });
  }

  /** Closes another connection of the session. */
  #logoutOther(request: LogoutRequest): void {
    const session = this.#connection.session!;
    const other = session.connections.get(request.cid);
    if (other === undefined) {
      this.#answerLogout(request, LogoutResponseCode.cidNotFound);
      return;
    }
    void session.node.endConnection(other).then(() => {
      other.close();
      this.#answerLogout(request, LogoutResponseCode.closed);
    });
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
    const parameter1 = connection.cid;
    const event = AsyncEvent.logoutRequest;
    sendControl(connection, asyncMessage, { event, parameter1, parameter3: seconds, statSn });
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
