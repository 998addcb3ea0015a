/** SCSI Response, target → initiator. @source RFC 7143 §11.4 */
import { flag, layout, u8, u32 } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import {
  BHS_BYTES,
  BIDIRECTIONAL_OVERFLOW_BIT,
  BIDIRECTIONAL_UNDERFLOW_BIT,
  Opcode,
  OVERFLOW_BIT,
  UNDERFLOW_BIT,
} from '../opcodes.ts';
import { commonFields, final, initiatorTaskTag, responseNumbers } from './header.ts';

export const scsiResponse = layout(BHS_BYTES, {
  ...commonFields(Opcode.scsiResponse),
  final: final(true),
  /** Residuals of the Data-In part of a bidirectional command. */
  bidirectionalOverflow: flag(1, BIDIRECTIONAL_OVERFLOW_BIT),
  bidirectionalUnderflow: flag(1, BIDIRECTIONAL_UNDERFLOW_BIT),
  /** More was wanted than the initiator expected to move. */
  overflow: flag(1, OVERFLOW_BIT),
  /** Less was moved than the initiator expected. */
  underflow: flag(1, UNDERFLOW_BIT),
  /** ScsiResponseCode. */
  response: u8(2),
  /** SAM status, valid where `response` is 0. */
  status: u8(3),
  initiatorTaskTag,
  /** For R-Data SNACK, 0 otherwise. */
  snackTag: u32(20),
  ...responseNumbers,
  /** Data-In and R2T PDUs sent for the command. */
  expDataSn: u32(36),
  bidirectionalReadResidualBytes: u32(40),
  residualBytes: u32(44),
});
export type ScsiResponse = ValueOf<typeof scsiResponse>;

/** Sense data in the data segment comes behind its 2-byte length. */
export const SENSE_LENGTH_BYTES = 2;
