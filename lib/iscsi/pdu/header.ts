/** Fields that PDUs share at the same place. @source RFC 7143 §11.2.1 */
import { bits, bytes, flag, u8, u24, u32 } from '../../wire/index.ts';
import type { Field } from '../../wire/index.ts';
import { FINAL_BIT, IMMEDIATE_BIT, OPCODE_MASK } from '../opcodes.ts';

/** Bytes 0 and 4-7: opcode, immediate bit and segment lengths. */
export const commonFields = (opcode: number, immediate = false) => ({
  opcode: bits(0, OPCODE_MASK, opcode),
  /** Bypasses CmdSN ordering; requests only. */
  immediate: flag(0, IMMEDIATE_BIT, immediate),
  /** In 4-byte words. */
  totalAhsLengthWords: u8(4),
  /** Without padding. */
  dataSegmentLengthBytes: u24(5),
});

/** Names the task on the initiator's side; FFFFFFFFh is reserved. */
export const initiatorTaskTag: Field<number> = u32(16);
/** Names a transfer or exchange on the target's side; FFFFFFFFh is reserved. */
export const targetTransferTag: Field<number> = u32(20, 0xffff_ffff);
/** The 8-byte LUN of SAM-5. */
export const lun: Field<Buffer> = bytes(8, 8);

/**
 * Numbers that requests carry: place in the session's command order, next status expected on this
 * connection.
 */
export const requestNumbers = { cmdSn: u32(24), expStatSn: u32(28) };
/**
 * Numbers that responses carry: this connection's status count, and the session's command window.
 */
export const responseNumbers = { statSn: u32(24), expCmdSn: u32(28), maxCmdSn: u32(32) };

/** Last PDU of its sequence. */
export const final = (initial = false): Field<boolean> => flag(1, FINAL_BIT, initial);
