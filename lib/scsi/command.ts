/**
 * A command of the device server, declared once: the row gives the dispatcher its handlers, REPORT
 * SUPPORTED OPERATION CODES its usage data, the reservation check its class and the documentation
 * its table.
 */
import type { MediaKind } from './counters.ts';
import type { LogicalUnit } from './logical-unit.ts';
import type { SenseReason } from './sense.ts';
import type { ScsiTask } from './task.ts';

/**
 * What a reservation of another nexus does to the command (SPC-4 and SBC-3 tables of commands
 * allowed under reservations).
 */
export type ReservationClass =
  /** Never conflicts (INQUIRY, REPORT LUNS, REQUEST SENSE …). */
  | 'always'
  /** Conflicts with RESERVE(6) only (TEST UNIT READY). */
  | 'legacyOnly'
  /** Conflicts where a read would. */
  | 'read'
  /** Conflicts where a write would. */
  | 'write'
  /** The handler checks for itself (PERSISTENT RESERVE OUT, EXTENDED COPY). */
  | 'own';

export interface CommandRow {
  readonly opcode: number;
  /**
   * Commands that share an opcode are told apart by bits 0-4 of byte 1 (or bytes 8-9 of a 7Fh CDB).
   */
  readonly serviceAction?: number;
  readonly name: string;
  readonly cdbBytes: number;
  /**
   * CDB USAGE DATA: a set bit is evaluated. Reserved bits (clear here) that are set in a CDB end in
   * INVALID FIELD IN CDB.
   */
  readonly usage: readonly number[];
  readonly reservation: ReservationClass;
  /** Changes the medium: refused on a read-only unit (DATA PROTECT) and while SANITIZE runs. */
  readonly writes?: boolean;
  /** Goes through with a unit attention pending, leaving it pending. */
  readonly passesUnitAttention?: boolean;
  /**
   * Answers for a LUN that this nexus doesn't have; the others end in LOGICAL UNIT NOT SUPPORTED.
   */
  readonly withoutUnit?: {
    readonly prepare: (task: ScsiTask) => SenseReason | undefined;
    readonly run: (task: ScsiTask) => void;
  };
  /**
   * The unit does it; without this every unit does. Where it doesn't: INVALID COMMAND OPERATION
   * CODE.
   */
  readonly supported?: (unit: LogicalUnit) => boolean;
  /** Counted as a transfer of `blocks` blocks of user data. */
  readonly media?: MediaKind;
  /** Works while the unit is stopped, failed or being sanitized. */
  readonly whenNotReady?: boolean;
  /**
   * Validates the CDB against the unit without touching the medium; sets lba, blocks, dataOutBytes,
   * dataInBytesMax and bufferBytes (all 0 before). @returns the reason to refuse.
   */
  readonly prepare?: (task: ScsiTask, unit: LogicalUnit) => SenseReason | undefined;
  /** Performs a prepared task; ends it through one of the functions of finish.ts, now or later. */
  readonly run: (task: ScsiTask, unit: LogicalUnit) => void;
  /**
   * Ends an aborted task that `run` has started; without it the task's device request is cancelled.
   */
  readonly stop?: (task: ScsiTask, unit: LogicalUnit) => void;
}
