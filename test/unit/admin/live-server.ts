/** A storage server on devices of the test's own, and hosts that reach it through its portal. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, StorageServer } from '../../../lib/admin/index.ts';
import type {
  DesiredHost,
  DesiredState,
  DiskSettings,
  ServerSettings,
} from '../../../lib/admin/index.ts';
import { Failure, MIB } from '../../../lib/base/index.ts';
import { MemoryDevice } from '../../../lib/block/index.ts';
import type { BlockDevice } from '../../../lib/block/index.ts';
import { ScsiClient } from '../../../lib/initiator/index.ts';
import type { InitiatorSession } from '../../../lib/initiator/index.ts';
import { Initiator } from '../../../lib/transport/index.ts';
import { memorySettings, nothingWanted } from './memory-server.ts';

export const host = (name: string): DesiredHost => ({
  name,
  iqn: `iqn.2026-11.x:${name}`,
  chap: null,
  mutual: null,
});

const PERSISTENT_RESERVE_IN = 0x5e;
const PERSISTENT_RESERVE_OUT = 0x5f;
const RESERVE = 1;
const REGISTER_AND_IGNORE = 6;
const PARAMETER_BYTES = 24;
const KEYS_BYTES_MAX = 4096;

/** One LUN as one host sees it. */
export class HostLun {
  readonly session: InitiatorSession;
  readonly #client: ScsiClient;

  constructor(session: InitiatorSession, lun: number) {
    this.session = session;
    this.#client = new ScsiClient(session, lun);
  }

  /** @returns the SCSI status, and what the sense data says. */
  async command(cdb: readonly number[], dataOut?: Buffer, inBytes = 0) {
    return this.#client.execute({
      put: (command) => {
        command.cdb.fill(0);
        command.cdb.set(cdb);
        command.cdbBytes = 16;
      },
      ...(dataOut === undefined ? {} : { dataOut }),
      inBytes,
    });
  }

  read(): ReturnType<HostLun['command']> {
    return this.command([0x28, 0, 0, 0, 0, 0, 0, 0, 1], undefined, 512);
  }

  write(): ReturnType<HostLun['command']> {
    return this.command([0x2a, 0, 0, 0, 0, 0, 0, 0, 1], Buffer.alloc(512, 7));
  }

  flush(): ReturnType<HostLun['command']> {
    return this.command([0x35]);
  }

  /** Registers, so that it outlives a loss of power. */
  async register(key: number): Promise<void> {
    await this.#reserveOut(REGISTER_AND_IGNORE, 0, key);
  }

  /** Write Exclusive. */
  async reserve(key: number): Promise<void> {
    await this.#reserveOut(RESERVE, key, 0);
  }

  async #reserveOut(action: number, key: number, newKey: number): Promise<void> {
    const data = Buffer.alloc(PARAMETER_BYTES);
    data.writeUInt32BE(key, 4);
    data.writeUInt32BE(newKey, 12);
    data[20] = action === REGISTER_AND_IGNORE ? 1 : 0;
    const cdb = [PERSISTENT_RESERVE_OUT, action, 1, 0, 0, 0, 0, 0, PARAMETER_BYTES];
    const { status } = await this.command(cdb, data);
    if (status !== 0) throw new Error(`PERSISTENT RESERVE OUT: status ${status}`);
  }

  async keys(): Promise<number[]> {
    const cdb = [PERSISTENT_RESERVE_IN, 0, 0, 0, 0, 0, 0, KEYS_BYTES_MAX >> 8, 0];
    const { data } = await this.command(cdb, undefined, KEYS_BYTES_MAX);
    const count = data.readUInt32BE(4) / 8;
    return Array.from({ length: count }, (_, index) => data.readUInt32BE(12 + 8 * index));
  }
}

export interface LiveOptions {
  readonly device?: BlockDevice;
  readonly wanted?: DesiredState;
  readonly settings?: Partial<ServerSettings>;
  /** State of an earlier life, kept over `end`. */
  readonly directory?: string;
}

/** A disk that is a file. */
export const fileDisk = (path: string, sizeBytes = 32 * MIB): DiskSettings => ({
  path,
  memoryBytes: undefined,
  sizeBytes,
  sparse: true,
  initialize: false,
});

export class LiveServer {
  readonly server: StorageServer;
  readonly directory: string;
  readonly #sessions: InitiatorSession[] = [];

  private constructor(server: StorageServer, directory: string) {
    this.server = server;
    this.directory = directory;
  }

  static async start(options: LiveOptions = {}): Promise<LiveServer> {
    const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'hawser-live-'));
    const { device = new MemoryDevice({ capacityBytes: 64 * MIB }), wanted } = options;
    const [disk] = memorySettings(directory).disks;
    const settings: ServerSettings = {
      ...memorySettings(directory),
      portals: [{ listen: '127.0.0.1:0', advertise: null }],
      disks: [{ ...disk!, memoryBytes: undefined, device }],
      limits: { abortMs: 300 },
      drainMs: 50,
      ...options.settings,
    };
    const server = await StorageServer.open(settings, silentLog);
    try {
      await server.listen();
      await server.openArray(wanted ?? nothingWanted);
      return new LiveServer(server, directory);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  get portal(): string {
    return this.server.status().portals[0]!.address;
  }

  /** Logs in as this host. @param portal where; the first one. */
  async login(initiatorName: string, lun = 0, portal = this.portal): Promise<HostLun> {
    const { iqn } = this.server.settings;
    const session = await Initiator.session(`iscsi://${portal}/${iqn}/${lun}`, { initiatorName });
    this.#sessions.push(session);
    return new HostLun(session, lun);
  }

  /** Another LUN of a session. */
  lun({ session }: HostLun, lun: number): HostLun {
    return new HostLun(session, lun);
  }

  /** Stops, and leaves what it keeps for another life. */
  async end(): Promise<void> {
    for (const session of this.#sessions) session.logout();
    await this.server.stop();
  }

  async stop(): Promise<void> {
    await this.end();
    rmSync(this.directory, { recursive: true });
  }
}

/** @returns how a change was refused. */
export async function failureOf(change: Promise<unknown>): Promise<Failure> {
  try {
    await change;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

/** Waits for what is to come. */
export async function until(happened: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !happened(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  if (!happened()) throw new Error('it never happened');
}
