/** What the command queue needs of the connection that its commands travel on. */
import type { PduWriter } from './pdu-writer.ts';

export interface CommandLink {
  readonly writer: PduWriter;
  /** Next StatSN expected: acknowledges all before it. */
  readonly expStatSn: number;
  /** Something was queued; it leaves before the event loop turns. */
  wake(): void;
}

/** What the login agreed on, as far as it shapes data transfer; lengths in bytes. */
export interface TransferParameters {
  readonly initialR2t: boolean;
  readonly immediateData: boolean;
  readonly firstBurstBytes: number;
  /** Longest data segment that the target takes: its MaxRecvDataSegmentLength. */
  readonly segmentBytesMax: number;
}
