/**
 * One TCP connection of a target, sans-I/O: bytes in through `receive`, bytes out through `outbox`,
 * time through the node's timers. Login first (`login-path.ts`), then full feature phase: transfers
 * by `command-path.ts` and `response-path.ts`, the rest by `control-path.ts`.
 */
import { AssertionError, roundDown } from '../base/index.ts';
import {
  BHS_BYTES,
  IMMEDIATE_BIT,
  OPCODE_MASK,
  Opcode,
  PAD_BYTES,
  PduFramer,
  RejectReason,
  pduRow,
  reject,
} from '../iscsi/index.ts';
import type { OperationalParameters, PduSink } from '../iscsi/index.ts';
import type { SenseReason } from '../scsi/index.ts';
import type { Crc32c } from '../wire/index.ts';
import { CommandPath } from './command-path.ts';
import type { ConnectionPort } from './connection-port.ts';
import { ControlPath } from './control-path.ts';
import type { HeaderPool } from './header-pool.ts';
import { LoginPath } from './login-path.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { Outbox } from './outbox.ts';
import type { OutboxBatch } from './outbox.ts';
import { sendControl } from './control-pdu.ts';
import { ResponsePath } from './response-path.ts';
import type { TargetNode } from './target-node.ts';
import type { TargetTask } from './target-task.ts';
import type { TargetSession } from './target-session.ts';

/** What the peer takes in one segment until it says otherwise (RFC 7143 §13.12). */
const PEER_SEGMENT_BYTES_DEFAULT = 8192;
const SHALLOW_COMMANDS = 2;

export class TargetConnection implements PduSink {
  readonly node: TargetNode;
  readonly port: ConnectionPort;
  readonly outbox = new Outbox();
  readonly framer: PduFramer;
  readonly responses: ResponsePath;
  readonly headers: HeaderPool;
  readonly crc32c: Crc32c;
  readonly acceptedMs: number;
  /** Null until full feature phase. */
  session: TargetSession | null = null;
  cid = 0;
  /** Next StatSN of this connection. */
  statSn = 0;
  headerDigest = false;
  dataDigest = false;
  /** Longest data segment that we send, a multiple of 4. */
  peerSegmentBytesMax = PEER_SEGMENT_BYTES_DEFAULT;
  isClosed = false;
  /** When bytes last came, by the node's coarse clock. */
  lastReceivedMs: number;
  /** Tag of our NOP-In that waits for its answer; 0: none. */
  pingTag = 0;
  pingSentMs = 0;
  /** Transfer memory of its commands and of answers that the peer hasn't taken. */
  memoryBytes = 0;

  readonly #login: LoginPath;
  readonly #commands: CommandPath;
  readonly #control: ControlPath;
  readonly #acknowledgements = new Acknowledgements();
  /** Which path gets the end of the PDU being received. */
  #toCommands = false;
  #dataBytes = 0;
  #controlData: Buffer | null = null;
  readonly #header = Buffer.alloc(BHS_BYTES);
  #onComplete: ((dataDigestOk: boolean) => void) | null = null;

  constructor(node: TargetNode, port: ConnectionPort) {
    this.node = node;
    this.port = port;
    this.crc32c = node.crc32c;
    this.headers = node.headers;
    this.framer = new PduFramer(this, this.crc32c);
    this.responses = new ResponsePath(this);
    this.#login = new LoginPath(this);
    this.#commands = new CommandPath(this, this.framer);
    this.#control = new ControlPath(this);
    this.acceptedMs = node.coarseNowMs;
    this.lastReceivedMs = node.coarseNowMs;
  }

  // ------------------------------------------------------------------ for the shell

  receive(chunk: Buffer, start: number, end: number): void {
    this.lastReceivedMs = this.node.coarseNowMs;
    try {
      this.framer.receive(chunk, start, end);
    } catch (error) {
      this.#contain(error);
    }
  }

