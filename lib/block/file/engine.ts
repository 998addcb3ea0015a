/**
 * What performs operations on files: io_uring or threads in the addon, or node:fs. One engine
 * serves all file devices of a process. It knows files and bytes; blocks, refusals and durability
 * are the file device's.
 */
import type { FileFacts } from '../native-binding.ts';
import type { TransferMemory } from '../transfer-memory.ts';

/** Numbers shared with native/entry.h. */
export const EngineOp = {
  read: 0,
  write: 1,
  /** Durable when it ends. */
  writeDurable: 2,
  /** All writes that ended before are durable when it ends. */
  sync: 3,
  /** Drops the storage of the range; it reads as zeros. */
  punchHole: 4,
  /** Zeros the range and keeps its storage. */
  zeroRange: 5,
  /** Block devices: the range may read as anything afterwards. */
  discard: 6,
} as const;
export type EngineOp = (typeof EngineOp)[keyof typeof EngineOp];

/** One operation; pooled by its owner, the engine's between `queue` and `onDone`. */
export class EngineTransfer {
  op: EngineOp = EngineOp.read;
  fd = -1;
  /** Null for everything but reads and writes. */
  memory: TransferMemory | null = null;
  memoryStart = 0;
  offsetBytes = 0;
  lengthBytes = 0;
  /** 0 or a negative errno. */
  result = 0;
  /** The engine's own. */
  token = -1;
  /** Never called from inside `queue`. */
  onDone: (transfer: EngineTransfer) => void = unsetOnDone;
}

function unsetOnDone(): never {
  throw new Error('EngineTransfer queued without onDone');
}

export interface EngineOpenOptions {
  readonly readOnly: boolean;
  /** Past the page cache where the file system can. */
  readonly direct: boolean;
  /** An absent file is made, empty. */
  readonly create: boolean;
}

export type EngineKind = 'io_uring' | 'threads' | 'js';

export interface Engine {
  readonly kind: EngineKind;
  /** True: reads and writes need slab memory (`nativeId` not -1). */
  readonly needsSlabs: boolean;
  /** True: `dataRanges` tells holes from data. */
  readonly findsHoles: boolean;
  /**
   * Why this engine and not the better one, in words for a log; empty where there is nothing to
   * say.
   */
  readonly fallbackReason: string;

  /**
   * Opens, locks, asks for the facts. @throws Error with a negative `errno`; -EAGAIN and -EBUSY:
   * held by another.
   */
  open(path: string, options: EngineOpenOptions): FileFacts;
  sizeBytes(fd: number): number;
  /** @throws (rejects) Error with `errno`. */
  preallocate(fd: number, bytes: number): Promise<void>;
  /** Pairs of start and end of what is not a hole, at most `limit`. */
  dataRanges(fd: number, offset: number, length: number, limit: number): Promise<Float64Array>;
  /** The file's transfers have ended. */
  closeFile(fd: number): Promise<void>;

  /**
   * Takes the transfer; those of one turn of the event loop leave together, or in batches of a
   * limit.
   */
  queue(transfer: EngineTransfer): void;
  /** Best effort: what has not begun ends with -ECANCELED. */
  cancel(transfer: EngineTransfer): void;
  /** Transfers queued and not ended. */
  inFlight(): number;
  /** Releases threads and rings. Nothing is in flight. Idempotent. */
  close(): void;
}
