/**
 * A storage server: disk array, partitions, hosts and the target that serves them. Changes happen
 * one at a time; each is checked, durable, and visible on live sessions before it returns.
 */
import { Failure } from '../../base/index.ts';
import { BlockError } from '../../block/index.ts';
import type { Engine } from '../../block/index.ts';
import type { DesiredState } from '../desired-state.ts';
import type {
  ArrayEntry,
  FindingEntry,
  HostEntry,
  PartitionEntry,
  SessionEntry,
  StatusEntry,
} from '../entries.ts';
import type { EventLog } from '../events.ts';
import type { Log } from '../log.ts';
import { ServerMetrics } from '../metrics.ts';
import { planLine } from '../plan-lines.ts';
import type { PlanLine } from '../plan-lines.ts';
import type { TaskList } from '../task-list.ts';
import { applyState, exportedState, planFor } from './apply-operation.ts';
import type { Applied, ApplyOptions } from './apply-operation.ts';
import { ArrayService } from './array-service.ts';
import { assembleServer } from './assemble-server.ts';
import type { AssembledServer } from './assemble-server.ts';
import { deletePartition } from './delete-partition.ts';
import { examineServer } from './doctor.ts';
import { addHost, changeHost, hostOf, removeHost } from './host-operations.ts';
import type { ChangedHost, NewHost } from './host-operations.ts';
import {
  assignPartition,
  createPartition,
  renamePartition,
  resizePartition,
  sharePartition,
  unassignPartition,
} from './partition-operations.ts';
import type { ChangedPartition, NewAssignment, NewPartition } from './partition-operations.ts';
import { PortalSet } from './portal-set.ts';
import { announce, publishAccess } from './server-parts.ts';
import type { ServerParts } from './server-parts.ts';
import type { PortalSettings, ServerSettings } from './settings.ts';
import { createShare } from './share-operation.ts';
import type { ShareRequest } from './share-operation.ts';
import {
  arrayEntry,
  hostEntry,
  isWithinReach,
  partitionEntry,
  partitionsOf,
  sessionEntry,
} from './show.ts';
import type { StateLock } from './state-lock.ts';
import { settlesWithin, waitForCommands } from './time-limit.ts';

export type { ChangedHost, ChangedPartition, NewAssignment, NewHost, NewPartition, ShareRequest };

/** Time for the last flush, and for disks to let go, when the server stops. */
const LET_GO_MS_DEFAULT = 60_000;

export class StorageServer {
  readonly settings: ServerSettings;
  readonly metrics: ServerMetrics;
  readonly #parts: ServerParts;
  readonly #portals: PortalSet;
  readonly #engine: Engine;
  readonly #lock: StateLock;
  readonly #startedMs: number;
  readonly #service: ArrayService;
  #stopping: Promise<void> | null = null;

  private constructor(settings: ServerSettings, { parts, engine, lock }: AssembledServer) {
    this.settings = settings;
    this.#parts = parts;
    this.#engine = engine;
    this.#lock = lock;
    this.#portals = new PortalSet(parts.node);
    this.#service = new ArrayService(parts);
    this.#startedMs = parts.timers.wallMs();
    this.metrics = new ServerMetrics(parts, settings.version);
  }

  /**
   * Takes the state directory. Nothing is served before `listen` and `openArray`.
   * @throws Failure `inUse` where another process has it.
   */
  static async open(settings: ServerSettings, log: Log): Promise<StorageServer> {
    return new StorageServer(settings, await assembleServer(settings, log));
  }

  get events(): EventLog {
    return this.#parts.events;
  }

  get tasks(): TaskList {
    return this.#parts.tasks;
  }

  /** Why logins are told to come back later; undefined: they aren't. */
  get notServing(): string | undefined {
    const { node, holder } = this.#parts;
    if (node.serving) return undefined;
    return holder.reason || this.#service.obstacle || 'the server is starting or stopping';
  }

  // ------------------------------------------------------------------ life

