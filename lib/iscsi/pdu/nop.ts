/**
 * NOP-Out and NOP-In: pings both ways, and the window's messenger. @source RFC 7143 §11.18, §11.19
 */
import { layout } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import { BHS_BYTES, Opcode } from '../opcodes.ts';
import {
  commonFields,
  final,
  initiatorTaskTag,
  lun,
  requestNumbers,
  responseNumbers,
  targetTransferTag,
} from './header.ts';

export const nopOut = layout(BHS_BYTES, {
  ...commonFields(Opcode.nopOut),
  final: final(true),
  /** That of the NOP-In being answered, otherwise reserved. */
  lun,
  /** FFFFFFFFh: no answer wanted. */
  initiatorTaskTag,
  /** That of the NOP-In being answered, otherwise FFFFFFFFh. */
  targetTransferTag,
  ...requestNumbers,
});
export type NopOut = ValueOf<typeof nopOut>;

export const nopIn = layout(BHS_BYTES, {
  ...commonFields(Opcode.nopIn),
  final: final(true),
  lun,
  /**
   * That of the NOP-Out being answered, otherwise FFFFFFFFh; StatSN is then the next one, not
   * consumed.
   */
  initiatorTaskTag,
  /** Anything but FFFFFFFFh asks for a NOP-Out. */
  targetTransferTag,
  ...responseNumbers,
});
export type NopIn = ValueOf<typeof nopIn>;
