/** PDUs that an initiator could send, and then everything that goes wrong with them. */
import type { SeededRandom } from '../../lib/base/index.ts';
import { commandRows } from '../../lib/scsi/index.ts';
import { encodeText, frame, header, opcode, RESERVED_TAG, writeLun } from '../interop/raw-pdu.ts';
import type { RawPdu } from '../interop/raw-pdu.ts';

/** What a peer knows of its session; what it makes of it is another matter. */
export interface PeerState {
  cmdSn: number;
  expStatSn: number;
  tag: number;
  /** R2Ts and NOP-Ins that have been received and not answered. */
  readonly transfers: RawPdu[];
  /** Tags of commands that may still be under way. */
  readonly tags: number[];
}

export const freshState = (): PeerState => ({
  cmdSn: 1,
  expStatSn: 0,
  tag: 1,
  transfers: [],
  tags: [],
});

const TAGS_KEPT = 32;
const interestingBytes = [0x00, 0x01, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff];
const interestingWords = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];
const textKeys: readonly string[] = [
  'SendTargets=All',
  'SendTargets=',
  'MaxRecvDataSegmentLength=512',
  'MaxRecvDataSegmentLength=16777215',
  'MaxRecvDataSegmentLength=0',
  'HeaderDigest=CRC32C',
  'X-io.hawser.Partitions=All',
  'X-io.hawser.Partitions=16383',
  'X-io.hawser.Incarnation=?',
  'X-com.example.Key=Value',
  'TargetName=iqn.2026-11.io.hawser:other',
  'AuthMethod=CHAP,None',
  'no equals sign',
  '=',
];

export class PduSource {
  readonly #random: SeededRandom;
  readonly state: PeerState;
  readonly #kinds: readonly (() => Buffer)[];

