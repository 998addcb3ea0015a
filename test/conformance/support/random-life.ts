/**
 * A session of one or two connections that does everything at once, from a seed: commands in any
 * order of arrival, streams cut anywhere, aborts, and connections that end at any moment.
 */
import type { SeededRandom } from '../../../lib/base/index.ts';
import {
  LogoutReason,
  Opcode,
  RESERVED_TAG,
  TaskManagementFunction,
  dataOut,
  logoutRequest,
  nopOut,
  scsiCommand,
  taskManagementRequest,
} from '../../../lib/iscsi/index.ts';
import { cdb10 } from '../../fakes/target-harness.ts';
import type { TargetWorld } from '../../fakes/target-harness.ts';
import { BLOCK, Peer } from './peer.ts';
import type { Keys, Pdu } from './peer.ts';

/** Blocks of one write; every write has blocks of its own. */
export const WRITE_BLOCKS = 16;
const WRITE_BYTES = WRITE_BLOCKS * BLOCK;
const SEGMENT_BYTES = 1536;
const CHUNK_BYTES_MAX = 12_000;
const STALLED_STEPS_MAX = 200;

export interface RandomWrite {
  readonly lba: number;
  readonly data: Buffer;
  /** The target has answered it with GOOD. */
  good: boolean;
}

/** Blocks given out to writes, over all lives of a world. */
export interface Space {
  nextLba: number;
  readonly writes: RandomWrite[];
}

interface Line {
  readonly peer: Peer;
  /** Bytes on their way to the target. */
  stream: Buffer;
}

const functions = [
  TaskManagementFunction.abortTask,
  TaskManagementFunction.abortTask,
  TaskManagementFunction.abortTaskSet,
  TaskManagementFunction.logicalUnitReset,
];

export class RandomLife {
  readonly #world: TargetWorld;
  readonly #random: SeededRandom;
  readonly #space: Space;
  readonly #writes = new Map<number, RandomWrite>();
  readonly #reads = new Map<number, { write: RandomWrite; data: Buffer }>();
  #lines: Line[] = [];
  #cmdSn = 1;
  #maxCmdSn = 1;
  /** Steps since the window had room or something came. */
  #stalledSteps = 0;
  #unsolicitedBytes = 0;
  #immediateBytes = 0;

  constructor(world: TargetWorld, random: SeededRandom, space: Space) {
    this.#world = world;
    this.#random = random;
    this.#space = space;
  }

  get over(): boolean {
    return this.#lines.every(({ peer }) => peer.closed);
  }

  get peers(): readonly Peer[] {
    return this.#lines.map(({ peer }) => peer);
  }

