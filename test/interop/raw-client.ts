/**
 * A small initiator for tests that need to say exactly what is sent, and to see exactly what comes
 * back.
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import {
  decodeText,
  encodeText,
  frame,
  header,
  opcode,
  RawFramer,
  RESERVED_TAG,
  writeLun,
} from './raw-pdu.ts';
import type { RawPdu } from './raw-pdu.ts';

const ANSWER_LIMIT_MS = 10_000;

export interface LoginOptions {
  readonly initiatorName: string;
  /** Absent: a discovery session. */
  readonly targetName?: string;
  readonly isid?: string;
  /** 0 asks for a new session. */
  readonly tsih?: number;
  readonly cid?: number;
  readonly chap?: { readonly user: string; readonly secret: string };
  /** Offered in the operational stage. */
  readonly keys?: Readonly<Record<string, string>>;
}

export interface LoginOutcome {
  /** Status class and detail; 0 is success. */
  readonly status: number;
  readonly tsih: number;
  readonly keys: Readonly<Record<string, string>>;
}

export interface CommandOptions {
  readonly lun?: number;
  /** Bytes expected of the target. */
  readonly inBytes?: number;
  readonly out?: Buffer;
  /** 1 simple, 2 ordered, 3 head of queue. */
  readonly attribute?: number;
}

export interface CommandResult {
  readonly status: number;
  readonly senseKey: number;
  /** ASC in the high byte, ASCQ in the low one. */
  readonly asc: number;
  readonly data: Buffer;
  readonly residual: number;
}

interface Waiter {
  readonly accept: (pdu: RawPdu) => boolean;
  readonly resolve: (pdu: RawPdu) => void;
  readonly reject: (error: Error) => void;
}