  /** Opens the portals; logins are told to come back later until the array is there. */
  listen(): Promise<void> {
    return this.#parts.changes.run(async () => {
      await this.#portals.follow(this.settings.portals);
      this.#parts.isns.follow(this.#portals.addresses);
    });
  }

  /**
   * Opens the array, brings the service's configuration about where it has changed since it was
   * applied, and serves. A missing disk is waited for. @throws Failure that only the operator can
   * mend.
   */
  openArray(wanted: DesiredState): Promise<void> {
    return this.#parts.changes.run(() => this.#service.open(wanted));
  }

  /**
   * SIGHUP: portals and what the file wants now, applied only where that has changed. @returns
   * false: it hasn't. @throws Failure; nothing has been changed then, unless it says `partlyDone`.
   */
  reload(portals: readonly PortalSettings[], desired: DesiredState): Promise<boolean> {
    return this.#parts.changes.run(async () => {
      this.#service.check(desired);
      await this.#portals.follow(portals);
      this.#parts.isns.follow(this.#portals.addresses);
      return this.#service.reload(desired);
    });
  }

  /**
   * Drains, flushes, lets go of disks and state. Idempotent. @throws Failure `timedOut` where a
   * disk doesn't let go, `unexpected` where the last flush fails.
   */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stopInTime());
  }

  async #stopInTime(): Promise<void> {
    const { timers } = this.#parts;
    const { drainMs, letGoMs = LET_GO_MS_DEFAULT } = this.settings;
    const limitMs = drainMs + letGoMs;
    if (await settlesWithin(timers, limitMs, this.#stop())) return;
    const late = `a disk has not let go after ${limitMs / 1000} s`;
    const lost = 'what hosts have not flushed may be lost';
    throw new Failure('timedOut', `stopped without an orderly end: ${late}; ${lost}`);
  }

  async #stop(): Promise<void> {
    const { node, units, holder, isns } = this.#parts;
    node.setServing(false);
    this.#service.end();
    await Promise.all([this.#portals.close(), isns.stop()]);
    await node.stop(this.settings.drainMs);
    await this.#parts.changes.idle();
    await units.closeAll();
    try {
      await holder.close();
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      const lost = 'what hosts had not flushed may be lost';
      throw new Failure('unexpected', `the last flush failed: ${error.message}; ${lost}`);
    } finally {
      await this.#lock.release();
    }
  }

  // ------------------------------------------------------------------ what is

  status(): StatusEntry {
    const { record, node } = this.#parts;
    const { hosts } = this.#parts.hosts;
    const partitions = partitionsOf(this.#parts);
    const findings = this.doctor().filter(({ level }) => level !== 'ok');
    return {
      role: 'target',
      version: this.settings.version,
      iqn: this.settings.iqn,
      serverUuid: record.uuid,
      incarnation: record.incarnation,
      pid: process.pid,
      startedAt: new Date(this.#startedMs).toISOString(),
      serving: node.serving,
      portals: this.#portals.addresses,
      ioEngine: this.#engine.kind,
      array: this.array(),
      hosts: hosts.length,
      partitions: partitions.length,
      sessions: node.sessions().length,
      openHosts: hosts.filter(({ chap }) => chap === null).map(({ name }) => name),
      openPartitions: partitions
        .filter((one) => isWithinReach(this.#parts, one))
        .map(({ name }) => name),
      attention: findings.map(({ check, finding }) => `${check}: ${finding}`),
    };
  }

  doctor(): FindingEntry[] {
    const engineNote = this.#engine.fallbackReason;
    const { drift } = this.#service;
    const { configurationFile } = this;
    const told = { engineNote, drift, configurationFile, obstacle: this.#service.obstacle };
    return examineServer({ parts: this.#parts, settings: this.settings, ...told });
  }

  array(): ArrayEntry {
    return arrayEntry(this.#parts, this.settings);
  }

  partitions(): PartitionEntry[] {
    const entries = partitionsOf(this.#parts).map((view) => partitionEntry(this.#parts, view));
    return entries.sort((left, right) => left.lun - right.lun);
  }

  partition(name: string): PartitionEntry {
    return partitionEntry(this.#parts, this.#parts.holder.array.partition(name));
  }

  hosts(): HostEntry[] {
    return this.#parts.hosts.hosts.map((host) => hostEntry(this.#parts, host));
  }

  host(name: string): HostEntry {
    return hostEntry(this.#parts, hostOf(this.#parts, name));
  }

  sessions(): SessionEntry[] {
    const entries = this.#parts.node.sessions().map(sessionEntry);
    return entries.sort((left, right) => left.tsih - right.tsih);
  }

  plan(desired: DesiredState, prune: boolean): PlanLine[] {
    const { steps, conflicts } = planFor(this.#parts, desired, prune);
    if (conflicts.length > 0) throw new Failure('conflict', conflicts.join('; '));
    return steps.map(planLine);
  }

  exportState(): { settings: Readonly<Record<string, unknown>>; desired: DesiredState } {
    return { settings: this.settings.exported, desired: exportedState(this.#parts) };
  }

  // ------------------------------------------------------------------ changes

  createPartition(wanted: NewPartition): Promise<PartitionEntry> {
    return this.#change(wanted.name, (parts) => createPartition(parts, wanted));
  }

  /** Sharing first, then size, then the name. */
  changePartition(name: string, change: ChangedPartition): Promise<PartitionEntry> {
    return this.#change(change.name ?? name, async (parts) => {
      if (change.shared !== undefined) await sharePartition(parts, name, change.shared);
      if (change.sizeBytes !== undefined) await resizePartition(parts, name, change.sizeBytes);
      if (change.name !== undefined) await renamePartition(parts, name, change.name);
    });
  }

  deletePartition(name: string, options: { readonly force: boolean }): Promise<void> {
    return this.#parts.changes.run(() => deletePartition(this.#parts, name, options));
  }

  assign(name: string, host: string, wanted: NewAssignment): Promise<PartitionEntry> {
    return this.#change(name, (parts) => assignPartition(parts, name, host, wanted));
  }

  unassign(name: string, host: string): Promise<PartitionEntry> {
    return this.#change(name, (parts) => unassignPartition(parts, name, host));
  }

  #change(name: string, change: (parts: ServerParts) => Promise<void>): Promise<PartitionEntry> {
    return this.#parts.changes.run(async () => {
      await change(this.#parts);
      return this.partition(name);
    });
  }

  addHost(wanted: NewHost): Promise<HostEntry> {
    return this.#parts.changes.run(async () => {
      await addHost(this.#parts, wanted);
      return this.host(wanted.name);
    });
  }

  changeHost(name: string, change: ChangedHost): Promise<HostEntry> {
    return this.#parts.changes.run(async () => {
      await changeHost(this.#parts, name, change);
      return this.host(name);
    });
  }

  removeHost(name: string, options: { readonly force: boolean }): Promise<void> {
    return this.#parts.changes.run(() => removeHost(this.#parts, name, options));
  }

  async dropSession(tsih: string): Promise<void> {
    const { node } = this.#parts;
    if (!node.sessions().some((session) => String(session.tsih) === tsih)) {
      const advice = '"hawser session list" shows all';
      throw new Failure('notFound', `session ${tsih}: no such session; ${advice}`);
    }
    const done = `session ${tsih} was dropped by the administrator`;
    announce(this.#parts, 'session', tsih, done);
    await waitForCommands(this.#parts, node.dropSession(Number(tsih)), done);
  }

  /**
   * Takes over an array that waits for it; `confirm` lets the assignments it came with give access
   * again.
   */
  importArray(uuid: string, { confirm }: { readonly confirm: boolean }): Promise<ArrayEntry> {
    return this.#parts.changes.run(async () => {
      const { holder, node } = this.#parts;
      const isOurs = holder.isServed && holder.array.uuid === uuid;
      if (!isOurs || !confirm) await holder.import(uuid);
      if (!node.serving) await this.#service.serve();
      if (confirm) await this.#confirmAssignments();
      announce(this.#parts, 'array', uuid, `array ${uuid} imported`);
      return this.array();
    });
  }

  async #confirmAssignments(): Promise<void> {
    const { array } = this.#parts.holder;
    for (const { name, hosts } of array.partitions) {
      if (hosts.some(({ suspended }) => suspended)) await array.confirm(name);
    }
    await publishAccess(this.#parts, 'the assignments were confirmed');
  }

  createShare(wanted: ShareRequest): Promise<{
    partition: PartitionEntry;
    host: HostEntry;
    hostIsNew: boolean;
    portals: string[];
  }> {
    return this.#parts.changes.run(async () => {
      const { host, hostIsNew } = await createShare(this.#parts, wanted);
      const portals = this.#portals.reachable;
      return { partition: this.partition(wanted.name), host: this.host(host), hostIsNew, portals };
    });
  }

  apply(
    desired: DesiredState,
    { source, ...options }: Omit<ApplyOptions, 'fromService'> & { readonly source: string | null },
  ): Promise<Applied> {
    const fromService = source !== null && source === this.configurationFile;
    const how: ApplyOptions = { ...options, fromService };
    return this.#parts.changes.run(() => applyState(this.#parts, desired, how));
  }

  /** Where the service reads its configuration; null: nowhere. */
  configurationFile: string | null = null;
}
