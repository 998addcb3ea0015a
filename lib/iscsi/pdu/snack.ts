/** SNACK Request, initiator → target; error recovery level 1 and up. @source RFC 7143 §11.16 */
import { bits, layout, u32 } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import { BHS_BYTES, Opcode } from '../opcodes.ts';
import { commonFields, final, initiatorTaskTag, lun, targetTransferTag } from './header.ts';

export const snackRequest = layout(BHS_BYTES, {
  ...commonFields(Opcode.snackRequest),
  final: final(true),
  /** SnackType. */
  type: bits(1, 0x0f),
  lun,
  initiatorTaskTag,
  /** SNACK tag for R-Data, TTT for DataACK. */
  targetTransferTag,
  expStatSn: u32(28),
  /** First number asked for. */
  begRun: u32(40),
  /** How many; 0: all from `begRun`. */
  runLength: u32(44),
});
export type SnackRequest = ValueOf<typeof snackRequest>;