export class RawClient {
  readonly #socket: Socket;
  readonly #framer = new RawFramer();
  readonly #sendDigests = { header: false, data: false };
  readonly #waiters = new Set<Waiter>();
  /** What came and nobody has waited for yet. */
  readonly #unread: RawPdu[] = [];
  readonly closed: Promise<void>;
  #isClosed = false;
  #tag = 0;
  #isid: Buffer = Buffer.alloc(6);
  cmdSn = 1;
  expStatSn = 0;
  tsih = 0;
  cid = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) =>
      socket.on('close', () => {
        this.#isClosed = true;
        for (const { reject } of this.#waiters)
          reject(new Error('the target closed the connection'));
        this.#waiters.clear();
        resolve();
      }),
    );
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.on('error', reject);
      socket.on('connect', () => resolve(new RawClient(socket)));
    });
  }

  /** Connects and logs in; a refusal is an error. */
  static async session(port: number, options: LoginOptions): Promise<RawClient> {
    const client = await RawClient.connect(port);
    const { status } = await client.login(options);
    if (status !== 0) throw new Error(`login status ${status.toString(16).padStart(4, '0')}`);
    return client;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** PDUs that nobody asked for: asynchronous messages, NOP-Ins, Rejects. */
  get unread(): readonly RawPdu[] {
    return this.#unread;
  }

  #take(chunk: Buffer): void {
    for (const pdu of this.#framer.push(chunk)) {
      const counts = pdu.opcode !== opcode.dataIn || (pdu.bhs[1]! & 0x01) !== 0;
      const tagged =
        pdu.bhs.readUInt32BE(16) !== RESERVED_TAG || pdu.opcode === opcode.asyncMessage;
      if (counts && tagged && pdu.opcode !== opcode.r2t)
        this.expStatSn = (pdu.bhs.readUInt32BE(24) + 1) >>> 0;
      const waiter = [...this.#waiters].find(({ accept }) => accept(pdu));
      if (waiter === undefined) this.#unread.push(pdu);
      else waiter.resolve(pdu);
    }
  }

  sendBytes(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  send(bhs: Buffer, data: Buffer = Buffer.alloc(0)): void {
    this.sendBytes(frame(bhs, data, this.#sendDigests));
  }

  /** The next PDU that `accept` takes, in the order of arrival. */
  receive(accept: (pdu: RawPdu) => boolean, limitMs = ANSWER_LIMIT_MS): Promise<RawPdu> {
    const index = this.#unread.findIndex(accept);
    if (index >= 0) return Promise.resolve(this.#unread.splice(index, 1)[0]!);
    if (this.#isClosed) return Promise.reject(new Error('the target closed the connection'));
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error('the target does not answer'));
      }, limitMs);
      const waiter: Waiter = {
        accept,
        resolve: (pdu) => {
          end();
          resolve(pdu);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  nextTag(): number {
    return this.#tag++;
  }

  #withNumbers(bhs: Buffer, advances: boolean): Buffer {
    bhs.writeUInt32BE(this.cmdSn, 24);
    bhs.writeUInt32BE(this.expStatSn, 28);
    if (advances) this.cmdSn = (this.cmdSn + 1) >>> 0;
    return bhs;
  }

  async login(options: LoginOptions): Promise<LoginOutcome> {
    this.#isid = Buffer.from(options.isid ?? '800000000001', 'hex');
    this.tsih = options.tsih ?? 0;
    this.cid = options.cid ?? 0;
    const first: Record<string, string> = { InitiatorName: options.initiatorName };
    first['SessionType'] = options.targetName === undefined ? 'Discovery' : 'Normal';
    if (options.targetName !== undefined) first['TargetName'] = options.targetName;
    const keys: Record<string, string> = {};
    const { chap } = options;
    let status = 0;
    if (chap !== undefined) status = await this.#authenticate(first, chap, keys);
    if (status !== 0) return { status, tsih: 0, keys };
    const offer = { ...(chap === undefined ? first : {}), ...options.keys };
    status = await this.#loginStep({ current: 1, next: 3, text: offer }, keys);
    this.#agreeDigests(keys);
    return { status, tsih: this.tsih, keys };
  }

  async #authenticate(
    first: Record<string, string>,
    chap: { readonly user: string; readonly secret: string },
    keys: Record<string, string>,
  ): Promise<number> {
    const status =
      (await this.#loginStep({ current: 0, text: { ...first, AuthMethod: 'CHAP' } }, keys)) ||
      (await this.#loginStep({ current: 0, text: { CHAP_A: '5' } }, keys));
    if (status !== 0) return status;
    const challenge = Buffer.from(keys['CHAP_C']!.slice(2), 'hex');
    const identifier = Number(keys['CHAP_I']);
    const response = createHash('md5')
      .update(Buffer.from([identifier]))
      .update(chap.secret)
      .update(challenge)
      .digest('hex');
    const text = { CHAP_N: chap.user, CHAP_R: `0x${response}` };
    return this.#loginStep({ current: 0, next: 1, text }, keys);
  }

  async #loginStep(
    step: {
      readonly current: number;
      readonly next?: number;
      readonly text: Record<string, string>;
    },
    keys: Record<string, string>,
  ): Promise<number> {
    const flags = (step.next === undefined ? 0 : 0x80 | step.next) | (step.current << 2);
    const bhs = this.#withNumbers(header(opcode.login, flags, 0, true), false);
    this.#isid.copy(bhs, 8);
    bhs.writeUInt16BE(this.tsih, 14);
    bhs.writeUInt16BE(this.cid, 20);
    this.send(bhs, encodeText(step.text));
    const answer = await this.receive((pdu) => pdu.opcode === opcode.loginResponse);
    for (const [key, value] of decodeText(answer.data)) keys[key] = value;
    this.tsih = answer.bhs.readUInt16BE(14);
    return answer.bhs.readUInt16BE(36);
  }

  #agreeDigests(keys: Readonly<Record<string, string>>): void {
    for (const digests of [this.#sendDigests, this.#framer.digests]) {
      digests.header = keys['HeaderDigest'] === 'CRC32C';
      digests.data = keys['DataDigest'] === 'CRC32C';
    }
  }

  /** Sends a command and doesn't wait. @returns its tag. */
  start(cdb: readonly number[] | Buffer, options: CommandOptions = {}): number {
    const { lun = 0, inBytes = 0, out, attribute = 1 } = options;
    const tag = this.nextTag();
    const flags = 0x80 | (inBytes > 0 ? 0x40 : 0) | (out ? 0x20 : 0) | attribute;
    const bhs = this.#withNumbers(header(opcode.scsiCommand, flags, tag), true);
    writeLun(bhs, lun);
    bhs.writeUInt32BE(out?.length ?? inBytes, 20);
    Buffer.from(cdb).copy(bhs, 32);
    this.send(bhs);
    return tag;
  }

  /** Sends a command, its data as the target asks for it, and waits for the end. */
  async command(
    cdb: readonly number[] | Buffer,
    options: CommandOptions = {},
  ): Promise<CommandResult> {
    return this.finish(this.start(cdb, options), options);
  }

  async finish(tag: number, options: CommandOptions = {}): Promise<CommandResult> {
    const data: Buffer[] = [];
    const mine = (pdu: RawPdu): boolean => pdu.bhs.readUInt32BE(16) === tag;
    for (;;) {
      const pdu = await this.receive(mine);
      if (pdu.opcode === opcode.r2t) this.#answerR2t(pdu, options.out!);
      if (pdu.opcode === opcode.dataIn) {
        data.push(pdu.data);
        if (pdu.bhs[1]! & 0x01) return result(pdu, data);
      }
      if (pdu.opcode === opcode.scsiResponse) return result(pdu, data);
    }
  }

  #answerR2t(r2t: RawPdu, out: Buffer): void {
    const offset = r2t.bhs.readUInt32BE(40);
    const end = offset + r2t.bhs.readUInt32BE(44);
    for (let at = offset, dataSn = 0; at < end; at += 8192, dataSn++) {
      const pieceEnd = Math.min(at + 8192, end);
      const bhs = header(opcode.dataOut, pieceEnd === end ? 0x80 : 0, r2t.bhs.readUInt32BE(16));
      r2t.bhs.copy(bhs, 8, 8, 16);
      r2t.bhs.copy(bhs, 20, 20, 24);
      bhs.writeUInt32BE(this.expStatSn, 28);
      bhs.writeUInt32BE(dataSn, 36);
      bhs.writeUInt32BE(at, 40);
      this.send(bhs, out.subarray(at, pieceEnd));
    }
  }

  /** @returns the response code. */
  async taskManagement(code: number, lun = 0, referencedTag = RESERVED_TAG): Promise<number> {
    const tag = this.nextTag();
    const bhs = this.#withNumbers(header(opcode.taskManagement, 0x80 | code, tag, true), false);
    writeLun(bhs, lun);
    bhs.writeUInt32BE(referencedTag, 20);
    bhs.writeUInt32BE((this.cmdSn - 1) >>> 0, 32);
    this.send(bhs);
    const answer = await this.receive(
      (pdu) => pdu.opcode === opcode.taskManagementResponse && pdu.bhs.readUInt32BE(16) === tag,
    );
    return answer.bhs[2]!;
  }

  /** A text exchange; an answer in several PDUs is put together. */
  async text(pairs: Readonly<Record<string, string>>): Promise<[string, string][]> {
    const tag = this.nextTag();
    const pieces: Buffer[] = [];
    let transferTag = RESERVED_TAG;
    let text = encodeText(pairs);
    for (;;) {
      const bhs = this.#withNumbers(header(opcode.text, 0x80, tag), true);
      bhs.writeUInt32BE(transferTag, 20);
      this.send(bhs, text);
      const answer = await this.receive(
        (pdu) => pdu.opcode === opcode.textResponse && pdu.bhs.readUInt32BE(16) === tag,
      );
      pieces.push(answer.data);
      transferTag = answer.bhs.readUInt32BE(20);
      if (answer.bhs[1]! & 0x80) return decodeText(Buffer.concat(pieces));
      text = Buffer.alloc(0);
    }
  }

  /** Asks for a sign of life. @returns whether it came. */
  async ping(): Promise<boolean> {
    const tag = this.nextTag();
    const bhs = this.#withNumbers(header(opcode.nopOut, 0x80, tag, true), false);
    bhs.writeUInt32BE(RESERVED_TAG, 20);
    const data = randomBytes(16);
    this.send(bhs, data);
    const answer = await this.receive(
      (pdu) => pdu.opcode === opcode.nopIn && pdu.bhs.readUInt32BE(16) === tag,
    );
    return answer.data.equals(data);
  }

  async logout(): Promise<number> {
    const tag = this.nextTag();
    const bhs = this.#withNumbers(header(opcode.logout, 0x80, tag, true), false);
    bhs.writeUInt16BE(this.cid, 20);
    this.send(bhs);
    const answer = await this.receive((pdu) => pdu.opcode === opcode.logoutResponse);
    return answer.bhs[2]!;
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function result(pdu: RawPdu, data: readonly Buffer[]): CommandResult {
  const sense = pdu.opcode === opcode.scsiResponse ? pdu.data.subarray(2) : Buffer.alloc(0);
  const descriptor = sense.length > 0 && (sense[0]! & 0x7f) >= 0x72;
  return {
    status: pdu.bhs[3]!,
    senseKey: (sense[descriptor ? 1 : 2] ?? 0) & 0x0f,
    asc: sense.length >= 14 ? sense.readUInt16BE(descriptor ? 2 : 12) : 0,
    data: Buffer.concat(data),
    residual: pdu.bhs.readUInt32BE(44),
  };
}
