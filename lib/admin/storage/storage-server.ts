/**
 * A storage server: disk array, partitions, hosts and the target that serves them. Changes happen
 * one at a time; each is checked, durable, and visible on live sessions before it returns.
 */
import { Failure } from '../../base/index.ts';
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
import { ChangeQueue } from '../change-queue.ts';
import { TaskList } from '../task-list.ts';
import { applyState, exportedState, planFor } from './apply-operation.ts';
import type { Applied, ApplyOptions } from './apply-operation.ts';
import { assembleServer } from './assemble-server.ts';
import type { AssembledServer } from './assemble-server.ts';
import { examineServer } from './doctor.ts';
import { addHost, changeHost, hostOf, removeHost } from './host-operations.ts';
import type { ChangedHost, NewHost } from './host-operations.ts';
import {
  assignPartition,
  createPartition,
  deletePartition,
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
import { arrayEntry, hostEntry, partitionEntry, partitionsOf, sessionEntry } from './show.ts';
import type { StateLock } from './state-lock.ts';
import { isApplied } from '../state/server-record.ts';
import { desiredDigest } from '../desired-state.ts';

export type { ChangedHost, ChangedPartition, NewAssignment, NewHost, NewPartition, ShareRequest };

/** How often a server without its array looks whether the disks are back. */
const ARRAY_RETRY_MS = 5_000;

export class StorageServer {
  readonly settings: ServerSettings;
  readonly tasks: TaskList;
  readonly metrics: ServerMetrics;
  readonly #parts: ServerParts;
  readonly #portals: PortalSet;
  readonly #engine: Engine;
  readonly #lock: StateLock;
  readonly #changes = new ChangeQueue();
  readonly #startedMs: number;
  /** What the service's configuration file wants, to be applied once the array is there. */
  #wanted: DesiredState | null = null;
  #stopping: Promise<void> | null = null;
  #endArrayWatch: () => void = () => undefined;

  private constructor(settings: ServerSettings, { parts, engine, lock }: AssembledServer) {
    this.settings = settings;
    this.#parts = parts;
    this.#engine = engine;
    this.#lock = lock;
    this.#portals = new PortalSet(parts.node);
    this.#startedMs = parts.timers.wallMs();
    this.tasks = new TaskList(() => parts.timers.wallMs());
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

  /** Why logins are told to come back later; undefined: they aren't. */
  get notServing(): string | undefined {
    const { node, holder } = this.#parts;
    return node.serving ? undefined : holder.reason || 'the server is starting or stopping';
  }

  // ------------------------------------------------------------------ life

  /** Opens the portals; logins are told to come back later until the array is there. */
  listen(portals: readonly PortalSettings[] = this.settings.portals): Promise<void> {
    return this.#changes.run(async () => {
      await this.#portals.follow(portals);
      this.#parts.isns.follow(this.#portals.addresses);
    });
  }

  /**
   * Opens the array, brings the service's configuration about where it has changed since it was
   * applied, and serves. A missing disk is waited for. @throws Failure that only the operator can
   * mend.
   */
  openArray(wanted: DesiredState): Promise<void> {
    this.#wanted = wanted;
    return this.#changes.run(() => this.#serveArray());
  }

  async #serveArray(): Promise<void> {
    const { holder, log } = this.#parts;
    if (this.#stopping !== null || this.#parts.node.serving) return;
    const reasonBefore = holder.reason;
    if (!(await holder.open())) {
      if (holder.reason !== reasonBefore) this.#alert(holder.reason);
      this.#retryLater();
      return;
    }
    await this.#serve();
    log.info({ array: holder.array.uuid }, 'array is served');
  }

  #retryLater(): void {
    // an array that waits for its import needs no second look
    if (this.#parts.holder.found !== null) return;
    this.#parts.timers.after(ARRAY_RETRY_MS, () => {
      const again = this.#changes.run(() => this.#serveArray());
      again.catch((error: unknown) => this.#alert((error as Error).message));
    });
  }

  async #serve(): Promise<void> {
    const { holder, units, node } = this.#parts;
    const { array } = holder;
    units.addReady(array);
    this.#endArrayWatch();
    this.#endArrayWatch = array.onChange(() => this.#watchFailure());
    await publishAccess(this.#parts);
    await this.#applyWanted();
    node.setServing(true);
  }

  #failureTold: string | null = null;

  #watchFailure(): void {
    const failure = this.#parts.holder.found?.status().failure ?? null;
    if (failure === this.#failureTold) return;
    this.#failureTold = failure;
    if (failure !== null) this.#alert(failure);
  }

  #alert(message: string): void {
    this.#parts.events.publish('alert', 'array', message);
    this.#parts.log.error({ kind: 'array' }, message);
  }

  async #applyWanted(): Promise<void> {
    const wanted = this.#wanted;
    if (wanted === null) return;
    const { record, holder } = this.#parts;
    const digest = desiredDigest(wanted);
    const arrayUuid = holder.array.uuid;
    if (!isApplied(record.applied, digest, arrayUuid)) {
      await applyState(this.#parts, wanted, { prune: false, fromService: true });
    } else if (record.applied.service !== digest) {
      await record.setApplied({ ...record.applied, service: digest });
    }
  }

  /**
   * SIGHUP: what the file wants now, applied only where that has changed. @returns false: it
   * hasn't.
   */
  reload(wanted: DesiredState): Promise<boolean> {
    return this.#changes.run(async () => {
      this.#wanted = wanted;
      const { record, holder } = this.#parts;
      if (!holder.isServed) return false;
      const applied = isApplied(record.applied, desiredDigest(wanted), holder.array.uuid);
      await this.#applyWanted();
      return !applied;
    });
  }

  /** Drains, flushes, lets go of disks and state. Idempotent. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    const { node, units, holder, isns } = this.#parts;
    node.setServing(false);
    await Promise.all([this.#portals.close(), isns.stop()]);
    await node.stop(this.settings.drainMs);
    await this.#changes.idle();
    this.#endArrayWatch();
    await units.closeAll();
    try {
      await holder.close();
    } finally {
      await this.#lock.release();
    }
  }

  // ------------------------------------------------------------------ what is

  status(): StatusEntry {
    const { record, node } = this.#parts;
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
      hosts: this.#parts.hosts.hosts.length,
      partitions: partitionsOf(this.#parts).length,
      sessions: node.sessions().length,
      attention: findings.map(({ check, finding }) => `${check}: ${finding}`),
    };
  }

  doctor(): FindingEntry[] {
    const engineNote = this.#engine.fallbackReason;
    return examineServer({ parts: this.#parts, settings: this.settings, engineNote });
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
    return this.#changes.run(() => deletePartition(this.#parts, name, options));
  }

  assign(name: string, host: string, wanted: NewAssignment): Promise<PartitionEntry> {
    return this.#change(name, (parts) => assignPartition(parts, name, host, wanted));
  }

  unassign(name: string, host: string): Promise<PartitionEntry> {
    return this.#change(name, (parts) => unassignPartition(parts, name, host));
  }

  #change(name: string, change: (parts: ServerParts) => Promise<void>): Promise<PartitionEntry> {
    return this.#changes.run(async () => {
      await change(this.#parts);
      return this.partition(name);
    });
  }

  addHost(wanted: NewHost): Promise<HostEntry> {
    return this.#changes.run(async () => {
      await addHost(this.#parts, wanted);
      return this.host(wanted.name);
    });
  }

  changeHost(name: string, change: ChangedHost): Promise<HostEntry> {
    return this.#changes.run(async () => {
      await changeHost(this.#parts, name, change);
      return this.host(name);
    });
  }

  removeHost(name: string, options: { readonly force: boolean }): Promise<void> {
    return this.#changes.run(() => removeHost(this.#parts, name, options));
  }

  async dropSession(tsih: string): Promise<void> {
    const dropped = /^\d+$/.test(tsih) && (await this.#parts.node.dropSession(Number(tsih)));
    if (!dropped) throw new Failure('notFound', `session ${tsih}: no such session`);
    announce(this.#parts, 'session', tsih, `session ${tsih} dropped by the administrator`);
  }

  /**
   * Takes over an array that waits for it; `confirm` lets the assignments it came with give access
   * again.
   */
  importArray(uuid: string, { confirm }: { readonly confirm: boolean }): Promise<ArrayEntry> {
    return this.#changes.run(async () => {
      const { holder, node } = this.#parts;
      const isOurs = holder.isServed && holder.array.uuid === uuid;
      if (!isOurs || !confirm) await holder.import(uuid);
      if (!node.serving) await this.#serve();
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
    await publishAccess(this.#parts);
  }

  createShare(wanted: ShareRequest): Promise<{
    partition: PartitionEntry;
    host: HostEntry;
    hostIsNew: boolean;
    portals: string[];
  }> {
    return this.#changes.run(async () => {
      const { host, hostIsNew } = await createShare(this.#parts, wanted);
      const portals = this.#portals.addresses.map(({ address, advertise }) => advertise ?? address);
      return { partition: this.partition(wanted.name), host: this.host(host), hostIsNew, portals };
    });
  }

  apply(
    desired: DesiredState,
    options: { readonly prune: boolean; readonly source: string | null },
  ): Promise<Applied> {
    const fromService = options.source !== null && options.source === this.configurationFile;
    const how: ApplyOptions = { prune: options.prune, fromService };
    return this.#changes.run(() => applyState(this.#parts, desired, how));
  }

  /** Where the service reads its configuration; null: nowhere. */
  configurationFile: string | null = null;
}
