/** What the API shows of a storage server. */
import type { PartitionView } from '../../partition/index.ts';
import type { SessionInfo } from '../../target/index.ts';
import { ANY_HOST } from '../desired-state.ts';
import type {
  ArrayEntry,
  HostEntry,
  MemberEntry,
  PartitionEntry,
  SessionEntry,
} from '../entries.ts';
import type { StoredHost } from '../state/host-store.ts';
import type { ServerParts } from './server-parts.ts';
import type { ServerSettings } from './settings.ts';

const isoTime = (wallMs: number): string => new Date(wallMs).toISOString();

export const partitionsOf = ({ holder }: ServerParts): readonly PartitionView[] =>
  holder.isServed ? holder.array.partitions : [];

export function partitionEntry(parts: ServerParts, partition: PartitionView): PartitionEntry {
  const { name, uuid, lun, state, hosts } = partition;
  const sessions = parts.node.sessions().filter(({ luns }) => luns.includes(lun));
  return {
    name,
    uuid,
    lun,
    sizeBytes: partition.targetBytes,
    blockSizeBytes: partition.blockSizeBytes,
    state: parts.units.isLeaving(uuid) ? 'deleting' : state,
    detail: partition.failure ?? '',
    shared: partition.shared === 'cluster',
    open: isWithinReach(parts, partition),
    assignments: hosts.map(({ host, rights, suspended }) => ({ host, rights, suspended })),
    connected: sessions.map(({ tsih, host, initiatorName, connections }) => ({
      tsih,
      host,
      initiatorName,
      remoteAddress: connections[0]?.remoteAddress ?? '',
    })),
    createdAt: isoTime(partition.createdMs),
  };
}

/** Somebody gets at it who proves nothing. */
export const isWithinReach = (parts: ServerParts, { hosts }: PartitionView): boolean =>
  hosts.some(({ host, suspended }) => !suspended && isOpen(parts, host));

export const isOpen = ({ hosts }: ServerParts, host: string): boolean =>
  host === ANY_HOST || hosts.get(host)?.chap === null;

export function hostEntry(parts: ServerParts, host: StoredHost): HostEntry {
  const assigned = partitionsOf(parts).flatMap(({ name, lun, hosts }) =>
    hosts
      .filter((assignment) => assignment.host === host.name)
      .map(({ rights }) => ({ name, lun, rights })),
  );
  const sessions = parts.node.sessions().filter(({ initiatorName }) => initiatorName === host.iqn);
  return {
    name: host.name,
    iqn: host.iqn,
    chapUser: host.chap?.user ?? null,
    mutualUser: host.mutual?.user ?? null,
    open: host.chap === null,
    partitions: assigned,
    sessions: sessions.length,
  };
}

export const sessionEntry = (session: SessionInfo): SessionEntry => ({
  tsih: session.tsih,
  host: session.host,
  initiatorName: session.initiatorName,
  isid: session.isid,
  type: session.type,
  authenticatedAs: session.authenticatedAs,
  since: isoTime(session.sinceWallMs),
  connections: session.connections,
  luns: session.luns,
  commands: session.commands,
  outstandingCommands: session.outstandingCommands,
  dataInBytes: session.dataInBytes,
  dataOutBytes: session.dataOutBytes,
});

export function arrayState({ isServed, found }: ServerParts['holder']): ArrayEntry['state'] {
  if (!isServed) return 'unavailable';
  return found?.state === 'failed' ? 'failed' : 'online';
}

export function arrayEntry({ holder }: ServerParts, settings: ServerSettings): ArrayEntry {
  const array = holder.found;
  if (array === null) return absentArray(settings, holder.reason);
  const view = array.status();
  return {
    state: arrayState(holder),
    detail: holder.isServed ? (view.failure ?? '') : holder.reason,
    uuid: view.uuid,
    layout: view.layout,
    chunkBytes: view.chunkBytes,
    capacityBytes: view.totalBytes,
    freeBytes: view.freeBytes,
    volatile: view.volatile,
    members: view.members.map(memberEntry),
  };
}

const memberEntry = (member: {
  readonly path: string;
  readonly uuid: string;
  readonly sizeBytes: number;
  readonly state: string;
  readonly failure: string | null;
  readonly ioErrors: number;
}): MemberEntry => ({
  path: member.path,
  uuid: member.uuid,
  sizeBytes: member.sizeBytes,
  state: member.state,
  detail: member.failure ?? (member.ioErrors === 0 ? '' : `${member.ioErrors} I/O error(s)`),
});

const absentArray = (settings: ServerSettings, reason: string): ArrayEntry => ({
  state: 'unavailable',
  detail: reason,
  uuid: null,
  layout: settings.layout,
  chunkBytes: settings.chunkBytes,
  capacityBytes: 0,
  freeBytes: 0,
  volatile: false,
  members: settings.disks.map(({ path }, index) => ({
    path: path ?? `memory${index}`,
    uuid: '',
    sizeBytes: 0,
    state: 'unknown',
    detail: '',
  })),
});
