/**
 * An initiator that does what a test tells it, right or wrong: raw PDUs to a target without a
 * socket, digests on both sides, login in any number of steps.
 */
import { expect } from 'chai';
import {
  BHS_BYTES,
  DIGEST_BYTES,
  Opcode,
  RESERVED_TAG,
  loginRequest,
  nopOut,
  paddedBytes,
  scsiCommand,
  taskManagementRequest,
  textRequest,
} from '../../../lib/iscsi/index.ts';
import type { TaskManagementFunction } from '../../../lib/iscsi/index.ts';
import type { ConnectionPort, TargetConnection } from '../../../lib/target/index.ts';
import { crc32c, encode } from '../../../lib/wire/index.ts';
import type { Fields, Layout, ValueOf } from '../../../lib/wire/index.ts';
import { cdb10, settle } from '../../fakes/target-harness.ts';
import type { TargetWorld } from '../../fakes/target-harness.ts';
import { BLOCK, identity, keysOf, senseOf, textOf } from './answers.ts';
import type { Keys, Pdu } from './answers.ts';

export * from './answers.ts';

export const ISID = '800000000001';

export interface LoginStep {
  readonly csg: number;
  readonly nsg?: number;
  readonly continued?: boolean;
  readonly keys?: Keys;
  /** Instead of `keys`. */
  readonly text?: Buffer;
}

export interface LoginOptions {
  readonly name?: string;
  readonly isid?: string;
  readonly keys?: Keys;
  readonly tsih?: number;
  readonly cid?: number;
  readonly cmdSn?: number;
}

export interface Damage {
  readonly header?: boolean;
  readonly data?: boolean;
}

export class Peer implements ConnectionPort {
  readonly localAddress: string;
  readonly remoteAddress = '127.0.0.1:50000';
  readonly connection: TargetConnection;
  readonly world: TargetWorld;
  closed = false;
  /** CmdSN of the next command; connections of one session share theirs through `joins`. */
  cmdSn = 1;
  expStatSn = 0;
  tsih = 0;
  cid = 1;
  headerDigest = false;
  dataDigest = false;
  loginTag = 0;
  #isid = ISID;
  #inbox = Buffer.alloc(0);

  constructor(world: TargetWorld, localAddress = '127.0.0.1:3260') {
    this.world = world;
    this.localAddress = localAddress;
    this.connection = world.node.accept(this);
  }

  wake(): void {}

  close(): void {
    if (this.closed) return;
    this.#collect();
    this.closed = true;
    this.connection.closed('closed');
  }

  /** Breaks the connection without a word. */
  cut(): void {
    this.closed = true;
    this.connection.closed('cut');
  }

  nextTag(): number {
    return this.world.lastTag++;
  }

  // ------------------------------------------------------------------ PDUs

  /** The bytes of a PDU; a damaged segment has a digest that isn't its own. */
  bytesOf<F extends Fields>(
    layout: Layout<F>,
    value: Partial<ValueOf<Layout<F>>>,
    data: Buffer = Buffer.alloc(0),
    damage: Damage = {},
  ): Buffer {
    const fields = { dataSegmentLengthBytes: data.length, expStatSn: this.expStatSn, ...value };
    const known = Object.entries(fields).filter(([name]) => name in layout.fields);
    const header = encode(layout, Object.fromEntries(known) as Partial<ValueOf<Layout<F>>>);
    const padded = Buffer.concat([data, Buffer.alloc(paddedBytes(data.length) - data.length)]);
    const pieces = [header];
    if (this.headerDigest) pieces.push(digestOf(header, damage.header));
    pieces.push(padded);
    if (this.dataDigest && data.length > 0) pieces.push(digestOf(padded, damage.data));
    return Buffer.concat(pieces);
  }

  send<F extends Fields>(
    layout: Layout<F>,
    value: Partial<ValueOf<Layout<F>>>,
    data?: Buffer,
    damage?: Damage,
  ): void {
    this.sendBytes(this.bytesOf(layout, value, data, damage));
  }

  sendBytes(bytes: Buffer): void {
    if (!this.closed) this.connection.receive(bytes, 0, bytes.length);
  }