  async logIn(name: string): Promise<void> {
    const yesOrNo = (): string => (this.#random.below(2) === 0 ? 'Yes' : 'No');
    const digest = (): string => (this.#random.below(2) === 0 ? 'None' : 'CRC32C');
    const keys = {
      MaxConnections: '2',
      InitialR2T: yesOrNo(),
      ImmediateData: yesOrNo(),
      FirstBurstLength: '4096',
      MaxBurstLength: String(2048 + this.#random.below(4096)),
      MaxOutstandingR2T: String(1 + this.#random.below(3)),
      MaxRecvDataSegmentLength: String(512 + this.#random.below(4096)),
      HeaderDigest: digest(),
      DataDigest: digest(),
    };
    this.#unsolicitedBytes =
      keys.InitialR2T === 'No' ? Math.min(4096, Number(keys.MaxBurstLength)) : 0;
    this.#immediateBytes = keys.ImmediateData === 'Yes' ? 1024 : 0;
    const first = await this.#connect(name, { keys });
    if (first === null) return;
    const { HeaderDigest, DataDigest, MaxRecvDataSegmentLength } = keys;
    const own = { HeaderDigest, DataDigest, MaxRecvDataSegmentLength };
    if (this.#random.below(2) === 0) {
      await this.#connect(name, { tsih: first.tsih, cid: 2, keys: own });
    }
  }

  async #connect(
    name: string,
    options: { keys: Keys; tsih?: number; cid?: number },
  ): Promise<Peer | null> {
    const peer = new Peer(this.#world);
    peer.begin({ ...options, cmdSn: this.#cmdSn });
    const { status, pdu } = await peer.login({ name, cmdSn: this.#cmdSn, ...options });
    if (status !== 0) return null;
    this.#maxCmdSn = pdu.maxCmdSn;
    this.#lines.push({ peer, stream: Buffer.alloc(0) });
    return peer;
  }

  // ------------------------------------------------------------------ one step of the world

  async step(): Promise<void> {
    const chance = this.#random.below(200);
    if (chance < 50) this.#batch();
    else if (chance < 54) this.#manage();
    else if (chance < 55) this.#end();
    else if (chance < 65) this.#world.timers.advance(1 + this.#random.below(20));
    else this.#deliver();
    // a command that went with its connection leaves a gap that nobody fills here
    if (this.#stalledSteps++ > STALLED_STEPS_MAX) for (const { peer } of this.#lines) peer.cut();
    for (const line of this.#lines)
      for (const pdu of await line.peer.received()) this.#take(line, pdu);
  }

  /** Everything on its way arrives. */
  async flush(): Promise<void> {
    for (let round = 0; round < 60; round++) {
      for (const line of this.#lines) {
        line.peer.sendBytes(line.stream);
        line.stream = Buffer.alloc(0);
      }
      this.#world.timers.advance(10);
      for (const line of this.#lines)
        for (const pdu of await line.peer.received()) this.#take(line, pdu);
    }
  }

  #line(): Line {
    return this.#lines[this.#random.below(this.#lines.length)]!;
  }

  #queue(line: Line, bytes: Buffer): void {
    line.stream = Buffer.concat([line.stream, bytes]);
  }

  #deliver(): void {
    const line = this.#line();
    const bytes = Math.min(line.stream.length, 1 + this.#random.below(CHUNK_BYTES_MAX));
    line.peer.sendBytes(line.stream.subarray(0, bytes));
    line.stream = line.stream.subarray(bytes);
  }

  /** A few commands whose numbers follow each other and whose PDUs don't. */
  #batch(): void {
    const room = this.#maxCmdSn - this.#cmdSn + 1;
    const count = Math.min(1 + this.#random.below(4), room);
    if (count <= 0) return;
    const numbers = Array.from({ length: count }, (_, index) => this.#cmdSn + index);
    this.#cmdSn += count;
    while (numbers.length > 0) {
      const [cmdSn] = numbers.splice(this.#random.below(numbers.length), 1);
      this.#command(this.#line(), cmdSn!);
    }
  }

  #command(line: Line, cmdSn: number): void {
    const chance = this.#random.below(10);
    const done = this.#space.writes.filter(({ good }) => good);
    if (chance < 5) this.#write(line, cmdSn);
    else if (chance < 8 && done.length > 0) {
      this.#read(line, cmdSn, done[this.#random.below(done.length)]!);
    } else if (chance < 9) {
      const value = { initiatorTaskTag: line.peer.nextTag(), cmdSn };
      this.#queue(line, line.peer.bytesOf(scsiCommand, value));
    } else {
      const value = { initiatorTaskTag: line.peer.nextTag(), cmdSn };
      this.#queue(line, line.peer.bytesOf(nopOut, value, Buffer.from('ping')));
    }
  }

  #write(line: Line, cmdSn: number): void {
    const { peer } = line;
    const lba = this.#space.nextLba;
    this.#space.nextLba += WRITE_BLOCKS;
    const data = Buffer.alloc(WRITE_BYTES, 1 + this.#random.below(255));
    const write = { lba, data, good: false };
    const initiatorTaskTag = peer.nextTag();
    this.#space.writes.push(write);
    this.#writes.set(initiatorTaskTag, write);
    const immediate = data.subarray(0, this.#random.below(this.#immediateBytes + 1));
    const final = this.#unsolicitedBytes === 0 || this.#random.below(2) === 0;
    const expectedDataTransferLengthBytes = WRITE_BYTES;
    const value = { write: true, final, expectedDataTransferLengthBytes, initiatorTaskTag, cmdSn };
    const cdb = cdb10(0x2a, lba, WRITE_BLOCKS);
    this.#queue(line, peer.bytesOf(scsiCommand, { ...value, cdb }, immediate));
    if (final) return;
    const range = { start: immediate.length, end: this.#unsolicitedBytes };
    this.#sendData(line, { initiatorTaskTag, targetTransferTag: RESERVED_TAG }, data, range);
  }

  #read(line: Line, cmdSn: number, write: RandomWrite): void {
    const initiatorTaskTag = line.peer.nextTag();
    this.#reads.set(initiatorTaskTag, { write, data: Buffer.alloc(WRITE_BYTES) });
    const cdb = cdb10(0x28, write.lba, WRITE_BLOCKS);
    const expectedDataTransferLengthBytes = WRITE_BYTES;
    const value = { read: true, expectedDataTransferLengthBytes, initiatorTaskTag, cmdSn, cdb };
    this.#queue(line, line.peer.bytesOf(scsiCommand, value));
  }

  #sendData(
    line: Line,
    tags: { initiatorTaskTag: number; targetTransferTag: number },
    data: Buffer,
    { start, end }: { start: number; end: number },
  ): void {
    let dataSn = 0;
    for (let at = start; at < end || dataSn === 0; at += SEGMENT_BYTES) {
      const last = Math.min(at + SEGMENT_BYTES, end);
      const value = { ...tags, dataSn: dataSn++, bufferOffsetBytes: at, final: last === end };
      this.#queue(line, line.peer.bytesOf(dataOut, value, data.subarray(at, last)));
    }
  }

  #manage(): void {
    const line = this.#line();
    const tags = [...this.#writes.keys(), ...this.#reads.keys()];
    const referencedTaskTag = tags[this.#random.below(tags.length)] ?? 1;
    const value = {
      function: functions[this.#random.below(functions.length)]!,
      immediate: true,
      initiatorTaskTag: line.peer.nextTag(),
      cmdSn: this.#cmdSn,
      referencedTaskTag,
      // mostly of a command that has come, sometimes of one that hasn't
      refCmdSn: (this.#cmdSn - 1 - this.#random.below(8)) >>> 0,
    };
    this.#queue(line, line.peer.bytesOf(taskManagementRequest, value));
  }

  #end(): void {
    const line = this.#line();
    if (this.#random.below(2) === 0) line.peer.cut();
    else {
      const { closeSession, closeConnection } = LogoutReason;
      const reason = this.#random.below(2) === 0 ? closeSession : closeConnection;
      const value = { reason, cid: 1 + this.#random.below(2), cmdSn: this.#cmdSn };
      const initiatorTaskTag = line.peer.nextTag();
      this.#queue(line, line.peer.bytesOf(logoutRequest, { ...value, initiatorTaskTag }));
    }
  }

  // ------------------------------------------------------------------ answers

  #take(line: Line, pdu: Pdu): void {
    this.#maxCmdSn = Math.max(this.#maxCmdSn, pdu.maxCmdSn);
    this.#stalledSteps = 0;
    if (pdu.opcode === Opcode.r2t) this.#serve(line, pdu);
    else if (pdu.opcode === Opcode.dataIn) this.#takeData(pdu);
    else if (pdu.opcode === Opcode.scsiResponse) this.#answered(pdu);
  }

  #serve(line: Line, { header, tag }: Pdu): void {
    const write = this.#writes.get(tag);
    if (write === undefined) return;
    const start = header.readUInt32BE(40);
    const range = { start, end: start + header.readUInt32BE(44) };
    const tags = { initiatorTaskTag: tag, targetTransferTag: header.readUInt32BE(20) };
    this.#sendData(line, tags, write.data, range);
  }

  #takeData({ header, tag, data, flags }: Pdu): void {
    const read = this.#reads.get(tag);
    if (read === undefined) throw new Error(`Data-In for ${tag}, which is no read`);
    data.copy(read.data, header.readUInt32BE(40));
    if ((flags & 0x01) === 0) return;
    if (!read.data.equals(read.write.data)) throw new Error(`read of ${read.write.lba} is wrong`);
    this.#reads.delete(tag);
  }

  #answered({ header, tag }: Pdu): void {
    const write = this.#writes.get(tag);
    if (write !== undefined && header[3] === 0) write.good = true;
    this.#writes.delete(tag);
    this.#reads.delete(tag);
  }
}
