/** What a storage server is made of; the composition root reads it from target.yaml. */
import type { ChapAlgorithm } from '../../auth/index.ts';
import type { BlockDevice, EngineChoice } from '../../block/index.ts';
import type { Layout } from '../../partition/index.ts';
import type { TargetLimits } from '../../target/index.ts';

export interface DiskSettings {
  /** Exactly one of path, memoryBytes and device is set. */
  readonly path: string | undefined;
  readonly memoryBytes: number | undefined;
  /** Length of a file that is made when absent. */
  readonly sizeBytes: number | undefined;
  readonly sparse: boolean;
  /** Take it although it holds something else; a disk of an array only by its UUID. */
  readonly initialize: boolean | string;
  /** One that the caller has opened; the server closes it. */
  readonly device?: BlockDevice;
}

export interface PortalSettings {
  /** `host:port`; port 0 takes any that is free. */
  readonly listen: string;
  /** Told to hosts instead. */
  readonly advertise: string | null;
}

export interface ServerSettings {
  readonly version: string;
  /** Target name, normalized. */
  readonly iqn: string;
  readonly stateDirectory: string;
  readonly portals: readonly PortalSettings[];
  /** iSNS servers to register with, `host:port`. */
  readonly isns: readonly string[];
  readonly chapAlgorithms: readonly ChapAlgorithm[];
  readonly layout: Layout;
  readonly chunkBytes: number;
  readonly disks: readonly DiskSettings[];
  readonly engine: EngineChoice;
  /** O_DIRECT. */
  readonly direct: boolean;
  /** False: a write is answered when it is durable. */
  readonly writeCache: boolean;
  readonly limits: Partial<TargetLimits>;
  readonly transferMemoryBytes: number;
  /** Time for commands under way when the server stops. */
  readonly drainMs: number;
  /** Time for the last flush and for disks to let go, after that. Default 60 s. */
  readonly letGoMs?: number;
  /** What `export` gives back besides hosts and partitions, in the form of the file. */
  readonly exported: Readonly<Record<string, unknown>>;
}
