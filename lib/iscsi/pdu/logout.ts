/** Logout, request and response. @source RFC 7143 §11.14, §11.15 */
import { bits, layout, u8, u16 } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import { BHS_BYTES, Opcode } from '../opcodes.ts';
import {
  commonFields,
  final,
  initiatorTaskTag,
  requestNumbers,
  responseNumbers,
} from './header.ts';

export const logoutRequest = layout(BHS_BYTES, {
  ...commonFields(Opcode.logoutRequest, true),
  final: final(true),
  /** LogoutReason. */
  reason: bits(1, 0x7f),
  initiatorTaskTag,
  /** The connection meant, where the reason names one. */
  cid: u16(20),
  ...requestNumbers,
});
export type LogoutRequest = ValueOf<typeof logoutRequest>;

export const logoutResponse = layout(BHS_BYTES, {
  ...commonFields(Opcode.logoutResponse),
  final: final(true),
  /** LogoutResponseCode. */
  response: u8(2),
  initiatorTaskTag,
  ...responseNumbers,
  time2WaitSeconds: u16(40),
  time2RetainSeconds: u16(42),
});
export type LogoutResponse = ValueOf<typeof logoutResponse>;
