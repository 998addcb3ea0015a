/** A target node over a memory device, and clients that speak raw PDUs to it without a socket. */
import { SeededRandom, MIB } from '../../lib/base/index.ts';
import { MemoryDevice, TransferBuffers, systemMemory } from '../../lib/block/index.ts';
import type { BlockDevice } from '../../lib/block/index.ts';
import {
  BHS_BYTES,
  Opcode,
  encodeTextKeys,
  loginRequest,
  paddedBytes,
  scsiCommand,
} from '../../lib/iscsi/index.ts';
import { LogicalUnit, ScsiTarget } from '../../lib/scsi/index.ts';
import { TargetNode } from '../../lib/target/index.ts';
import type { ConnectionPort, HostView, TargetConnection } from '../../lib/target/index.ts';
import { crc32c, encode } from '../../lib/wire/index.ts';
import type { Fields, Layout, ValueOf } from '../../lib/wire/index.ts';
import type { TargetLimits, TargetNodeOptions } from '../../lib/target/index.ts';
import { VirtualTimers } from './virtual-timers.ts';

export const TARGET_NAME = 'iqn.2026-11.io.hawser:test';
export const UNIT_UUID = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';

export interface WorldOptions {
  readonly limits?: Partial<TargetLimits>;
  readonly device?: (timers: VirtualTimers) => BlockDevice;
  readonly budgetBytes?: number;
  readonly abortLimitMs?: number;
  readonly node?: Partial<TargetNodeOptions>;
}

/** One server with one unit, seen by every initiator as LUN 0 unless `views` says otherwise. */
export class TargetWorld {
  readonly timers = new VirtualTimers();
  readonly buffers: TransferBuffers;
  readonly device: BlockDevice;
  readonly unit: LogicalUnit;
  readonly node: TargetNode;
  /** Initiator task tags are unique over all clients, as connections of one session share them. */
  lastTag = 1;
  readonly views = new Map<string, HostView | undefined>();

  constructor(options: WorldOptions = {}) {
    const { timers } = this;
    this.buffers = new TransferBuffers(systemMemory, options.budgetBytes ?? 64 * MIB);
    const { buffers } = this;
    this.device = options.device?.(timers) ?? new MemoryDevice({ capacityBytes: 16 * MIB });
    this.unit = new LogicalUnit({
      device: this.device,
      uuid: UNIT_UUID,
      name: 'disk',
      buffers,
      timers,
    });
    const abort = options.abortLimitMs === undefined ? {} : { abortLimitMs: options.abortLimitMs };
    this.node = new TargetNode({
      name: TARGET_NAME,
      directory: {
        find: (name) => (this.views.has(name) ? this.views.get(name) : this.openView(name)),
      },
      scsi: new ScsiTarget({ buffers, timers, ...abort }),
      buffers,
      timers,
      random: new SeededRandom(7),
      crc32c,
      incarnation: 1,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...options.node,
    });
  }

  openView(host: string, readOnly = false): HostView {
    const assignment = { lun: 0, unit: this.unit, readOnly, partition: 'disk' };
    return { host, chap: null, mutual: null, luns: new Map([[0, assignment]]) };
  }

  client(): RawClient {
    return new RawClient(this);
  }
}

/** What a WRITE(10) or READ(10) asks for. */
export function cdb10(opcode: number, lba: number, blocks: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = opcode;
  cdb.writeUInt32BE(lba, 2);
  cdb.writeUInt16BE(blocks, 7);
  return cdb;
}

export interface ReceivedPdu {
  readonly opcode: number;
  readonly header: Buffer;
  readonly data: Buffer;
}

/** Lets promises and microtasks run until nothing changes. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

export class RawClient implements ConnectionPort {
  readonly localAddress = '127.0.0.1:3260';
  readonly remoteAddress = '127.0.0.1:50000';
  readonly connection: TargetConnection;
  closed = false;
  cmdSn = 1;
  tsih = 0;
  #inbox = Buffer.alloc(0);
  readonly #world: TargetWorld;

  constructor(world: TargetWorld) {
    this.#world = world;
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
    return this.#world.lastTag++;
  }

  send<F extends Fields>(
    layout: Layout<F>,
    value: Partial<ValueOf<Layout<F>>>,
    data: Buffer = Buffer.alloc(0),
  ): void {
    const fields = { dataSegmentLengthBytes: data.length, ...value };
    const header = encode(layout, fields as Partial<ValueOf<Layout<F>>>);
    const pad = Buffer.alloc(paddedBytes(data.length) - data.length);
    this.sendBytes(Buffer.concat([header, data, pad]));
  }

  sendBytes(bytes: Buffer): void {
    this.connection.receive(bytes, 0, bytes.length);
  }

  #collect(): void {
    const batch = this.connection.takeBatch();
    if (batch === undefined) return;
    this.#inbox = Buffer.concat([this.#inbox, ...batch.pieces]);
    this.connection.batchDone(batch);
  }

  /** Everything that came since the last call. */
  async received(): Promise<ReceivedPdu[]> {
    await settle();
    this.#collect();
    const pdus: ReceivedPdu[] = [];
    let at = 0;
    while (at + BHS_BYTES <= this.#inbox.length) {
      const dataBytes = this.#inbox.readUIntBE(at + 5, 3);
      const end = at + BHS_BYTES + paddedBytes(dataBytes);
      if (end > this.#inbox.length) break;
      const header = Buffer.from(this.#inbox.subarray(at, at + BHS_BYTES));
      const data = Buffer.from(this.#inbox.subarray(at + BHS_BYTES, at + BHS_BYTES + dataBytes));
      pdus.push({ opcode: header[0]! & 0x3f, header, data });
      at = end;
    }
    this.#inbox = this.#inbox.subarray(at);
    return pdus;
  }

  /** Logs in and takes the unit attention that the first command of a nexus meets. */
  async connect(name: string, keys: Record<string, string> = {}, isid?: string): Promise<void> {
    const status = await this.login({ name, keys, ...(isid === undefined ? {} : { isid }) });
    if (status !== 0) throw new Error(`login status ${status.toString(16)}`);
    const initiatorTaskTag = this.nextTag();
    this.send(scsiCommand, { initiatorTaskTag, cmdSn: this.cmdSn++, cdb: Buffer.alloc(16) });
    await this.received();
  }

  /** Logs in without a proof. @returns the status of the login. */
  async login(options: {
    name: string;
    isid?: string;
    keys?: Record<string, string>;
    tsih?: number;
    cid?: number;
    cmdSn?: number;
  }): Promise<number> {
    this.cmdSn = options.cmdSn ?? 1;
    const keys = {
      InitiatorName: options.name,
      SessionType: 'Normal',
      TargetName: TARGET_NAME,
      ...options.keys,
    };
    const pairs = Object.entries(keys).map(([key, value]) => ({ key, value }));
    const value = {
      transit: true,
      currentStage: 1,
      nextStage: 3,
      isid: Buffer.from(options.isid ?? '800000000001', 'hex'),
      tsih: options.tsih ?? 0,
      cid: options.cid ?? 1,
      initiatorTaskTag: this.nextTag(),
      cmdSn: this.cmdSn,
    };
    this.send(loginRequest, value, encodeTextKeys(pairs));
    const answers = await this.received();
    const last = answers.findLast(({ opcode }) => opcode === Opcode.loginResponse);
    if (last === undefined) return -1;
    this.tsih = last.header.readUInt16BE(14);
    return last.header.readUInt16BE(36);
  }
}
