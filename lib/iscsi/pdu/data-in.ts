/** SCSI Data-In, target → initiator. @source RFC 7143 §11.7 */
import { flag, layout, u8, u32 } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import {
  ACKNOWLEDGE_BIT,
  BHS_BYTES,
  Opcode,
  OVERFLOW_BIT,
  STATUS_BIT,
  UNDERFLOW_BIT,
} from '../opcodes.ts';
import {
  commonFields,
  final,
  initiatorTaskTag,
  lun,
  responseNumbers,
  targetTransferTag,
} from './header.ts';

export const dataIn = layout(BHS_BYTES, {
  ...commonFields(Opcode.dataIn),
  /** Last of a sequence, which is no longer than MaxBurstLength. */
  final: final(),
  /** Asks for a DataACK; error recovery level 1 and up. */
  acknowledge: flag(1, ACKNOWLEDGE_BIT),
  overflow: flag(1, OVERFLOW_BIT),
  underflow: flag(1, UNDERFLOW_BIT),
  /** Carries the command's status, which had no sense data; only with `final`. */
  statusPresent: flag(1, STATUS_BIT),
  /** SAM status where `statusPresent`. */
  status: u8(3),
  /** Meaningful only with `acknowledge`. */
  lun,
  initiatorTaskTag,
  /** FFFFFFFFh unless `acknowledge`. */
  targetTransferTag,
  ...responseNumbers,
  /** Counts through the whole command. */
  dataSn: u32(36),
  bufferOffsetBytes: u32(40),
  /** Valid where `statusPresent`. */
  residualBytes: u32(44),
});
export type DataIn = ValueOf<typeof dataIn>;
