/** What the operations of a storage server work on. */
import type { Timers } from '../../base/index.ts';
import type { SessionInfo, TargetNode } from '../../target/index.ts';
import type { ChangeQueue } from '../change-queue.ts';
import type { EventLog } from '../events.ts';
import type { Log } from '../log.ts';
import type { HostStore } from '../state/host-store.ts';
import type { ServerRecord } from '../state/server-record.ts';
import type { TaskList } from '../task-list.ts';
import type { AccessMap } from './access-map.ts';
import type { ArrayHolder } from './array-holder.ts';
import type { IsnsSet } from './isns-set.ts';
import { dropStrangers } from './registrations.ts';
import { waitForCommands } from './time-limit.ts';
import type { UnitSet } from './unit-set.ts';

export interface ServerParts {
  readonly holder: ArrayHolder;
  readonly hosts: HostStore;
  readonly record: ServerRecord;
  readonly units: UnitSet;
  readonly access: AccessMap;
  readonly node: TargetNode;
  readonly events: EventLog;
  readonly log: Log;
  readonly timers: Timers;
  readonly isns: IsnsSet;
  readonly changes: ChangeQueue;
  readonly tasks: TaskList;
  /** Time for aborted commands to leave the disks. */
  readonly abortLimitMs: number;
}

/**
 * Makes what has been decided visible on live sessions at once; resolves when commands on what was
 * taken away have ended and registrations of whoever lost his right to them are gone.
 */
export async function refreshAccess(parts: ServerParts): Promise<void> {
  const { access, holder, node } = parts;
  access.rebuild(holder.isServed ? holder.found : null);
  await Promise.all([node.refreshAccess(), dropStrangers(parts)]);
}

/**
 * The same, but waits no longer than aborted commands may take.
 * @param done what has been changed, in words. @throws Failure `timedOut`; the change stands.
 */
export const publishAccess = (parts: ServerParts, done: string): Promise<void> =>
  waitForCommands(parts, refreshAccess(parts), done);

/** Sessions that see this LUN. */
export const sessionsOn = ({ node }: ServerParts, lun: number): readonly SessionInfo[] =>
  node.sessions().filter(({ luns }) => luns.includes(lun));

/** `web1 (127.0.0.1:50112)` */
export const sessionWords = ({ host, connections }: SessionInfo): string =>
  `${host} (${connections.map(({ remoteAddress }) => remoteAddress).join(', ')})`;

export function announce(
  { events, log }: ServerParts,
  kind: 'partition' | 'host' | 'session' | 'array' | 'config',
  subject: string,
  message: string,
): void {
  events.publish(kind, subject, message);
  log.info({ kind, subject }, message);
}
