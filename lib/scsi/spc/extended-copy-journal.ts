/**
 * What the copy manager of a logical unit remembers of a nexus' copies, for RECEIVE COPY RESULTS
 * (SPC-4).
 */
import type { ItlNexus } from '../nexus.ts';

/** Ended copies whose results are kept for a nexus; the oldest gives way. */
export const HELD_RESULTS_MAX = 64;
/** Copies of a nexus in progress at once. */
export const CONCURRENT_COPIES_MAX = 16;

/** COPY MANAGER STATUS. */
export const CopyStatus = { inProgress: 0, succeeded: 1, failed: 2 } as const;

export interface CopyRecord {
  /** -1: the copy has no list identifier. */
  readonly listId: number;
  /** Results stay until they are fetched. */
  readonly hold: boolean;
  status: number;
  segmentsProcessed: number;
  bytesCopied: number;
  /** SCSI status and sense data of a failed copy. */
  scsiStatus: number;
  sense: Buffer;
}

export class CopyJournal {
  /** In order of their beginning. */
  readonly #held = new Map<number, CopyRecord>();
  #inProgress = 0;

  get inProgress(): number {
    return this.#inProgress;
  }

  isInUse(listId: number): boolean {
    return this.#held.get(listId)?.status === CopyStatus.inProgress;
  }

  /** @param listId not in use; -1: none. */
  begin(listId: number, hold: boolean): CopyRecord {
    const record: CopyRecord = {
      listId,
      hold,
      status: CopyStatus.inProgress,
      segmentsProcessed: 0,
      bytesCopied: 0,
      scsiStatus: 0,
      sense: Buffer.alloc(0),
    };
    this.#inProgress++;
    if (listId < 0) return record;
    this.#held.delete(listId);
    this.#held.set(listId, record);
    return record;
  }

  end(record: CopyRecord, status: number): void {
    record.status = status;
    this.#inProgress--;
    if (!record.hold && this.find(record.listId) === record) this.#held.delete(record.listId);
    this.#forgetOldest();
  }

  find(listId: number): CopyRecord | undefined {
    return this.#held.get(listId);
  }

  /** Results of a copy that has ended are told once. */
  fetched(record: CopyRecord): void {
    if (record.status !== CopyStatus.inProgress) this.#held.delete(record.listId);
  }

  #forgetOldest(): void {
    for (const [listId, record] of this.#held) {
      if (this.#held.size <= HELD_RESULTS_MAX) return;
      if (record.status !== CopyStatus.inProgress) this.#held.delete(listId);
    }
  }
}

const journals = new WeakMap<ItlNexus, CopyJournal>();

/** The journal of a nexus with a logical unit; it ends with the nexus. */
export function journalOf(itl: ItlNexus): CopyJournal {
  let journal = journals.get(itl);
  if (journal === undefined) journals.set(itl, (journal = new CopyJournal()));
  return journal;
}
