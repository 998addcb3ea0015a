/**
 * One header of each PDU, byte for byte, and what it says. Sources are the clauses named at the
 * layouts.
 */
import * as iscsi from '../../lib/iscsi/index.ts';
import type { Fields, Layout } from '../../lib/wire/index.ts';

export interface PduVector {
  readonly name: string;
  readonly layout: Layout<Fields>;
  /** 48 bytes in hex; blanks separate words. */
  readonly hex: string;
  readonly value: Readonly<Record<string, unknown>>;
}

const lun = (hex: string): Buffer => Buffer.from(hex, 'hex');
const common = { immediate: false, totalAhsLengthWords: 0, dataSegmentLengthBytes: 0, final: true };
const ZERO = '00000000';

// prettier-ignore
export const pduVectors: readonly PduVector[] = [
  {
    name: 'NOP-Out', layout: iscsi.nopOut,
    hex: `40800000 00000004 0001000000000000 00000011 ffffffff 00000022 00000033 ${ZERO} ${ZERO} ${ZERO} ${ZERO}`,
    value: { ...common, opcode: 0x00, immediate: true, dataSegmentLengthBytes: 4, lun: lun('0001000000000000'),
      initiatorTaskTag: 0x11, targetTransferTag: 0xffffffff, cmdSn: 0x22, expStatSn: 0x33 },
  },
  {
    name: 'SCSI Command', layout: iscsi.scsiCommand,
    hex: `01e10000 05010203 0002000000000000 aabbccdd 00001000 00000007 00000008 280000000102 00000800 000000000000`,
    value: { ...common, opcode: 0x01, read: true, write: true, taskAttribute: 1, totalAhsLengthWords: 5,
      dataSegmentLengthBytes: 0x010203, lun: lun('0002000000000000'), initiatorTaskTag: 0xaabbccdd,
      expectedDataTransferLengthBytes: 0x1000, cmdSn: 7, expStatSn: 8,
      cdb: Buffer.from('28000000010200000800000000000000', 'hex') },
  },
  {
    name: 'SCSI Response', layout: iscsi.scsiResponse,
    hex: `219e0102 00000014 ${ZERO}${ZERO} 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008`,
    value: { ...common, opcode: 0x21, bidirectionalOverflow: true, bidirectionalUnderflow: true, overflow: true,
      underflow: true, response: 1, status: 2, dataSegmentLengthBytes: 20, initiatorTaskTag: 1, snackTag: 2, statSn: 3,
      expCmdSn: 4, maxCmdSn: 5, expDataSn: 6, bidirectionalReadResidualBytes: 7, residualBytes: 8 },
  },
  {
    name: 'Task Management Function Request', layout: iscsi.taskManagementRequest,
    hex: `42810000 00000000 0003000000000000 00000001 00000002 00000003 00000004 00000005 00000006 ${ZERO} ${ZERO}`,
    value: { ...common, opcode: 0x02, immediate: true, function: 1, lun: lun('0003000000000000'), initiatorTaskTag: 1,
      referencedTaskTag: 2, cmdSn: 3, expStatSn: 4, refCmdSn: 5, expDataSn: 6 },
  },
  {
    name: 'Task Management Function Response', layout: iscsi.taskManagementResponse,
    hex: `22800500 00000000 ${ZERO}${ZERO} 00000001 ${ZERO} 00000002 00000003 00000004 ${ZERO} ${ZERO} ${ZERO}`,
    value: { ...common, opcode: 0x22, response: 5, initiatorTaskTag: 1, statSn: 2, expCmdSn: 3, maxCmdSn: 4 },
  },
  {
    name: 'Data-Out', layout: iscsi.dataOut,
    hex: `05800000 00000200 0001000000000000 00000001 00000002 ${ZERO} 00000003 ${ZERO} 00000004 00000400 ${ZERO}`,
    value: { ...common, opcode: 0x05, dataSegmentLengthBytes: 512, lun: lun('0001000000000000'), initiatorTaskTag: 1,
      targetTransferTag: 2, expStatSn: 3, dataSn: 4, bufferOffsetBytes: 1024 },
  },
  {
    name: 'Data-In', layout: iscsi.dataIn,
    hex: `25c70008 00000200 0001000000000000 00000001 00000002 00000003 00000004 00000005 00000006 00000400 00000007`,
    value: { ...common, opcode: 0x25, acknowledge: true, overflow: true, underflow: true, statusPresent: true, status: 8,
      dataSegmentLengthBytes: 512, lun: lun('0001000000000000'), initiatorTaskTag: 1, targetTransferTag: 2, statSn: 3,
      expCmdSn: 4, maxCmdSn: 5, dataSn: 6, bufferOffsetBytes: 1024, residualBytes: 7 },
  },
  {
    name: 'R2T', layout: iscsi.r2t,
    hex: `31800000 00000000 0001000000000000 00000001 00000002 00000003 00000004 00000005 00000006 00000400 00000800`,
    value: { ...common, opcode: 0x31, lun: lun('0001000000000000'), initiatorTaskTag: 1, targetTransferTag: 2, statSn: 3,
      expCmdSn: 4, maxCmdSn: 5, r2tSn: 6, bufferOffsetBytes: 1024, desiredLengthBytes: 2048 },
  },
  {
    name: 'Asynchronous Message', layout: iscsi.asyncMessage,
    hex: `32800000 00000000 0001000000000000 ffffffff ${ZERO} 00000003 00000004 00000005 01020006 00070008 ${ZERO}`,
    value: { ...common, opcode: 0x32, lun: lun('0001000000000000'), initiatorTaskTag: 0xffffffff, statSn: 3, expCmdSn: 4,
      maxCmdSn: 5, event: 1, vendorCode: 2, parameter1: 6, parameter2: 7, parameter3: 8 },
  },
  {
    name: 'Text Request', layout: iscsi.textRequest,
    hex: `04400000 00000010 0001000000000000 00000001 ffffffff 00000003 00000004 ${ZERO} ${ZERO} ${ZERO} ${ZERO}`,
    value: { ...common, opcode: 0x04, final: false, continued: true, dataSegmentLengthBytes: 16, lun: lun('0001000000000000'),
      initiatorTaskTag: 1, targetTransferTag: 0xffffffff, cmdSn: 3, expStatSn: 4 },
  },
  {
    name: 'Text Response', layout: iscsi.textResponse,
    hex: `24800000 00000010 0001000000000000 00000001 ffffffff 00000003 00000004 00000005 ${ZERO} ${ZERO} ${ZERO}`,
    value: { ...common, opcode: 0x24, continued: false, dataSegmentLengthBytes: 16, lun: lun('0001000000000000'),
      initiatorTaskTag: 1, targetTransferTag: 0xffffffff, statSn: 3, expCmdSn: 4, maxCmdSn: 5 },
  },
  {
    name: 'Login Request', layout: iscsi.loginRequest,
    hex: `43870201 00000123 40000137abcd 0102 00000001 00050000 00000003 00000004 ${ZERO} ${ZERO} ${ZERO} ${ZERO}`,
    value: { opcode: 0x03, immediate: true, totalAhsLengthWords: 0, dataSegmentLengthBytes: 0x123, transit: true,
      continued: false, currentStage: 1, nextStage: 3, versionMax: 2, versionMin: 1, isid: Buffer.from('40000137abcd', 'hex'),
      tsih: 0x0102, initiatorTaskTag: 1, cid: 5, cmdSn: 3, expStatSn: 4 },
  },
  {
    name: 'Login Response', layout: iscsi.loginResponse,
    hex: `23410201 00000123 40000137abcd 0102 00000001 ${ZERO} 00000003 00000004 00000005 02010000 ${ZERO} ${ZERO}`,
    value: { opcode: 0x23, immediate: false, totalAhsLengthWords: 0, dataSegmentLengthBytes: 0x123, transit: false,
      continued: true, currentStage: 0, nextStage: 1, versionMax: 2, versionActive: 1,
      isid: Buffer.from('40000137abcd', 'hex'), tsih: 0x0102, initiatorTaskTag: 1, statSn: 3, expCmdSn: 4, maxCmdSn: 5,
      status: 0x0201 },
  },
  {
    name: 'Logout Request', layout: iscsi.logoutRequest,
    hex: `46810000 00000000 ${ZERO}${ZERO} 00000001 00050000 00000003 00000004 ${ZERO} ${ZERO} ${ZERO} ${ZERO}`,
    value: { ...common, opcode: 0x06, immediate: true, reason: 1, initiatorTaskTag: 1, cid: 5, cmdSn: 3, expStatSn: 4 },
  },
  {
    name: 'Logout Response', layout: iscsi.logoutResponse,
    hex: `26800200 00000000 ${ZERO}${ZERO} 00000001 ${ZERO} 00000003 00000004 00000005 ${ZERO} 00020014 ${ZERO}`,
    value: { ...common, opcode: 0x26, response: 2, initiatorTaskTag: 1, statSn: 3, expCmdSn: 4, maxCmdSn: 5,
      time2WaitSeconds: 2, time2RetainSeconds: 20 },
  },
  {
    name: 'SNACK Request', layout: iscsi.snackRequest,
    hex: `10820000 00000000 0001000000000000 00000001 00000002 ${ZERO} 00000004 ${ZERO} ${ZERO} 00000005 00000006`,
    value: { ...common, opcode: 0x10, type: 2, lun: lun('0001000000000000'), initiatorTaskTag: 1, targetTransferTag: 2,
      expStatSn: 4, begRun: 5, runLength: 6 },
  },
  {
    name: 'Reject', layout: iscsi.reject,
    hex: `3f800400 00000030 ${ZERO}${ZERO} ffffffff ${ZERO} 00000003 00000004 00000005 00000006 ${ZERO} ${ZERO}`,
    value: { ...common, opcode: 0x3f, reason: 4, dataSegmentLengthBytes: 48, initiatorTaskTag: 0xffffffff, statSn: 3,
      expCmdSn: 4, maxCmdSn: 5, dataSn: 6 },
  },
  {
    name: 'NOP-In', layout: iscsi.nopIn,
    hex: `20800000 00000004 0001000000000000 ffffffff 00000002 00000003 00000004 00000005 ${ZERO} ${ZERO} ${ZERO}`,
    value: { ...common, opcode: 0x20, dataSegmentLengthBytes: 4, lun: lun('0001000000000000'), initiatorTaskTag: 0xffffffff,
      targetTransferTag: 2, statSn: 3, expCmdSn: 4, maxCmdSn: 5 },
  },
];

export const vectorBytes = (vector: PduVector): Buffer =>
  Buffer.from(vector.hex.replaceAll(' ', ''), 'hex');
