/** SCSI Data-Out, initiator → target. @source RFC 7143 §11.7 */
import { layout, u32 } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import { BHS_BYTES, Opcode } from '../opcodes.ts';
import { commonFields, final, initiatorTaskTag, lun, targetTransferTag } from './header.ts';

export const dataOut = layout(BHS_BYTES, {
  ...commonFields(Opcode.dataOut),
  /** Last of the unsolicited data, or of the R2T's. */
  final: final(),
  /** That of the R2T; reserved where unsolicited. */
  lun,
  initiatorTaskTag,
  /** That of the R2T; FFFFFFFFh where unsolicited. */
  targetTransferTag,
  expStatSn: u32(28),
  /** From 0 for each R2T, and for the unsolicited data. */
  dataSn: u32(36),
  /** Of the segment's first byte in the command's whole transfer. */
  bufferOffsetBytes: u32(40),
});
export type DataOut = ValueOf<typeof dataOut>;