  constructor(random: SeededRandom, state: PeerState) {
    this.#random = random;
    this.state = state;
    const common = [() => this.read(), () => this.write(), () => this.dataOut()];
    this.#kinds = [
      ...common,
      ...common,
      () => this.anyCommand(),
      () => this.anyCommand(),
      () => this.nopOut(),
      () => this.taskManagement(),
      () => this.text(),
      () => this.anyPdu(),
    ];
  }

  /** A PDU as an initiator would send it. */
  next(): Buffer {
    return this.pick(this.#kinds)();
  }

  pick<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)]!;
  }

  #chance(oneIn: number): boolean {
    return this.#random.below(oneIn) === 0;
  }

  #request(code: number, flags: number, immediate = false): Buffer {
    const { state } = this;
    const bhs = header(code, flags, state.tag, immediate);
    state.tags.push(state.tag);
    if (state.tags.length > TAGS_KEPT) state.tags.shift();
    state.tag = (state.tag + 1) >>> 0;
    bhs.writeUInt32BE(state.cmdSn, 24);
    bhs.writeUInt32BE(state.expStatSn, 28);
    if (!immediate) state.cmdSn = (state.cmdSn + 1) >>> 0;
    return bhs;
  }

  #command(cdb: Buffer, expectedBytes: number, out: Buffer | null): Buffer {
    const direction = out === null ? (expectedBytes > 0 ? 0x40 : 0) : 0x20;
    const final = this.#chance(8) ? 0 : 0x80;
    const bhs = this.#request(
      opcode.scsiCommand,
      final | direction | this.#random.below(5),
      this.#chance(16),
    );
    writeLun(bhs, this.#chance(16) ? this.#random.below(300) : 0);
    bhs.writeUInt32BE(expectedBytes, 20);
    cdb.copy(bhs, 32, 0, 16);
    return frame(bhs, out ?? Buffer.alloc(0));
  }

  read(): Buffer {
    const cdb = Buffer.alloc(16);
    const blocks = this.#random.below(64);
    cdb[0] = 0x28;
    cdb.writeUInt32BE(this.#random.below(8192 + 64), 2);
    cdb.writeUInt16BE(blocks, 7);
    return this.#command(cdb, blocks * 512, null);
  }

  write(): Buffer {
    const cdb = Buffer.alloc(16);
    const blocks = this.#random.below(64);
    cdb[0] = 0x2a;
    cdb.writeUInt32BE(this.#random.below(8192 + 64), 2);
    cdb.writeUInt16BE(blocks, 7);
    const immediateBytes = Math.min(blocks * 512, 512 * this.#random.below(17));
    return this.#command(cdb, blocks * 512, this.#random.bytes(Math.min(immediateBytes, 4096)));
  }

  /** Any command that the device server knows, with any parameters. */
  anyCommand(): Buffer {
    const row = this.pick(commandRows);
    const cdb = Buffer.alloc(16);
    this.#random.bytes(16).copy(cdb);
    // mostly bits that mean something, or no command would get beyond its first check
    if (!this.#chance(8)) for (let at = 0; at < 16; at++) cdb[at]! &= row.usage[at] ?? 0;
    cdb[0] = row.opcode;
    if (row.serviceAction !== undefined) cdb[1] = (cdb[1]! & 0xe0) | (row.serviceAction & 0x1f);
    // and mostly lengths that can be had
    if (!this.#chance(4)) for (const at of [2, 6, 7, 10, 11]) cdb[at] = 0;
    const out = this.#chance(2) ? this.#random.bytes(this.#random.below(1024)) : null;
    return this.#command(cdb, out?.length ?? this.#random.below(4096), out);
  }

  /** What an R2T asked for, or data that nobody asked for. */
  dataOut(): Buffer {
    const { state } = this;
    const asked = state.transfers.shift();
    const tag = asked?.bhs.readUInt32BE(16) ?? this.pick([0, ...state.tags]);
    const bhs = header(opcode.dataOut, this.#chance(6) ? 0 : 0x80, tag);
    if (asked !== undefined) asked.bhs.copy(bhs, 8, 8, 16);
    bhs.writeUInt32BE(asked?.bhs.readUInt32BE(20) ?? RESERVED_TAG, 20);
    bhs.writeUInt32BE(state.expStatSn, 28);
    bhs.writeUInt32BE(asked?.bhs.readUInt32BE(40) ?? 0, 40);
    const length = Math.min(asked?.bhs.readUInt32BE(44) ?? this.#random.below(2048), 65_536);
    return frame(bhs, this.#random.bytes(this.#chance(6) ? this.#random.below(8192) : length));
  }

  nopOut(): Buffer {
    const { state } = this;
    const asked = state.transfers.find((pdu) => pdu.opcode === opcode.nopIn);
    const bhs = this.#request(opcode.nopOut, 0x80, !this.#chance(4));
    bhs.writeUInt32BE(asked?.bhs.readUInt32BE(20) ?? RESERVED_TAG, 20);
    if (this.#chance(4)) bhs.writeUInt32BE(RESERVED_TAG, 16);
    return frame(bhs, this.#random.bytes(this.#random.below(256)));
  }

  taskManagement(): Buffer {
    const code = this.#random.below(10);
    const bhs = this.#request(opcode.taskManagement, 0x80 | code, !this.#chance(4));
    writeLun(bhs, this.#chance(8) ? this.#random.below(300) : 0);
    bhs.writeUInt32BE(this.pick([RESERVED_TAG, 0, ...this.state.tags]), 20);
    bhs.writeUInt32BE((this.state.cmdSn - this.#random.below(8)) >>> 0, 32);
    return frame(bhs, Buffer.alloc(0));
  }

  text(): Buffer {
    const flags = this.pick([0x80, 0x80, 0x00, 0x40]);
    const bhs = this.#request(opcode.text, flags, this.#chance(4));
    const transfer = this.state.transfers.find((pdu) => pdu.opcode === opcode.textResponse);
    bhs.writeUInt32BE(transfer?.bhs.readUInt32BE(20) ?? RESERVED_TAG, 20);
    const keys = Array.from({ length: this.#random.below(4) }, () => `${this.pick(textKeys)}\0`);
    return frame(bhs, Buffer.from(keys.join('')));
  }

  /** Any opcode with any header. */
  anyPdu(): Buffer {
    const bhs = this.#random.bytes(48);
    bhs[4] = 0;
    bhs[0] = this.pick([...Object.values(opcode), this.#random.below(256)]);
    bhs.writeUInt32BE(this.state.cmdSn, 24);
    return frame(bhs, this.#random.bytes(this.#random.below(128)));
  }

  /** A login request with keys; `pairs` may be nonsense. */
  login(flags: number, pairs: Readonly<Record<string, string>>, extra = ''): Buffer {
    const bhs = header(opcode.login, flags, 0, true);
    this.#random.bytes(6).copy(bhs, 8);
    bhs[8] = 0x80;
    bhs.writeUInt32BE(this.state.cmdSn, 24);
    bhs.writeUInt32BE(this.state.expStatSn, 28);
    return frame(bhs, Buffer.concat([encodeText(pairs), Buffer.from(extra)]));
  }

  /** Breaks a PDU, or several in a row. */
  mutate(pdu: Buffer): Buffer {
    const bytes = Buffer.from(pdu);
    for (let count = 1 + this.#random.below(3); count > 0; count--) this.#mutateHeader(bytes);
    switch (this.#random.below(12)) {
      case 0:
        return bytes.subarray(0, this.#random.below(bytes.length));
      case 1:
        return Buffer.concat([bytes, bytes]);
      case 2:
        return Buffer.concat([bytes, this.#random.bytes(this.#random.below(64))]);
      case 3:
        return this.#withAhs(bytes);
      default:
        return bytes;
    }
  }

  #mutateHeader(bytes: Buffer): void {
    const at = this.#random.below(Math.min(bytes.length, 64));
    switch (this.#random.below(4)) {
      case 0:
        bytes[at]! ^= 1 << this.#random.below(8);
        break;
      case 1:
        bytes[at] = this.pick(interestingBytes);
        break;
      case 2:
        bytes[at] = this.#random.below(256);
        break;
      default:
        bytes.writeUInt32BE(this.pick(interestingWords), Math.min(at & ~3, bytes.length - 4));
    }
  }

  #withAhs(bytes: Buffer): Buffer {
    const words = 1 + this.#random.below(70);
    bytes[4] = words;
    const ahs = this.#random.bytes(4 * words);
    ahs.writeUInt16BE(this.pick([1, 5, 4 * words - 3, 0xffff]), 0);
    ahs[2] = this.pick([1, 2, 0, 0x3f]);
    return Buffer.concat([bytes.subarray(0, 48), ahs, bytes.subarray(48)]);
  }

  /** Takes what the target sent into account. */
  learn(pdus: readonly RawPdu[]): void {
    for (const pdu of pdus) {
      if (pdu.opcode !== opcode.r2t) this.state.expStatSn = (pdu.bhs.readUInt32BE(24) + 1) >>> 0;
      const asks = pdu.opcode === opcode.r2t || pdu.bhs.readUInt32BE(20) !== RESERVED_TAG;
      if (asks && [opcode.r2t, opcode.nopIn, opcode.textResponse].includes(pdu.opcode as 0x31))
        this.state.transfers.push(pdu);
      if (this.state.transfers.length > TAGS_KEPT) this.state.transfers.shift();
    }
  }
}
