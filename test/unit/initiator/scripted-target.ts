/**
 * The other end of a session as a test plays it: reads the initiator's PDUs, logs it in, and sends
 * whatever PDU the test makes up.
 */
import { ChallengeRegister } from '../../../lib/auth/index.ts';
import { assert, SeededRandom } from '../../../lib/base/index.ts';
import { InitiatorCommand, InitiatorSession } from '../../../lib/initiator/index.ts';
import type {
  InitiatorPort,
  SessionEnd,
  SessionOptions,
  InitiatorConnection,
} from '../../../lib/initiator/index.ts';
import {
  BHS_BYTES,
  dataIn,
  encodeTextKeys,
  localParameters,
  loginRequest,
  loginResponse,
  nopIn,
  Opcode,
  OPCODE_MASK,
  parseTextKeys,
  PduFramer,
  r2t,
  scsiResponse,
} from '../../../lib/iscsi/index.ts';
import type { AsyncMessage, LocalParameters, TextPair } from '../../../lib/iscsi/index.ts';
import { crc32c, decode, encode } from '../../../lib/wire/index.ts';
import type { Fields, Layout, ValueOf } from '../../../lib/wire/index.ts';
import { VirtualTimers } from '../../fakes/virtual-timers.ts';

const NOTHING = Buffer.alloc(0);
/** CmdSN of the login and StatSN of the first response after it. */
export const FIRST_STAT_SN = 100;

export interface SentPdu {
  readonly opcode: number;
  readonly header: Buffer;
  readonly data: Buffer;
  readonly dataDigestOk: boolean;
}

/** Keys with which the target answers offers instead of taking them as they are. */
export type KeyAnswers = Readonly<Record<string, string>>;

export class ScriptedTarget {
  readonly timers = new VirtualTimers();
  readonly session: InitiatorSession;
  readonly ends: SessionEnd[] = [];
  readonly messages: AsyncMessage[] = [];
  /** PDUs that the initiator sent and no test has taken yet. */
  readonly sent: SentPdu[] = [];
  statSn = FIRST_STAT_SN;
  expCmdSn = 1;
  maxCmdSn = 64;
  ready = false;
  closed = false;
  /** Bytes of each `receive`; infinite: as they were sent. */
  chunkBytes = Infinity;
  /** Batches written, each of so many bytes. */
  readonly batches: number[] = [];
  #digests = { header: false, data: false };
  readonly #connection: InitiatorConnection;
  readonly #framer: PduFramer;
  readonly #answers: KeyAnswers;
  #wakeAsked = false;

  constructor(
    answers: KeyAnswers = {},
    parameters: Partial<LocalParameters> = {},
    options: Partial<SessionOptions> = {},
  ) {
    this.#answers = answers;
    this.session = new InitiatorSession({
      initiatorName: 'iqn.2026-11.org.example:host',
      targetName: 'iqn.2026-11.org.example:disk',
      isid: Buffer.from([0x80, 1, 2, 3, 0, 1]),
      chap: null,
      challenges: new ChallengeRegister(new SeededRandom(1)),
      parameters: localParameters({ headerDigest: ['None'], dataDigest: ['None'], ...parameters }),
      timers: this.timers,
      crc32c,
      handlers: {
        ready: () => (this.ready = true),
        ended: (end) => this.ends.push(end),
        asyncMessage: (message) => this.messages.push(message),
      },
      ...options,
    });
    this.#framer = this.#newFramer();
    this.#connection = this.session.connect(this.#port());
  }

  /** Takes what the initiator has queued; login requests are answered on the way. */
  flush(): void {
    for (let batch = this.#connection.takeBatch(); batch !== undefined;) {
      this.batches.push(batch.bytes);
      for (const piece of batch.pieces) this.#framer.receive(piece, 0, piece.length);
      this.#connection.batchDone(batch);
      batch = this.#connection.takeBatch();
    }
  }

  login(): void {
    this.flush();
    assert(this.ready, 'the scripted login failed');
  }

  /** The next PDU that the initiator sent. */
  next(opcode: number): SentPdu {
    this.flush();
    const pdu = this.sent.shift();
    assert(pdu !== undefined, 'the initiator sent nothing');
    assert(pdu.opcode === opcode, `the initiator sent ${pdu.opcode}, not ${opcode}`);
    return pdu;
  }

  /** Sends one PDU with the digests in use. */
  send<F extends Fields>(
    layout: Layout<F>,
    value: Partial<ValueOf<Layout<F>>>,
    data: Buffer = NOTHING,
    spoil: (bytes: Buffer) => void = () => undefined,
  ): void {
    const bytes = Buffer.concat(this.encode(layout, value, data));
    spoil(bytes);
    this.sendBytes(bytes);
  }

