/**
 * A target node: its portals, its sessions and who may see what. Sans-I/O: the shell hands it
 * connections, timers hand it time.
 */
import { ChallengeRegister } from '../auth/index.ts';
import type { TransferBuffers } from '../block/index.ts';
import type { Random, Timers } from '../base/index.ts';
import type { ScsiTarget } from '../scsi/index.ts';
import type { Crc32c } from '../wire/index.ts';
import { ConnectionSweep } from './connection-sweep.ts';
import type { ConnectionPort } from './connection-port.ts';
import { NodeCounters } from './counters.ts';
import { HeaderPool } from './header-pool.ts';
import { targetLimits } from './limits.ts';
import type { TargetLimits } from './limits.ts';
import { LunMaps } from './lun-maps.ts';
import { MemoryQueue } from './memory-queue.ts';
import type { TargetNodeOptions, TargetPortal } from './node-options.ts';
import { SessionTable } from './session-table.ts';
import { TargetConnection } from './target-connection.ts';
import { describeSession } from './session-info.ts';
import type { SessionInfo } from './session-info.ts';
import type { TargetSession } from './target-session.ts';

export class TargetNode {
  readonly options: TargetNodeOptions;
  readonly name: string;
  readonly limits: TargetLimits;
  readonly timers: Timers;
  readonly random: Random;
  readonly scsi: ScsiTarget;
  readonly crc32c: Crc32c;
  readonly buffers: TransferBuffers;
  readonly challenges: ChallengeRegister;
  readonly headers = new HeaderPool();
  readonly counters = new NodeCounters();
  readonly memoryQueue: MemoryQueue;
  readonly portals: TargetPortal[] = [];
  readonly sessionTable: SessionTable;
  /** Connections that haven't finished login, oldest first. */
  readonly loggingIn = new Set<TargetConnection>();
  /** Logins get 0301 (retry later) until the service says that everything is loaded. */
  serving = true;
  /** Time as of the last sweep: good for timeouts, free to read. */
  coarseNowMs: number;
  readonly #lunMaps: LunMaps;
  readonly #sweep: ConnectionSweep;
  #stopping = false;

  constructor(options: TargetNodeOptions) {
    this.options = options;
    this.name = options.name;
    this.limits = targetLimits(options.limits);
    this.timers = options.timers;
    this.random = options.random;
    this.scsi = options.scsi;
    this.crc32c = options.crc32c;
    this.buffers = options.buffers;
    this.challenges = options.challenges ?? new ChallengeRegister(options.random);
    this.coarseNowMs = this.timers.nowMs();
    this.memoryQueue = new MemoryQueue(this.buffers, (task) => task.connection?.granted(task));
    this.sessionTable = new SessionTable(this);
    this.#lunMaps = new LunMaps(this);
    this.#sweep = new ConnectionSweep(this);
  }

  addPortal(portal: TargetPortal): void {
    this.portals.push(portal);
  }

  setServing(serving: boolean): void {
    this.serving = serving;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  // ------------------------------------------------------------------ connections

  /** A new connection; the shell drives what is returned. */
  accept(port: ConnectionPort): TargetConnection {
    this.counters.connectionsAccepted++;
    this.#makeRoom();
    const connection = new TargetConnection(this, port);
    this.loggingIn.add(connection);
    this.#sweep.start();
    return connection;
  }

  /** Half-open connections can't keep a host out: the oldest one goes. */
  #makeRoom(): void {
    if (this.loggingIn.size < this.limits.connectionsBeforeLogin) return;
    const [oldest] = this.loggingIn;
    this.loggingIn.delete(oldest!);
    this.counters.halfOpenDropped++;
    oldest!.close();
  }

  /** @returns false where nobody listens to mistakes of ours. */
  tellInternalError({ port, session }: TargetConnection, error: unknown): boolean {
    const tell = this.options.events?.internalError;
    if (tell === undefined) return false;
    this.counters.internalErrors++;
    const initiatorName = session?.identity.initiatorName ?? '';
    tell({ initiatorName, remoteAddress: port.remoteAddress, error });
    return true;
  }

