/** What every BHS has, before its opcode is known. @source RFC 7143 §11.2.1 */
import { layout } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import { BHS_BYTES } from '../opcodes.ts';
import { commonFields, final, initiatorTaskTag } from './header.ts';

export const anyPdu = layout(BHS_BYTES, {
  ...commonFields(0),
  final: final(),
  initiatorTaskTag,
});
export type AnyPdu = ValueOf<typeof anyPdu>;
