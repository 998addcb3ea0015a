/**
 * target.yaml as the storage server takes it: typed, numbers in bytes and milliseconds, paths
 * absolute.
 */
import type { DesiredState } from '../lib/admin/index.ts';

export interface DiskConfig {
  /** Exactly one of path and memoryBytes is set. */
  readonly path: string | undefined;
  readonly memoryBytes: number | undefined;
  /** Length of a file that is made when absent. */
  readonly sizeBytes: number | undefined;
  readonly sparse: boolean;
  /** Take it although it holds something else; a disk of an array only by its UUID. */
  readonly initialize: boolean | string;
}

export interface AdminConfig {
  readonly listen: string;
  readonly token: string | undefined;
  readonly insecure: boolean;
  /** Further names by which the API may be called. */
  readonly names: readonly string[];
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
}

export interface LimitsConfig {
  readonly sessions: number;
  readonly connectionsBeforeLogin: number;
  readonly connectionsPerSession: number;
  readonly queueDepth: number;
  readonly maxRecvDataSegmentLengthBytes: number;
  readonly firstBurstLengthBytes: number;
  readonly maxBurstLengthBytes: number;
  readonly maxOutstandingR2t: number;
  readonly transferMemoryBytes: number;
  readonly loginMs: number;
  readonly nopIntervalMs: number;
  readonly nopTimeoutMs: number;
  readonly abortMs: number;
  readonly drainMs: number;
}

export interface TargetConfig {
  /** Absolute path of the file. */
  readonly file: string;
  readonly iqn: string;
  readonly stateDirectory: string;
  readonly listen: readonly string[];
  readonly advertise: Readonly<Record<string, string>>;
  readonly isns: readonly string[];
  readonly chapAlgorithms: readonly string[];
  readonly admin: AdminConfig;
  readonly array: {
    readonly layout: 'linear' | 'stripe' | 'mirror';
    readonly chunkBytes: number;
    readonly disks: readonly DiskConfig[];
  };
  readonly io: {
    readonly engine: 'io_uring' | 'threads' | 'auto';
    readonly direct: boolean;
    readonly writeCache: boolean;
    readonly spin: boolean;
  };
  readonly desired: DesiredState;
  readonly limits: LimitsConfig;
  /** The same as the file has them, with their units and the defaults filled in. */
  readonly exportedLimits: Readonly<Record<string, unknown>>;
  /** Keys that are known but do nothing in this version. */
  readonly ignoredKeys: readonly string[];
}
