/**
 * Changes to partitions: each is checked, durable, and visible on live sessions before it returns.
 */
import { Failure } from '../../base/index.ts';
import type { PartitionView } from '../../partition/index.ts';
import { ANY_HOST } from '../desired-state.ts';
import type { Rights } from '../desired-state.ts';
import { announce, publishAccess, sessionsOn, sessionWords } from './server-parts.ts';
import type { ServerParts } from './server-parts.ts';

export interface NewPartition {
  readonly name: string;
  readonly sizeBytes: number;
  /** null: the lowest that is free and that no live session knows as another partition. */
  readonly lun: number | null;
  readonly blockSizeBytes: number;
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

export async function createPartition(parts: ServerParts, wanted: NewPartition): Promise<void> {
  const { holder, units } = parts;
  const { name, sizeBytes, shared } = wanted;
  refuseUnknownHosts(parts, Object.keys(wanted.hosts));
  refuseSeveralWriters(wanted);
  const { array } = holder;
  const lun = wanted.lun ?? freeLun(parts);
  await freeSeenLun(parts, lun, wanted.force);
  const blockSizeBytes = wanted.blockSizeBytes === 4096 ? 4096 : 512;
  const sharing = shared ? 'cluster' : 'none';
  await array.create({ name, sizeBytes, lun, blockSizeBytes, shared: sharing });
  for (const [host, rights] of Object.entries(wanted.hosts)) await array.assign(name, host, rights);
  units.addReady(array);
  await publishAccess(parts);
  announce(parts, 'partition', name, `partition ${name} created as LUN ${lun}`);
}

function refuseUnknownHosts({ hosts }: ServerParts, names: readonly string[]): void {
  for (const name of names) {
    if (name === ANY_HOST || hosts.get(name) !== undefined) continue;
    const advice = `add it first: hawser host add ${name} --iqn IQN`;
    throw new Failure('notFound', `host ${name}: no such host; ${advice}`);
  }
}

/** Before anything is made; the array holds to the same rule. */
function refuseSeveralWriters({ name, hosts, shared }: NewPartition): void {
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
  if (holder.array.partitions.some((partition) => partition.lun === lun)) return;
  const seers = node.lunSeenBy(lun);
  if (seers.length === 0) return;
  if (!force) {
    const who = seers.map(sessionWords).join(', ');
    const advice = 'log out there, take another LUN, or end these sessions with --force';
    throw new Failure(
      'inUse',
      `LUN ${lun} was another partition to live sessions: ${who}; ${advice}`,
    );
  }
  await Promise.all(seers.map(({ tsih }) => node.dropSession(tsih)));
}

export async function resizePartition(
  parts: ServerParts,
  name: string,
  sizeBytes: number,
): Promise<void> {
  await parts.holder.array.grow(name, sizeBytes);
  announce(parts, 'partition', name, `partition ${name} grown to ${sizeBytes} bytes`);
}

export async function renamePartition(
  parts: ServerParts,
  name: string,
  newName: string,
): Promise<void> {
  await parts.holder.array.rename(name, newName);
  await publishAccess(parts);
  announce(parts, 'partition', newName, `partition ${name} renamed to ${newName}`);
}

export async function sharePartition(
  parts: ServerParts,
  name: string,
  sharing: 'cluster' | 'none',
): Promise<void> {
  const { array } = parts.holder;
  if (sharing === 'none') refuseWriters(array.partition(name));
  await array.setShared(name, sharing);
  announce(parts, 'partition', name, `partition ${name}: shared is ${sharing}`);
}

function refuseWriters({ name, hosts }: PartitionView): void {
  const rights = Object.fromEntries(hosts.map(({ host, rights }) => [host, rights]));
  const rest = { sizeBytes: 0, lun: null, blockSizeBytes: 512, force: false };
  refuseSeveralWriters({ ...rest, name, hosts: rights, shared: false });
}

/**
 * @throws Failure `inUse` naming who is connected, unless forced; then their commands end first.
 */
export async function deletePartition(
  parts: ServerParts,
  name: string,
  { force }: { readonly force: boolean },
): Promise<void> {
  const { holder, access, units } = parts;
  const { array } = holder;
  const { uuid, lun, state } = array.partition(name);
  if (state === 'zeroing') throw new Failure('inUse', `partition ${name} is still being zeroed`);
  const connected = sessionsOn(parts, lun);
  if (connected.length > 0 && !force) {
    const who = connected.map(sessionWords).join(', ');
    const advice = 'detach it there first, or add --force';
    throw new Failure('inUse', `partition ${name}: connected: ${who}; ${advice}`);
  }
  access.hide(uuid);
  try {
    await publishAccess(parts);
    await units.close(uuid);
    await array.remove(name);
  } finally {
    access.unhide(uuid);
    // where the change was refused, the partition comes back
    units.addReady(array);
    await publishAccess(parts);
  }
  announce(parts, 'partition', name, `partition ${name} deleted`);
}

export async function assignPartition(
  parts: ServerParts,
  name: string,
  host: string,
  wanted: NewAssignment,
): Promise<void> {
  const { array } = parts.holder;
  const before = array.partition(name).shared;
  refuseUnknownHosts(parts, [host]);
  if (wanted.shared) await array.setShared(name, 'cluster');
  try {
    await array.assign(name, host, wanted.rights);
  } catch (error) {
    if (wanted.shared && before === 'none')
      await array.setShared(name, 'none').catch(() => undefined);
    throw error;
  }
  await publishAccess(parts);
  announce(parts, 'partition', name, `partition ${name} assigned to ${host} (${wanted.rights})`);
}

/** Returns when the host's commands on it have ended and its registrations are gone. */
export async function unassignPartition(
  parts: ServerParts,
  name: string,
  host: string,
): Promise<void> {
  const { holder, units, hosts } = parts;
  const { uuid } = await holder.array.unassign(name, host);
  await publishAccess(parts);
  const iqn = hosts.get(host)?.iqn;
  // also those of an initiator that isn't connected now
  if (iqn !== undefined) await units.get(uuid)?.reservations.dropInitiator(iqn);
  announce(parts, 'partition', name, `partition ${name} taken from ${host}`);
}
