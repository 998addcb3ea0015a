/** Changes to hosts: each is checked, durable, and visible on live sessions before it returns. */
import { checkCredentials } from '../../auth/index.ts';
import type { ChapCredentials } from '../../auth/index.ts';
import { Failure } from '../../base/index.ts';
import { normalizeIscsiName } from '../../iscsi/index.ts';
import { checkName } from '../../partition/index.ts';
import type { SessionInfo } from '../../target/index.ts';
import type { DesiredCredentials, DesiredHost } from '../desired-state.ts';
import type { StoredHost } from '../state/host-store.ts';
import { announce, publishAccess, refreshAccess, sessionWords } from './server-parts.ts';
import type { ServerParts } from './server-parts.ts';
import { waitForCommands } from './time-limit.ts';

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
  const isNew = parts.hosts.get(wanted.name) === undefined;
  const host = fitHost(parts, wanted);
  refuseTakenIqn(parts, host);
  await parts.hosts.put(host);
  const done = `host ${host.name} was ${isNew ? 'added' : 'changed'}`;
  announce(parts, 'host', host.name, done);
  await publishAccess(parts, done);
}

/** What would be stored. @throws Failure `usage` */
export function fitHost({ hosts }: ServerParts, wanted: DesiredHost): StoredHost {
  const before = hosts.get(wanted.name);
  const normalized = normalizeIscsiName(wanted.iqn);
  if (!normalized.ok) {
    throw new Failure('usage', `initiator name "${wanted.iqn}": ${normalized.error}`);
  }
  const host: StoredHost = {
    name: wanted.name,
    iqn: normalized.value,
    chap: keptSecret(wanted, 'chap', before),
    mutual: keptSecret(wanted, 'mutual', before),
  };
  checkHost(host);
  return host;
}

function refuseTakenIqn({ hosts }: ServerParts, { name, iqn }: StoredHost): void {
  const owner = hosts.findByIqn(iqn);
  if (owner === undefined || owner.name === name) return;
  throw new Failure('conflict', `initiator name ${iqn} belongs to host ${owner.name}`);
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
  const sessions = sessionsOf(parts, hostOf(parts, name));
  const assigned = (holder.isServed ? holder.array.partitions : []).filter((partition) =>
    partition.hosts.some((assignment) => assignment.host === name),
  );
  if (!force) {
    refuseUses(
      name,
      assigned.map((partition) => `partition ${partition.name}`),
    );
    refuseSessions(parts, name);
  }
  for (const partition of assigned) await holder.array.unassign(partition.name, name);
  await hosts.remove(name);
  const done = `host ${name} was removed`;
  announce(parts, 'host', name, done);
  const drops = sessions.map(({ tsih }) => node.dropSession(tsih, 'the host was removed'));
  await waitForCommands(parts, Promise.all([refreshAccess(parts), ...drops]), done);
}

const sessionsOf = ({ node }: ServerParts, { iqn }: StoredHost): SessionInfo[] =>
  node.sessions().filter((session) => session.initiatorName === iqn);

/** @throws Failure `inUse` naming the sessions of this host. */
export function refuseSessions(parts: ServerParts, name: string): void {
  const sessions = sessionsOf(parts, hostOf(parts, name));
  refuseUses(
    name,
    sessions.map((session) => `session ${sessionWords(session)}`),
  );
}

function refuseUses(name: string, uses: readonly string[]): void {
  if (uses.length === 0) return;
  const advice = 'unassign and log out first, or add --force';
  throw new Failure('inUse', `host ${name} has ${uses.join(', ')}; ${advice}`);
}
