/** What the operations of a storage server work on. */
import type { Timers } from '../../base/index.ts';
import type { SessionInfo, TargetNode } from '../../target/index.ts';
import type { EventLog } from '../events.ts';
import type { Log } from '../log.ts';
import type { HostStore } from '../state/host-store.ts';
import type { ServerRecord } from '../state/server-record.ts';
import type { AccessMap } from './access-map.ts';
import type { ArrayHolder } from './array-holder.ts';
import type { IsnsSet } from './isns-set.ts';
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
}

/**
 * Makes what has been decided visible on live sessions; resolves when commands on what was taken
 * away have ended.
 */
export async function publishAccess({ access, holder, node }: ServerParts): Promise<void> {
  access.rebuild(holder.isServed ? holder.found : null);
  await node.refreshAccess();
}

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