  #collect(): void {
    const batch = this.connection.takeBatch();
    if (batch === undefined) return;
    this.#inbox = Buffer.concat([this.#inbox, ...batch.pieces]);
    this.connection.batchDone(batch);
  }

  /** Everything that came since the last call; checks digests and padding on the way. */
  async received(): Promise<Pdu[]> {
    await settle();
    if (!this.closed) this.#collect();
    const pdus: Pdu[] = [];
    for (let pdu = this.#cut(); pdu !== undefined; pdu = this.#cut()) pdus.push(pdu);
    expect(this.#inbox.length, 'bytes that are no PDU').to.equal(0);
    return pdus;
  }

  /** The only PDU that came. */
  async answer(): Promise<Pdu> {
    const pdus = await this.received();
    expect(pdus, 'one answer').to.have.length(1);
    return pdus[0]!;
  }

  #cut(): Pdu | undefined {
    const inbox = this.#inbox;
    if (inbox.length < BHS_BYTES) return undefined;
    const dataBytes = inbox.readUIntBE(5, 3);
    const dataAt = BHS_BYTES + (this.headerDigest ? DIGEST_BYTES : 0);
    const dataEnd = dataAt + paddedBytes(dataBytes);
    const hasDigest = this.dataDigest && dataBytes > 0;
    const end = dataEnd + (hasDigest ? DIGEST_BYTES : 0);
    if (inbox.length < end) return undefined;
    const header = Buffer.from(inbox.subarray(0, BHS_BYTES));
    const padded = inbox.subarray(dataAt, dataEnd);
    if (this.headerDigest) expectDigest(inbox.subarray(BHS_BYTES, dataAt), header);
    if (hasDigest) expectDigest(inbox.subarray(dataEnd, end), padded);
    const pad = padded.subarray(dataBytes);
    expect(
      pad.every((byte) => byte === 0),
      'the pad is zero',
    ).to.equal(true);
    const data = Buffer.from(padded.subarray(0, dataBytes));
    this.#inbox = Buffer.from(inbox.subarray(end));
    return this.#pdu(header, data);
  }

  #pdu(header: Buffer, data: Buffer): Pdu {
    const opcode = header[0]! & 0x3f;
    const statSn = header.readUInt32BE(24);
    const flags = header[1]!;
    const numbered = opcode === Opcode.dataIn ? (flags & 0x01) !== 0 : opcode !== Opcode.r2t;
    const unsolicited = opcode === Opcode.nopIn && header.readUInt32BE(16) === RESERVED_TAG;
    if (numbered && !unsolicited) this.expStatSn = (statSn + 1) >>> 0;
    return {
      opcode,
      header,
      data,
      flags,
      statSn,
      tag: header.readUInt32BE(16),
      expCmdSn: header.readUInt32BE(28),
      maxCmdSn: header.readUInt32BE(32),
    };
  }

  // ------------------------------------------------------------------ login

  /** Begins a login whose steps `step` sends. */
  begin(options: LoginOptions = {}): void {
    this.#isid = options.isid ?? this.#isid;
    this.tsih = options.tsih ?? 0;
    this.cid = options.cid ?? 1;
    this.cmdSn = options.cmdSn ?? 1;
    this.loginTag = this.nextTag();
  }

  sendStep({ csg, nsg, continued = false, keys = {}, text }: LoginStep): void {
    const value = {
      transit: nsg !== undefined,
      continued,
      currentStage: csg,
      nextStage: nsg ?? 0,
      isid: Buffer.from(this.#isid, 'hex'),
      tsih: this.tsih,
      cid: this.cid,
      initiatorTaskTag: this.loginTag,
      cmdSn: this.cmdSn,
    };
    this.send(loginRequest, value, text ?? textOf(keys));
  }

  /** One login request and its answer. */
  async step(step: LoginStep): Promise<{ pdu: Pdu; status: number; keys: Map<string, string> }> {
    this.sendStep(step);
    const pdu = await this.answer();
    expect(pdu.opcode).to.equal(Opcode.loginResponse);
    return { pdu, status: pdu.header.readUInt16BE(36), keys: keysOf(pdu) };
  }

  /**
   * Logs in without a proof, in one step; digests that were agreed are in use from then on.
   * @returns the status and what the target said.
   */
  async login(
    options: LoginOptions = {},
  ): Promise<{ pdu: Pdu; status: number; keys: Map<string, string> }> {
    this.begin(options);
    const keys = { ...identity(options.name), ...options.keys };
    const answer = await this.step({ csg: 1, nsg: 3, keys });
    this.settleLogin(answer);
    return answer;
  }

  /** Takes over TSIH and digests of the last login response. */
  settleLogin({ pdu, keys }: { pdu: Pdu; keys: ReadonlyMap<string, string> }): void {
    if (pdu.header.readUInt16BE(36) !== 0) return;
    this.tsih = pdu.header.readUInt16BE(14);
    this.headerDigest = keys.get('HeaderDigest') === 'CRC32C';
    this.dataDigest = keys.get('DataDigest') === 'CRC32C';
  }

  /** Logs in and takes the unit attention that the first command of a nexus meets. */
  async connect(options: LoginOptions = {}): Promise<this> {
    const { status } = await this.login(options);
    expect(status, 'login status').to.equal(0);
    if (options.tsih === undefined) {
      this.command(Buffer.alloc(16));
      await this.received();
    }
    return this;
  }

  // ------------------------------------------------------------------ requests

  /** A SCSI command with the next CmdSN, unless `value` has one. @returns its tag. */
  command(
    cdb: Buffer,
    value: Partial<ValueOf<typeof scsiCommand>> = {},
    data?: Buffer,
    damage?: Damage,
  ): number {
    const initiatorTaskTag = value.initiatorTaskTag ?? this.nextTag();
    const cmdSn = value.cmdSn ?? (value.immediate === true ? this.cmdSn : this.cmdSn++);
    this.send(scsiCommand, { ...value, cdb, initiatorTaskTag, cmdSn }, data, damage);
    return initiatorTaskTag;
  }

  /** Runs a CDB to its end; Data-Out goes as immediate data. */
  async run(
    cdb: readonly number[],
    { inBytes = 0, out, lun = 0 }: { inBytes?: number; out?: Buffer; lun?: number } = {},
  ): Promise<{ status: number; sense: string; data: Buffer }> {
    const padded = Buffer.alloc(16);
    padded.set(cdb);
    const lunBytes = Buffer.alloc(8);
    lunBytes.writeUInt16BE(lun, 0);
    const expectedDataTransferLengthBytes = out?.length ?? inBytes;
    const value = { lun: lunBytes, expectedDataTransferLengthBytes };
    this.command(padded, { ...value, read: inBytes > 0, write: out !== undefined }, out);
    const pdus = (await this.received()).filter(({ opcode }) => opcode !== Opcode.asyncMessage);
    const last = pdus.at(-1)!;
    const data = pdus.filter(({ opcode }) => opcode === Opcode.dataIn).map((pdu) => pdu.data);
    return {
      status: last.header[3]!,
      sense: last.opcode === Opcode.scsiResponse ? senseOf(last) : '',
      data: Buffer.concat(data),
    };
  }

  testUnitReady(cmdSn?: number): number {
    return this.command(Buffer.alloc(16), cmdSn === undefined ? {} : { cmdSn });
  }

  read(blocks: number, value: Partial<ValueOf<typeof scsiCommand>> = {}): number {
    const expected = { read: true, expectedDataTransferLengthBytes: blocks * BLOCK };
    return this.command(cdb10(0x28, 0, blocks), { ...expected, ...value });
  }

  write(
    blocks: number,
    data?: Buffer,
    value: Partial<ValueOf<typeof scsiCommand>> = {},
    damage?: Damage,
  ): number {
    const expected = { write: true, expectedDataTransferLengthBytes: blocks * BLOCK };
    return this.command(cdb10(0x2a, 0, blocks), { ...expected, ...value }, data, damage);
  }

  /** An immediate ping. */
  ping(data?: Buffer): number {
    const initiatorTaskTag = this.nextTag();
    this.send(nopOut, { immediate: true, initiatorTaskTag, cmdSn: this.cmdSn }, data);
    return initiatorTaskTag;
  }

  text(keys: Keys, value: Partial<ValueOf<typeof textRequest>> = {}): number {
    const initiatorTaskTag = value.initiatorTaskTag ?? this.nextTag();
    const numbers = { cmdSn: value.cmdSn ?? this.cmdSn++, initiatorTaskTag };
    this.send(textRequest, { final: true, ...value, ...numbers }, textOf(keys));
    return initiatorTaskTag;
  }

  /** An immediate task management function. */
  manage(
    tmf: TaskManagementFunction | number,
    value: Partial<ValueOf<typeof taskManagementRequest>> = {},
  ): number {
    const initiatorTaskTag = this.nextTag();
    const fields = { function: tmf, immediate: true, initiatorTaskTag, cmdSn: this.cmdSn };
    this.send(taskManagementRequest, { ...fields, ...value });
    return initiatorTaskTag;
  }
}

function digestOf(bytes: Buffer, damaged = false): Buffer {
  const digest = Buffer.alloc(DIGEST_BYTES);
  digest.writeUInt32LE((crc32c(bytes, 0, bytes.length) ^ (damaged ? 1 : 0)) >>> 0, 0);
  return digest;
}

function expectDigest(digest: Buffer, bytes: Buffer): void {
  expect(digest.readUInt32LE(0), 'digest').to.equal(crc32c(bytes, 0, bytes.length));
}
