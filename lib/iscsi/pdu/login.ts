/** Login, request and response. @source RFC 7143 §11.12, §11.13 */
import { bits, bytes, flag, layout, u8, u16 } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import { BHS_BYTES, CONTINUE_BIT, FINAL_BIT, Opcode } from '../opcodes.ts';
import { commonFields, initiatorTaskTag, requestNumbers, responseNumbers } from './header.ts';

/** The only version there is. */
export const ISCSI_VERSION = 0;
/** Initiator part of the session identifier. */
export const ISID_BYTES = 6;

const stages = {
  /** Ready to leave the current stage for the next one. */
  transit: flag(1, FINAL_BIT),
  /** The text goes on in the next PDU. */
  continued: flag(1, CONTINUE_BIT),
  /** LoginStage. */
  currentStage: bits(1, 0x0c),
  /** LoginStage, meaningful with `transit`. */
  nextStage: bits(1, 0x03),
};

export const loginRequest = layout(BHS_BYTES, {
  ...commonFields(Opcode.loginRequest, true),
  ...stages,
  versionMax: u8(2, ISCSI_VERSION),
  versionMin: u8(3, ISCSI_VERSION),
  isid: bytes(8, ISID_BYTES),
  /** 0 asks for a new session. */
  tsih: u16(14),
  initiatorTaskTag,
  /** Connection identifier, the initiator's choice. */
  cid: u16(20),
  ...requestNumbers,
});
export type LoginRequest = ValueOf<typeof loginRequest>;

export const loginResponse = layout(BHS_BYTES, {
  ...commonFields(Opcode.loginResponse),
  ...stages,
  versionMax: u8(2, ISCSI_VERSION),
  versionActive: u8(3, ISCSI_VERSION),
  isid: bytes(8, ISID_BYTES),
  /** 0 until the last response of a leading login. */
  tsih: u16(14),
  initiatorTaskTag,
  ...responseNumbers,
  /** LoginStatus: class and detail. */
  status: u16(36),
});
export type LoginResponse = ValueOf<typeof loginResponse>;