  /** The socket is gone. */
  connectionClosed(connection: TargetConnection, reason: string): void {
    this.counters.connectionsClosed++;
    this.loggingIn.delete(connection);
    const { session } = connection;
    this.options.events?.connectionClosed?.({
      remoteAddress: connection.port.remoteAddress,
      initiatorName: session?.identity.initiatorName ?? '',
      reason,
    });
    if (session === null || session.connections.get(connection.cid) !== connection) return;
    session.connections.delete(connection.cid);
    // at error recovery level 0 a lost connection ends its session (RFC 7143 §7.4.4)
    if (!session.ending) void this.sessionTable.end(session, reason);
  }

  // ------------------------------------------------------------------ sessions

  /**
   * Ends a session and its tasks; resolves when none of them can touch the medium. `except` stays
   * open for its answer.
   */
  endSession(
    session: TargetSession,
    reason: string,
    except: TargetConnection | null = null,
  ): Promise<void> {
    return this.sessionTable.end(session, reason, except);
  }

  /**
   * Ends one connection of a session that goes on with others: nothing more is taken from it, its
   * own tasks end. Resolves when these have left the medium.
   */
  endConnection(connection: TargetConnection): Promise<void> {
    const { cid } = connection;
    const session = connection.session!;
    connection.stopReceiving();
    session.connections.delete(cid);
    session.forgetHeld(connection);
    const tasks = [...session.tasks.values()].filter((task) => task.connection === connection);
    const ended = Promise.all(tasks.map(({ scsi }) => this.scsi.endTask(scsi))).then(() => {
      session.leaving.delete(cid);
    });
    session.leaving.set(cid, ended);
    return ended;
  }

  /** Ends a session that has lost its last connection to one that never took its place. */
  endIfDeserted(session: TargetSession): void {
    if (session.connections.size > 0 || session.ending) return;
    void this.sessionTable.end(session, 'no connection took the place of the last one');
  }

  /**
   * TARGET COLD RESET ends the sender's sessions, and nobody else's (design: one host never hurts
   * another).
   */
  coldReset(sender: TargetSession): void {
    for (const session of this.sessionTable.of(sender.identity.initiatorName)) {
      void this.endSession(session, 'target cold reset');
    }
  }

  sessions(): SessionInfo[] {
    return [...this.sessionTable].map(describeSession);
  }

  /** Sessions that were shown another unit than `uuid` under this LUN and live still. */
  lunSeenBy(lun: number, uuid = ''): SessionInfo[] {
    return [...this.sessionTable]
      .filter((session) => (session.seenUnits.get(lun) ?? uuid) !== uuid)
      .map(describeSession);
  }

  /** @returns false where there is no such session. */
  async dropSession(tsih: number, reason = 'dropped by the administrator'): Promise<boolean> {
    const session = this.sessionTable.byTsih(tsih);
    if (session === undefined) return false;
    await this.endSession(session, reason);
    return true;
  }

  /**
   * Brings the LUN maps of live sessions up to the directory; resolves when tasks on what was taken
   * away have ended.
   */
  refreshAccess(): Promise<void> {
    return this.#lunMaps.refreshAll();
  }

  mapLuns(session: TargetSession): void {
    this.#lunMaps.open(session);
  }

  /** Asks hosts to log out, waits for them for `drainMs`, then ends what is left. */
  async stop(drainMs: number = this.limits.logoutMs): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.serving = false;
    const seconds = Math.ceil(drainMs / 1000);
    for (const { connections } of this.sessionTable) {
      for (const connection of connections.values()) connection.requestLogout(seconds);
    }
    await this.sessionTable.whenEmpty(drainMs);
    for (const session of [...this.sessionTable]) void this.endSession(session, 'stopping');
    // a dead medium doesn't keep the service from stopping
    await this.sessionTable.whenEmpty(this.limits.abortMs);
    for (const connection of [...this.loggingIn]) connection.close();
    this.#sweep.stop();
  }
}
