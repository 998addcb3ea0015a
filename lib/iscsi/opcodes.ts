/** Codes of the PDUs. @source RFC 7143 §11.2.1.2 */
export const Opcode = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagementRequest: 0x02,
  loginRequest: 0x03,
  textRequest: 0x04,
  dataOut: 0x05,
  logoutRequest: 0x06,
  snackRequest: 0x10,
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagementResponse: 0x22,
  loginResponse: 0x23,
  textResponse: 0x24,
  dataIn: 0x25,
  logoutResponse: 0x26,
  r2t: 0x31,
  asyncMessage: 0x32,
  reject: 0x3f,
} as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** Byte 0 of the BHS. */
export const OPCODE_MASK = 0x3f;
export const IMMEDIATE_BIT = 0x40;

/**
 * Byte 1 of the BHS, as hot-path code tests and builds it; the layouts of pdu/ name the same bits.
 */
export const FINAL_BIT = 0x80;
export const CONTINUE_BIT = 0x40;
export const READ_BIT = 0x40;
export const WRITE_BIT = 0x20;
export const TASK_ATTRIBUTE_MASK = 0x07;
export const ACKNOWLEDGE_BIT = 0x40;
export const BIDIRECTIONAL_OVERFLOW_BIT = 0x10;
export const BIDIRECTIONAL_UNDERFLOW_BIT = 0x08;
export const OVERFLOW_BIT = 0x04;
export const UNDERFLOW_BIT = 0x02;
export const STATUS_BIT = 0x01;

/** An ITT or TTT that stands for "none". */
export const RESERVED_TAG = 0xffff_ffff;

export { BHS_BYTES } from './pdu-framer.ts';
/** Length of a header or data digest. */
export const DIGEST_BYTES = 4;
/** Segments are padded to a multiple of this. */
export const PAD_BYTES = 4;

/** Padded length of a segment. */
export const paddedBytes = (lengthBytes: number): number => (lengthBytes + 3) & ~3;
