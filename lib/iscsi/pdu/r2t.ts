/** Ready To Transfer, target → initiator. @source RFC 7143 §11.8 */
import { layout, u32 } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import { BHS_BYTES, Opcode } from '../opcodes.ts';
import {
  commonFields,
  final,
  initiatorTaskTag,
  lun,
  responseNumbers,
  targetTransferTag,
} from './header.ts';

export const r2t = layout(BHS_BYTES, {
  ...commonFields(Opcode.r2t),
  final: final(true),
  lun,
  initiatorTaskTag,
  /** Never FFFFFFFFh. */
  targetTransferTag,
  /** The next StatSN, which an R2T doesn't consume. */
  ...responseNumbers,
  /** From 0 for each command. */
  r2tSn: u32(36),
  bufferOffsetBytes: u32(40),
  /** 1 … MaxBurstLength. */
  desiredLengthBytes: u32(44),
});
export type R2t = ValueOf<typeof r2t>;
