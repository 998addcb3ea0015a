/** Changes to hosts: each is checked, durable, and visible on live sessions before it returns. */
import { checkCredentials } from '../../auth/index.ts';
import type { ChapCredentials } from '../../auth/index.ts';
import { Failure } from '../../base/index.ts';
import { normalizeIscsiName } from '../../iscsi/index.ts';
import { checkName } from '../../partition/index.ts';
import type { DesiredCredentials, DesiredHost } from '../desired-state.ts';
import type { StoredHost } from '../state/host-store.ts';
import { unassignPartition } from './partition-operations.ts';
import { announce, publishAccess, sessionWords } from './server-parts.ts';
import type { ServerParts } from './server-parts.ts';

export interface GivenCredentials {
  readonly user: string;
  readonly secret?: string | null;
}

export interface NewHost {
  readonly name: string;
  readonly iqn: string;
  /** null: let in by its name alone. */
  readonly chap: GivenCredentials | null;
  readonly mutual?: GivenCredentials | null;
}

/** What is left out stays. */
export interface ChangedHost {
  readonly iqn?: string;
  readonly chap?: GivenCredentials | null;
  readonly mutual?: GivenCredentials | null;
}

export async function addHost(parts: ServerParts, wanted: NewHost): Promise<void> {
  checkName('host', wanted.name);
  if (parts.hosts.get(wanted.name) !== undefined) {
    throw new Failure('conflict', `host ${wanted.name} exists already`);
  }
  await putHost(parts, toDesired(wanted));
}

export async function changeHost(
  parts: ServerParts,
  name: string,
  change: ChangedHost,
): Promise<void> {
  const { iqn, chap, mutual } = hostOf(parts, name);
  await putHost(parts, toDesired({ name, iqn, chap, mutual, ...change }));
}

export function hostOf({ hosts }: ServerParts, name: string): StoredHost {
  const host = hosts.get(name);
  if (host !== undefined) return host;
  throw new Failure('notFound', `host ${name}: no such host; "hawser host list" shows all`);
}

function toDesired({ name, iqn, chap, mutual }: NewHost): DesiredHost {
  const whole = (given: GivenCredentials | null | undefined): DesiredCredentials | null =>
    given ? { user: given.user, secret: given.secret ?? null } : null;
  return { name, iqn, chap: whole(chap), mutual: whole(mutual) };
}

/** Adds a host or makes it what is wanted; a secret that isn't given stays what it is. */
export async function putHost(parts: ServerParts, wanted: DesiredHost): Promise<void> {
  const { hosts } = parts;
  const before = hosts.get(wanted.name);
  const host: StoredHost = {
    name: wanted.name,
    iqn: checkedIqn(parts, wanted),
    chap: keptSecret(wanted, 'chap', before),
    mutual: keptSecret(wanted, 'mutual', before),
  };
  checkHost(host);
  await hosts.put(host);
  await publishAccess(parts);
  if (before !== undefined && before.iqn !== host.iqn) await forgetInitiator(parts, before);
  announce(
    parts,
    'host',
    host.name,
    `host ${host.name} ${before === undefined ? 'added' : 'changed'}`,
  );
}

function checkedIqn({ hosts }: ServerParts, { name, iqn }: DesiredHost): string {
  const normalized = normalizeIscsiName(iqn);
  if (!normalized.ok) throw new Failure('usage', `initiator name "${iqn}": ${normalized.error}`);
  const owner = hosts.findByIqn(normalized.value);
  if (owner === undefined || owner.name === name) return normalized.value;
  throw new Failure('conflict', `initiator name ${normalized.value} belongs to host ${owner.name}`);
}

function keptSecret(
  wanted: DesiredHost,
  key: 'chap' | 'mutual',
  before: StoredHost | undefined,
): ChapCredentials | null {
  const given = wanted[key];
  if (given === null) return null;
  const secret = given.secret ?? before?.[key]?.secret;
  if (secret !== undefined) return { user: given.user, secret };
  throw new Failure('usage', `host ${wanted.name}: ${key} has no secret, and none is kept`);
}

function checkHost({ name, chap, mutual }: StoredHost): void {
  if (chap === null && mutual !== null) {
    const why = 'the server proves itself only to a host that proves itself';
    throw new Failure('usage', `host ${name}: mutual without chap; ${why}`);
  }
  const fault = chap === null ? undefined : checkCredentials(chap, mutual);
  if (fault !== undefined) throw new Failure('usage', `host ${name}: ${fault}`);
}

/**
 * @throws Failure `inUse` where it has partitions or sessions, unless forced; then both end first.
 */
export async function removeHost(
  parts: ServerParts,
  name: string,
  { force }: { readonly force: boolean },
): Promise<void> {
  const { holder, hosts, node } = parts;
  const host = hostOf(parts, name);
  const assigned = (holder.isServed ? holder.array.partitions : []).filter((partition) =>
    partition.hosts.some((assignment) => assignment.host === name),
  );
  const sessions = node.sessions().filter((session) => session.initiatorName === host.iqn);
  if (!force && assigned.length + sessions.length > 0) {
    const uses = [
      ...assigned.map((partition) => `partition ${partition.name}`),
      ...sessions.map((session) => `session ${sessionWords(session)}`),
    ];
    const advice = 'unassign and log out first, or add --force';
    throw new Failure('inUse', `host ${name} has ${uses.join(', ')}; ${advice}`);
  }
  for (const partition of assigned) await unassignPartition(parts, partition.name, name);
  await hosts.remove(name);
  await Promise.all(sessions.map(({ tsih }) => node.dropSession(tsih)));
  await publishAccess(parts);
  await forgetInitiator(parts, host);
  announce(parts, 'host', name, `host ${name} removed`);
}

/** Registrations outlive sessions; they must not outlive the right to have them. */
async function forgetInitiator({ units }: ServerParts, { iqn }: StoredHost): Promise<void> {
  await Promise.all([...units.all].map(([, unit]) => unit.reservations.dropInitiator(iqn)));
}