  /**
   * No peer ends the process: where its bytes lead to something unforeseen, its connection ends,
   * and with it the session. An invariant that is broken after login is another matter: memory may
   * be in the hands of two commands by then, so the process ends before data is damaged. Before
   * login nothing is shared.
   */
  #contain(error: unknown): void {
    const mayBeShared = this.session !== null && error instanceof AssertionError;
    if (mayBeShared || !this.node.tellInternalError(this, error)) throw error;
    this.close();
  }

  /** A peer that has one or two commands under way waits for each. */
  get isShallow(): boolean {
    return this.session !== null && this.session.outstandingCommands <= SHALLOW_COMMANDS;
  }

  takeBatch(): OutboxBatch | undefined {
    if (this.outbox.isEmpty) return undefined;
    const batch = this.outbox.take();
    this.memoryBytes += batch.bytes;
    return batch;
  }

  batchDone(batch: OutboxBatch): void {
    this.memoryBytes -= batch.bytes;
    this.outbox.recycle(batch);
    this.node.memoryQueue.shareFreed();
  }

  closed(reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.framer.stopped = true;
    this.outbox.take().release();
    this.#acknowledgements.give();
    if (this.session === null) this.#login.abandon();
    this.node.connectionClosed(this, reason);
  }

  // ------------------------------------------------------------------ for the paths

  wake(): void {
    this.port.wake();
  }

  /** @returns the StatSN to use, and moves on. */
  takeStatSn(): number {
    const statSn = this.statSn;
    this.statSn = (statSn + 1) >>> 0;
    return statSn;
  }

  /**
   * Nothing that the peer sends from now on is looked at: it has logged out, or its connection is
   * being ended.
   */
  stopReceiving(): void {
    this.framer.stopped = true;
  }

  /** Ends the connection after what is queued has left. */
  close(): void {
    this.framer.stopped = true;
    this.port.close();
  }

  /** Refuses a PDU whose header is at `at`; the connection goes on (§11.17). */
  reject(reason: RejectReason, header: Buffer, at: number): void {
    this.node.counters.protocolErrors++;
    const copy = Buffer.from(header.subarray(at, at + BHS_BYTES));
    sendControl(this, reject, { reason, statSn: this.takeStatSn() }, copy);
  }

  /** Refuses a command that was admitted: it counts as not received (§7.3). */
  refuse(reason: RejectReason, header: Buffer): void {
    const immediate = (header[0]! & IMMEDIATE_BIT) !== 0;
    if (!immediate) this.session!.giveBack(header.readUInt32BE(24));
    this.reject(reason, header, 0);
  }

  /** Calls once the PDU being received is complete, before its command goes on. */
  onPduComplete(then: ((dataDigestOk: boolean) => void) | null): void {
    this.#onComplete = then;
  }

  // ------------------------------------------------------------------ for the framer

  onHeader(header: Buffer, at: number, ahsBytes: number, dataBytes: number): void {
    this.#dataBytes = dataBytes;
    this.#controlData = null;
    this.#onComplete = null;
    this.#toCommands = false;
    if (this.session === null) {
      this.#loginHeader(header, at, ahsBytes, dataBytes);
      return;
    }
    this.#acknowledgements.upTo(header, at);
    if (dataBytes > this.node.limits.maxRecvDataSegmentLengthBytes) {
      this.#fatal(header, at, RejectReason.protocolError);
      return;
    }
    if (this.framer.dataDigest && dataBytes > 0) header.copy(this.#header, 0, at, at + BHS_BYTES);
    const opcode = header[at]! & OPCODE_MASK;
    if (opcode === Opcode.scsiCommand && this.session.nexus !== null) {
      this.#toCommands = true;
      this.#commands.onCommandHeader(header, at, ahsBytes, dataBytes);
    } else if (opcode === Opcode.dataOut && this.session.nexus !== null) {
      this.#toCommands = true;
      this.#commands.onDataOutHeader(header, at, dataBytes);
    } else {
      this.#controlHeader(opcode, header, at, dataBytes);
    }
  }

  #controlHeader(opcode: number, header: Buffer, at: number, dataBytes: number): void {
    header.copy(this.#header, 0, at, at + BHS_BYTES);
    const row = pduRow(opcode);
    if (row === undefined || row.from !== 'initiator') {
      this.#fatal(header, at, RejectReason.commandNotSupported);
      return;
    }
    if (dataBytes > 0 && row.data) this.#collect(dataBytes);
  }

  #loginHeader(header: Buffer, at: number, ahsBytes: number, dataBytes: number): void {
    header.copy(this.#header, 0, at, at + BHS_BYTES);
    if (!this.#login.acceptsHeader(this.#header, ahsBytes, dataBytes)) {
      this.close();
      return;
    }
    this.#collect(dataBytes);
  }

  #collect(dataBytes: number): void {
    this.#controlData = Buffer.allocUnsafe(dataBytes);
    this.framer.data = this.#controlData;
  }

  onPduEnd(dataDigestOk: boolean): void {
    if (!dataDigestOk && this.#endDamaged()) return;
    if (this.#onComplete !== null) {
      const complete = this.#onComplete;
      this.#onComplete = null;
      complete(dataDigestOk);
    }
    if (this.#toCommands) {
      this.#commands.onPduEnd(dataDigestOk);
      this.session?.deliverHeld();
    } else if (this.session !== null) {
      this.#control.onPdu(this.#header, this.#controlData ?? EMPTY);
    } else {
      this.#login.onPdu(this.#header, this.#controlData ?? EMPTY);
    }
    if (this.#dataBytes > 0) this.#controlData = null;
  }

  /**
   * The data digest is wrong (§7.8). A command that doesn't count as received leaves a gap in the
   * order of commands, which at error recovery level 0 is mended by recovery of the session.
   * @returns whether the PDU ends here; the task of a Data-Out is told.
   */
  #endDamaged(): boolean {
    this.node.counters.digestErrors++;
    this.reject(RejectReason.dataDigestError, this.#header, 0);
    if ((this.#header[0]! & OPCODE_MASK) === Opcode.dataOut) return false;
    if (this.#toCommands || (this.#header[0]! & IMMEDIATE_BIT) === 0) this.close();
    return true;
  }

  onHeaderDigestError(): void {
    this.node.counters.digestErrors++;
    this.close();
  }

  /** The stream can't be trusted any further: says why and ends the connection. */
  #fatal(header: Buffer, at: number, reason: RejectReason): void {
    this.reject(reason, header, at);
    this.close();
  }

  /** Login is over: from the next PDU on digests are in use and PDUs belong to the session. */
  enterFullFeature(session: TargetSession, cid: number, parameters: OperationalParameters): void {
    this.session = session;
    this.cid = cid;
    this.segmentLengthDeclared(parameters.maxSendDataSegmentLengthBytes);
    this.headerDigest = parameters.headerDigest;
    this.dataDigest = parameters.dataDigest;
    this.framer.headerDigest = this.headerDigest;
    this.framer.dataDigest = this.dataDigest;
  }

  /** The peer takes data segments of this length from now on (§13.12). */
  segmentLengthDeclared(maxSendBytes: number): void {
    // what a segment is padded with would lie on the data of the next
    this.peerSegmentBytesMax = roundDown(maxSendBytes, PAD_BYTES);
  }

  /** A task of this connection is over, for whatever reason. */
  taskEnded(task: TargetTask): void {
    this.#commands.ended(task);
    if (task.memoryBytes === 0) return;
    this.memoryBytes -= task.memoryBytes;
    task.memoryBytes = 0;
    this.node.memoryQueue.shareFreed();
  }

  /**
   * Resolves when the peer has acknowledged all responses so far, at the latest after `limitMs`.
   */
  acknowledged(limitMs: number): Promise<void> {
    if (this.isClosed) return Promise.resolve();
    if (this.pingTag === 0) this.ping();
    return this.#acknowledgements.until(this.statSn, this.node.timers, limitMs);
  }

  /** Transfer memory came for a task of this connection. */
  granted(task: TargetTask): void {
    this.#commands.granted(task);
  }

  /** Asks whether the peer lives (NOP-In with a target transfer tag). */
  ping(): void {
    this.#control.ping();
  }

  /** Shows the peer the command window now. */
  showWindow(): void {
    this.#control.showWindow();
  }

  /** Asks the peer to log out within `seconds`. */
  requestLogout(seconds: number): void {
    this.#control.requestLogout(seconds);
  }

  /** Tells of a unit attention before the next command meets it. */
  scsiEvent(lun: number, reason: SenseReason): void {
    this.#control.scsiEvent(lun, reason);
  }
}

const EMPTY = Buffer.alloc(0);
