/** Asynchronous Message, target → initiator. @source RFC 7143 §11.9 */
import { layout, u8, u16, u32 } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import { BHS_BYTES, Opcode, RESERVED_TAG } from '../opcodes.ts';
import { commonFields, final, lun, responseNumbers } from './header.ts';

export const asyncMessage = layout(BHS_BYTES, {
  ...commonFields(Opcode.asyncMessage),
  final: final(true),
  /** The logical unit of a SCSI event. */
  lun,
  initiatorTaskTag: u32(16, RESERVED_TAG),
  ...responseNumbers,
  /** AsyncEvent. */
  event: u8(36),
  vendorCode: u8(37),
  /** CID, where the event names a connection. */
  parameter1: u16(38),
  /** Time2Wait in seconds, where connections will drop. */
  parameter2: u16(40),
  /** Seconds allowed, or Time2Retain. */
  parameter3: u16(42),
});
export type AsyncMessage = ValueOf<typeof asyncMessage>;