  encode<F extends Fields>(
    layout: Layout<F>,
    value: Partial<ValueOf<Layout<F>>>,
    data: Buffer = NOTHING,
  ): Buffer[] {
    const { expCmdSn, maxCmdSn } = this;
    const numbers = { expCmdSn, maxCmdSn, dataSegmentLengthBytes: data.length };
    const header = encode(layout, { ...numbers, ...value });
    const pieces: Buffer[] = [header];
    if (this.#digests.header) pieces.push(digestOf(header));
    if (data.length === 0) return pieces;
    const padded = Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
    pieces.push(padded);
    if (this.#digests.data) pieces.push(digestOf(padded));
    return pieces;
  }

  sendBytes(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += this.chunkBytes) {
      const chunk = Buffer.from(bytes.subarray(at, Math.min(at + this.chunkBytes, bytes.length)));
      this.#connection.receive(chunk, 0, chunk.length);
      // what was received may not be looked at later
      chunk.fill(0xee);
    }
  }

  good(initiatorTaskTag: number, more: Partial<ValueOf<typeof scsiResponse>> = {}): void {
    this.send(scsiResponse, { initiatorTaskTag, statSn: this.statSn++, ...more });
  }

  checkCondition(initiatorTaskTag: number, key: number, code: number): void {
    const sense = Buffer.alloc(20);
    sense.writeUInt16BE(18, 0);
    sense[2] = 0x70;
    sense[4] = key;
    sense[9] = 10;
    sense.writeUInt16BE(code, 14);
    const status = 2;
    this.send(scsiResponse, { initiatorTaskTag, statSn: this.statSn++, status }, sense);
  }

  dataIn(initiatorTaskTag: number, data: Buffer, more: Partial<ValueOf<typeof dataIn>> = {}): void {
    const statSn = more.statusPresent === true ? this.statSn++ : 0;
    this.send(dataIn, { initiatorTaskTag, statSn, final: true, ...more }, data);
  }

  r2t(initiatorTaskTag: number, fields: Partial<ValueOf<typeof r2t>>): void {
    this.send(r2t, { initiatorTaskTag, statSn: this.statSn, ...fields });
  }

  ping(): void {
    const initiatorTaskTag = 0xffff_ffff;
    this.send(nopIn, { initiatorTaskTag, targetTransferTag: 77, statSn: this.statSn });
  }

  /** The network is gone. */
  cut(reason = 'reset'): void {
    this.closed = true;
    this.#connection.closed(reason);
  }

  #port(): InitiatorPort {
    return {
      localAddress: '127.0.0.1:40000',
      remoteAddress: '127.0.0.1:3260',
      wake: () => this.#wake(),
      close: () => queueMicrotask(() => this.#closeAsked()),
    };
  }

  #wake(): void {
    if (this.#wakeAsked) return;
    this.#wakeAsked = true;
    queueMicrotask(() => (this.#wakeAsked = false));
  }

  #closeAsked(): void {
    if (this.closed) return;
    this.flush();
    this.cut('closed');
  }

  #newFramer(): PduFramer {
    const header = Buffer.alloc(BHS_BYTES + 1024);
    let data = NOTHING;
    let headerEnd = 0;
    const framer: PduFramer = new PduFramer(
      {
        onHeader: (from, at, ahsBytes, dataBytes) => {
          headerEnd = BHS_BYTES + ahsBytes;
          from.copy(header, 0, at, at + headerEnd);
          data = Buffer.alloc(dataBytes);
          framer.data = data;
        },
        onPduEnd: (dataDigestOk) => this.#took(header.subarray(0, headerEnd), data, dataDigestOk),
        onHeaderDigestError: () => assert(false, 'the initiator sent a wrong header digest'),
      },
      crc32c,
    );
    return framer;
  }

  #took(header: Buffer, data: Buffer, dataDigestOk: boolean): void {
    const opcode = header[0]! & OPCODE_MASK;
    if (opcode === Opcode.loginRequest) this.#answerLogin(header, data);
    else this.sent.push({ opcode, header: Buffer.from(header), data, dataDigestOk });
  }

  #answerLogin(header: Buffer, data: Buffer): void {
    const request = decode(loginRequest, header);
    const security = request.currentStage === 0;
    const text = encodeTextKeys(security ? securityAnswer : this.#operational(data));
    const { isid, initiatorTaskTag, currentStage, nextStage } = request;
    const same = { isid, initiatorTaskTag, currentStage, nextStage, transit: true };
    this.send(loginResponse, { ...same, tsih: security ? 0 : 7, statSn: this.statSn++ }, text);
    if (!security) this.#enterFullFeature();
  }

  #operational(data: Buffer): TextPair[] {
    const offers = parseTextKeys(data);
    assert(offers.ok, 'login text');
    const answered = offers.value.filter(({ key }) => key !== 'MaxRecvDataSegmentLength');
    const pairs = answered.map(({ key, value }) => ({ key, value: this.#answer(key, value) }));
    const segment = this.#answers['MaxRecvDataSegmentLength'] ?? '8192';
    return [...pairs, { key: 'MaxRecvDataSegmentLength', value: segment }];
  }

  #answer(key: string, offered: string): string {
    return this.#answers[key] ?? offered.split(',')[0]!;
  }

  #enterFullFeature(): void {
    const { parameters } = this.session.login;
    this.#digests = { header: parameters.headerDigest, data: parameters.dataDigest };
    this.#framer.headerDigest = parameters.headerDigest;
    this.#framer.dataDigest = parameters.dataDigest;
  }
}

const securityAnswer: TextPair[] = [
  { key: 'AuthMethod', value: 'None' },
  { key: 'TargetPortalGroupTag', value: '1' },
];

function digestOf(bytes: Buffer): Buffer {
  const digest = Buffer.alloc(4);
  digest.writeUInt32LE(crc32c(bytes, 0, bytes.length));
  return digest;
}

/** A READ or WRITE(10)-shaped command that counts its ends. */
export function command(data: { in?: Buffer; out?: Buffer }): InitiatorCommand & { ends: number } {
  const made = new InitiatorCommand();
  made.cdb[0] = data.out === undefined ? 0x28 : 0x2a;
  made.inMemory = data.in ?? null;
  made.inBytes = data.in?.length ?? 0;
  made.outMemory = data.out ?? null;
  made.outBytes = data.out?.length ?? 0;
  const counted = Object.assign(made, { ends: 0 });
  made.onDone = () => counted.ends++;
  return counted;
}

export const tagOf = (pdu: SentPdu): number => pdu.header.readUInt32BE(16);
export const cmdSnOf = (pdu: SentPdu): number => pdu.header.readUInt32BE(24);
