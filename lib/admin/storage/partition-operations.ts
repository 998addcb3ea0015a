/**
 * Changes to partitions: each is checked, durable, and visible on live sessions before it returns.
 */
import { Failure } from '../../base/index.ts';
import type { PartitionView } from '../../partition/index.ts';
import { ANY_HOST } from '../desired-state.ts';
import type { Rights } from '../desired-state.ts';
import { announce, publishAccess, sessionWords } from './server-parts.ts';
import type { ServerParts } from './server-parts.ts';
import { waitForCommands } from './time-limit.ts';

export interface NewPartition {
  readonly name: string;
  readonly sizeBytes: number;
  /** null: the lowest that is free and that no live session knows as another partition. */
  readonly lun: number | null;
  /** null: 512, or what the disks demand. */
  readonly blockSizeBytes: number | null;
  readonly shared: boolean;
  readonly hosts: Readonly<Record<string, Rights>>;
  /** End sessions that still know the LUN number as another partition. */
  readonly force: boolean;
}

export interface ChangedPartition {
  readonly sizeBytes?: number;
  readonly name?: string;
  readonly shared?: 'cluster' | 'none';
}

export interface NewAssignment {
  readonly rights: Rights;
  /** Also say that a cluster shares the partition. */
  readonly shared: boolean;
}

const CLUSTER_WHY = 'two hosts that mount one ordinary file system destroy it';

/** @throws Failure `notFound`; `inUse` while it is being deleted. */
export function partitionOf({ holder, units }: ServerParts, name: string): PartitionView {
  const partition = holder.array.partition(name);
  if (!units.isLeaving(partition.uuid)) return partition;
  throw new Failure('inUse', `partition ${name} is being deleted; "hawser task list" follows it`);
}

export async function createPartition(parts: ServerParts, wanted: NewPartition): Promise<void> {
  const { holder, units } = parts;
  const { name, sizeBytes, shared, hosts } = wanted;
  refuseUnknownHosts(parts, Object.keys(hosts));
  refuseSeveralWriters(wanted);
  const { array } = holder;
  const lun = wanted.lun ?? freeLun(parts);
  await freeSeenLun(parts, lun, wanted.force);
  const sharing = shared ? 'cluster' : 'none';
  const blockSizeBytes = knownBlockSize(wanted.blockSizeBytes);
  await array.create({ name, sizeBytes, lun, blockSizeBytes, shared: sharing, hosts });
  units.addReady(array);
  announce(parts, 'partition', name, `partition ${name} created as LUN ${lun}`);
  await publishAccess(parts, `partition ${name} was created`);
}

const knownBlockSize = (bytes: number | null): 512 | 4096 | undefined =>
  bytes === 512 || bytes === 4096 ? bytes : undefined;

function refuseUnknownHosts({ hosts }: ServerParts, names: readonly string[]): void {
  for (const name of names) {
    if (name === ANY_HOST || hosts.get(name) !== undefined) continue;
    const advice = `add it first: hawser host add ${name} --iqn IQN`;
    throw new Failure('notFound', `host ${name}: no such host; ${advice}`);
  }
}

/** Before anything is made; the array holds to the same rule. */
function refuseSeveralWriters(wanted: Pick<NewPartition, 'name' | 'hosts' | 'shared'>): void {
  const { name, hosts, shared } = wanted;
  const writers = Object.keys(hosts).filter((host) => hosts[host] === 'rw');
  if (shared || (writers.length <= 1 && !writers.includes(ANY_HOST))) return;
  const advice = 'assign read-only, or say that a cluster shares it (--cluster)';
  throw new Failure(
    'notAllowed',
    `partition ${name} would be writable by ${writers.join(', ')}: ${CLUSTER_WHY}; ${advice}`,
  );
}

function freeLun({ holder, node }: ServerParts): number {
  const taken = new Set(holder.array.partitions.map(({ lun }) => lun));
  let lun = 0;
  while (taken.has(lun) || node.lunSeenBy(lun).length > 0) lun++;
  return lun;
}

/** A host that knows the number as another disk would write to the wrong one. */
async function freeSeenLun(parts: ServerParts, lun: number, force: boolean): Promise<void> {
  const { node, holder } = parts;
  // what has the number now says so itself
  if (holder.array.partitions.some((partition) => partition.lun === lun)) return;
  if (!force) refuseSeenLun(parts, lun);
  const drops = node.lunSeenBy(lun).map(({ tsih }) => node.dropSession(tsih));
  await waitForCommands(parts, Promise.all(drops), `sessions that knew LUN ${lun} were ended`);
}

/** @throws Failure `inUse` naming the sessions to which this LUN number was another partition. */
export function refuseSeenLun({ node }: ServerParts, lun: number): void {
  const seers = node.lunSeenBy(lun);
  if (seers.length === 0) return;
  const who = seers.map(sessionWords).join(', ');
  const advice = 'log out there, take another LUN, or end these sessions with --force';
  throw new Failure(
    'inUse',
    `LUN ${lun} was another partition to live sessions: ${who}; ${advice}`,
  );
}

export async function resizePartition(
  parts: ServerParts,
  name: string,
  sizeBytes: number,
): Promise<void> {
  partitionOf(parts, name);
  await parts.holder.array.grow(name, sizeBytes);
  announce(parts, 'partition', name, `partition ${name} grown to ${sizeBytes} bytes`);
}

export async function renamePartition(
  parts: ServerParts,
  name: string,
  newName: string,
): Promise<void> {
  partitionOf(parts, name);
  await parts.holder.array.rename(name, newName);
  announce(parts, 'partition', newName, `partition ${name} renamed to ${newName}`);
  await publishAccess(parts, `partition ${name} was renamed`);
}

export async function sharePartition(
  parts: ServerParts,
  name: string,
  sharing: 'cluster' | 'none',
): Promise<void> {
  const { hosts } = partitionOf(parts, name);
  if (sharing === 'none') {
    const rights = Object.fromEntries(hosts.map(({ host, rights }) => [host, rights]));
    refuseSeveralWriters({ name, hosts: rights, shared: false });
  }
  await parts.holder.array.setShared(name, sharing);
  announce(parts, 'partition', name, `partition ${name}: shared is ${sharing}`);
}

export async function assignPartition(
  parts: ServerParts,
  name: string,
  host: string,
  wanted: NewAssignment,
): Promise<void> {
  partitionOf(parts, name);
  refuseUnknownHosts(parts, [host]);
  const sharing = wanted.shared ? 'cluster' : undefined;
  await parts.holder.array.assign(name, host, wanted.rights, sharing);
  const done = `partition ${name} was assigned to ${host} (${wanted.rights})`;
  announce(parts, 'partition', name, done);
  await publishAccess(parts, done);
}

/**
 * Returns when the host's commands on it have ended and its registrations are gone. @throws Failure
 * `timedOut` where a disk doesn't let go of the commands; the partition is taken away all the same.
 */
export async function unassignPartition(
  parts: ServerParts,
  name: string,
  host: string,
): Promise<void> {
  partitionOf(parts, name);
  await parts.holder.array.unassign(name, host);
  const done = `partition ${name} was taken from ${host === ANY_HOST ? 'any host' : host}`;
  announce(parts, 'partition', name, done);
  await publishAccess(parts, done);
}
