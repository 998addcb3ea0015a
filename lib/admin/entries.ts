/**
 * What the API shows. Fields are only ever added; bytes are integers, times RFC 3339 UTC, lists
 * sorted; no secrets.
 */
import type { Rights } from './desired-state.ts';

export interface HostEntry {
  readonly name: string;
  readonly iqn: string;
  /** CHAP name that the host proves itself with; null: let in by its name alone. */
  readonly chapUser: string | null;
  readonly mutualUser: string | null;
  /** No proof is asked. */
  readonly open: boolean;
  readonly partitions: readonly {
    readonly name: string;
    readonly lun: number;
    readonly rights: Rights;
  }[];
  readonly sessions: number;
}

export interface AssignmentEntry {
  readonly host: string;
  readonly rights: Rights;
  /** Came with an imported array and waits for `array import --confirm`. */
  readonly suspended: boolean;
}

export interface ConnectedEntry {
  readonly tsih: number;
  readonly host: string;
  readonly initiatorName: string;
  readonly remoteAddress: string;
}

export interface PartitionEntry {
  readonly name: string;
  readonly uuid: string;
  readonly lun: number;
  readonly sizeBytes: number;
  readonly blockSizeBytes: number;
  /**
   * `zeroing`: new space is being cleared and not served yet. `deleting`: nobody sees it any more,
   * commands of before are still on the disks.
   */
  readonly state: 'ready' | 'zeroing' | 'deleting';
  /** Why its new space could not be cleared; empty when nothing is wrong. */
  readonly detail: string;
  /** Several hosts may write. */
  readonly shared: boolean;
  /** Some host gets at it without proving itself: "*", or a host without CHAP. */
  readonly open: boolean;
  readonly assignments: readonly AssignmentEntry[];
  /** Sessions that see it now. */
  readonly connected: readonly ConnectedEntry[];
  readonly createdAt: string;
}

export interface MemberEntry {
  readonly path: string;
  readonly uuid: string;
  readonly sizeBytes: number;
  readonly state: string;
  /** What is wrong with it; empty when nothing is. */
  readonly detail: string;
}

export interface ArrayEntry {
  /** `unavailable`: nothing is served, logins are told to come back later; `detail` says why. */
  readonly state: 'online' | 'failed' | 'unavailable';
  readonly detail: string;
  readonly uuid: string | null;
  readonly layout: string;
  readonly chunkBytes: number;
  readonly capacityBytes: number;
  readonly freeBytes: number;
  readonly volatile: boolean;
  readonly members: readonly MemberEntry[];
}

export interface SessionEntry {
  readonly tsih: number;
  readonly host: string;
  readonly initiatorName: string;
  readonly isid: string;
  readonly type: 'normal' | 'discovery';
  readonly authenticatedAs: string | null;
  readonly since: string;
  readonly connections: readonly {
    readonly cid: number;
    readonly localAddress: string;
    readonly remoteAddress: string;
    readonly headerDigest: boolean;
    readonly dataDigest: boolean;
  }[];
  readonly luns: readonly number[];
  readonly commands: number;
  readonly outstandingCommands: number;
  readonly dataInBytes: number;
  readonly dataOutBytes: number;
}

export interface StatusEntry {
  readonly role: 'target';
  readonly version: string;
  readonly iqn: string;
  readonly serverUuid: string;
  readonly incarnation: number;
  readonly pid: number;
  readonly startedAt: string;
  /** Logins are taken. */
  readonly serving: boolean;
  readonly portals: readonly { readonly address: string; readonly advertise: string | null }[];
  readonly ioEngine: string;
  readonly array: ArrayEntry;
  readonly hosts: number;
  readonly partitions: number;
  readonly sessions: number;
  /** Let in by their name alone. */
  readonly openHosts: readonly string[];
  /** Within reach of somebody who proves nothing: "*", or an open host. */
  readonly openPartitions: readonly string[];
  /** What needs a look; the same findings as `doctor`, without the ones that are well. */
  readonly attention: readonly string[];
}

export interface FindingEntry {
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'error';
  readonly finding: string;
  /** One line that mends it; empty when nothing is to be done. */
  readonly remedy: string;
}
