/** Text, request and response. @source RFC 7143 §11.10, §11.11 */
import { flag, layout } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import { BHS_BYTES, CONTINUE_BIT, Opcode } from '../opcodes.ts';
import {
  commonFields,
  final,
  initiatorTaskTag,
  lun,
  requestNumbers,
  responseNumbers,
  targetTransferTag,
} from './header.ts';

/** The text goes on in the next PDU; never with `final`. */
const continued = flag(1, CONTINUE_BIT);

export const textRequest = layout(BHS_BYTES, {
  ...commonFields(Opcode.textRequest),
  final: final(),
  continued,
  lun,
  initiatorTaskTag,
  /** That of the response being continued; FFFFFFFFh starts anew. */
  targetTransferTag,
  ...requestNumbers,
});
export type TextRequest = ValueOf<typeof textRequest>;

export const textResponse = layout(BHS_BYTES, {
  ...commonFields(Opcode.textResponse),
  final: final(),
  continued,
  lun,
  initiatorTaskTag,
  /** FFFFFFFFh with `final`, any other value without. */
  targetTransferTag,
  ...responseNumbers,
});
export type TextResponse = ValueOf<typeof textResponse>;
