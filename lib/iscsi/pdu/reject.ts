/**
 * Reject, target → initiator; the data segment is the header of the PDU refused. @source RFC 7143
 * §11.17
 */
import { layout, u8, u32 } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import { BHS_BYTES, Opcode, RESERVED_TAG } from '../opcodes.ts';
import { commonFields, final, responseNumbers } from './header.ts';

export const reject = layout(BHS_BYTES, {
  ...commonFields(Opcode.reject),
  final: final(true),
  /** RejectReason. */
  reason: u8(2),
  initiatorTaskTag: u32(16, RESERVED_TAG),
  ...responseNumbers,
  /** Next Data-In or R2T number, for some reasons. */
  dataSn: u32(36),
});
export type Reject = ValueOf<typeof reject>;
