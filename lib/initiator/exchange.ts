/**
 * Requests other than SCSI commands: NOP-Out, task management, text, logout. Rare, so each is an
 * object of its own.
 */
import type { Opcode } from '../iscsi/index.ts';

export interface Exchange {
  /** The PDU that answers; any other with this task tag breaks the protocol. */
  readonly answer: Opcode;
  /** Is this the last answer? Text comes in several. */
  isLast(header: Buffer): boolean;
  /**
   * @param header the answer's basic header segment; @param data its data segment. Both are
   * borrowed.
   */
  answered(header: Buffer, data: Buffer): void;
  /** No answer will come. */
  lost(detail: string): void;
}

/** Task Management response in the words of RFC 7143 §11.6.1, or why there is none. */
export interface ManagementResult {
  /** TaskManagementResponseCode; null where the session ended first. */
  readonly response: number | null;
  readonly detail: string;
}
