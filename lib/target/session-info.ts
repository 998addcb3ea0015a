/** A session as an administrator sees it. */
import type { TargetSession } from './target-session.ts';

export interface ConnectionInfo {
  readonly cid: number;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
}

export interface SessionInfo {
  readonly tsih: number;
  readonly initiatorName: string;
  readonly initiatorAlias: string;
  readonly host: string;
  /** 12 hexadecimal digits. */
  readonly isid: string;
  readonly type: 'normal' | 'discovery';
  /** CHAP user; null: logged in by name alone. */
  readonly authenticatedAs: string | null;
  readonly sinceWallMs: number;
  readonly connections: readonly ConnectionInfo[];
  readonly luns: readonly number[];
  readonly outstandingCommands: number;
  readonly commands: number;
  readonly dataInBytes: number;
  readonly dataOutBytes: number;
}

export function describeSession(session: TargetSession): SessionInfo {
  const { identity, counters } = session;
  return {
    tsih: identity.tsih,
    initiatorName: identity.initiatorName,
    initiatorAlias: identity.initiatorAlias,
    host: session.host,
    isid: identity.isid.toString('hex'),
    type: identity.type,
    authenticatedAs: identity.authenticatedAs,
    sinceWallMs: session.sinceWallMs,
    connections: [...session.connections.values()].map((connection) => ({
      cid: connection.cid,
      localAddress: connection.port.localAddress,
      remoteAddress: connection.port.remoteAddress,
      headerDigest: connection.headerDigest,
      dataDigest: connection.dataDigest,
    })),
    luns: session.nexus === null ? [] : [...session.nexus.units.keys()].sort((a, b) => a - b),
    outstandingCommands: session.outstandingCommands,
    commands: counters.commands,
    dataInBytes: counters.dataInBytes,
    dataOutBytes: counters.dataOutBytes,
  };
}
