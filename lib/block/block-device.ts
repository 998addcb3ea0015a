/**
 * The one interface: everything that holds blocks is a BlockDevice; everything else makes one,
 * stacks on one or exports one.
 *
 * It has two faces over one contract (test/contract/block-device.ts). This is the batch face:
 * `submit` queues a caller-owned request and returns at once, nothing is allocated per request, and
 * what is submitted in one turn of the event loop leaves together. `promise-face.ts` derives the
 * face for everything that is not the hot path.
 */
import type { TransferMemory } from './transfer-memory.ts';

export const BlockOp = { read: 0, write: 1, flush: 2, unmap: 3, writeZeroes: 4 } as const;
export type BlockOp = (typeof BlockOp)[keyof typeof BlockOp];

/**
 * How a request ended. Everything but `ok` leaves the content of a written range unknown unless it
 * says otherwise.
 */
export const BlockOutcome = {
  ok: 0,
  /** The medium failed; the range may hold old, new or torn data. */
  ioError: 1,
  /** No space behind a thin device; nothing was written. */
  noSpace: 2,
  /** The device was fenced or replaced under the caller; nothing was done. */
  stale: 3,
  /** Another writer holds the range; nothing was done. */
  conflict: 4,
  /** It can't be known whether the write landed, or still will. */
  unknownOutcome: 5,
  /** Cancelled before it touched the medium; nothing was done. */
  cancelled: 6,
  readOnly: 7,
  /** Outside the device, or not a multiple of the block size; nothing was done. */
  outOfRange: 8,
  /** Device closed or its member missing; nothing was done. */
  notReady: 9,
  /** The device does not do this operation; nothing was done. */
  unsupported: 10,
} as const;
export type BlockOutcome = (typeof BlockOutcome)[keyof typeof BlockOutcome];

/**
 * One transfer. The caller owns it, keeps it in a pool and may reuse it once `onDone` has been
 * called; between `submit` and `onDone` it and its memory belong to the device, which must leave
 * its fields as they were (layers use children of their own). `offsetBytes` and `lengthBytes` are
 * multiples of the device's block size.
 */
export class BlockRequest {
  op: BlockOp = BlockOp.read;
  offsetBytes = 0;
  /** 0 for flush. */
  lengthBytes = 0;
  /** Where data comes from or goes to; null for flush, unmap and writeZeroes. */
  memory: TransferMemory | null = null;
  /** First byte in `memory`; page-aligned memory and start avoid a copy. */
  memoryStart = 0;
  /** Write, unmap, writeZeroes: durable before `onDone`. */
  fua = false;
  /** writeZeroes: may the device drop the storage behind the range (it still reads as zeros)? */
  mayUnmap = false;

  outcome: BlockOutcome = BlockOutcome.ok;
  /** errno text or layer's word for it; for logs, empty on success. */
  detail = '';
  /**
   * Called exactly once for each submit, never from inside `submit`. Set once when the pool makes
   * the request.
   */
  onDone: (request: BlockRequest) => void = unsetOnDone;
  /** For the caller's own use: what this request belongs to. */
  owner: unknown = null;
}

function unsetOnDone(): never {
  throw new Error('BlockRequest submitted without onDone');
}

/**
 * What a device can do and promises, constant for its life (capacity is not: see
 * `onCapacityChange`).
 */
export interface BlockFeatures {
  readonly readOnly: boolean;
  /**
   * True: a completed write may be lost by a crash until a flush completes. False: every write is
   * durable when done.
   */
  readonly volatileWriteCache: boolean;
  /** Lost with the process: memory devices and arrays over them. */
  readonly volatile: boolean;
  /** `unmap` does something. */
  readonly unmap: boolean;
  /** Unmapped and never written ranges read as zeros (LBPRZ). */
  readonly unmapReadsZeroes: boolean;
  /** `extents` tells holes from data; storage is allocated on write. */
  readonly thin: boolean;
  readonly unmapGranularityBytes: number;
  /** A transfer of this length and alignment keeps all members busy; 0: no preference. */
  readonly optimalTransferBytes: number;
  /** A longer request is refused by nobody but may be split. */
  readonly maxTransferBytes: number;
  readonly rotational: boolean;
}

export interface BlockExtent {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly kind: 'data' | 'zero';
}

export interface BlockDevice {
  /** Unit of transfer and alignment: 512 or 4096. */
  readonly blockSizeBytes: number;
  /** What the medium writes without read-modify-write; a multiple of blockSizeBytes. */
  readonly physicalBlockSizeBytes: number;
  /** A multiple of blockSizeBytes, below 2^53. */
  readonly capacityBytes: number;
  readonly features: BlockFeatures;
  /** A word for logs: path, partition name. */
  readonly name: string;

  /**
   * Queues a request. Requests may be performed in any order; a flush covers the writes whose
   * `onDone` came before it was submitted.
   */
  submit(request: BlockRequest): void;
  /**
   * Best effort: a request that hasn't touched the medium ends as `cancelled`, any other ends as it
   * would have.
   */
  cancel(request: BlockRequest): void;
  /**
   * Allocated and zero ranges, ascending, gap-free over the asked range. At most `limit` extents;
   * the answer may then be short.
   */
  extents(offsetBytes: number, lengthBytes: number, limit?: number): Promise<BlockExtent[]>;
  /** @returns a function that ends the subscription. */
  onCapacityChange(listener: (capacityBytes: number) => void): () => void;
  /** Resolves when everything submitted before has ended. */
  drain(): Promise<void>;
  /** Drains, flushes, releases. Later requests end as notReady. Idempotent. */
  close(): Promise<void>;
}
