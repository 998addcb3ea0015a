/**
 * Sense data (SPC-4): every way in which a command ends in CHECK CONDITION is one named reason of
 * this table. No other file spells an additional sense code.
 */
import type { ScsiTask } from './task.ts';

export const SenseKey = {
  noSense: 0x0,
  recoveredError: 0x1,
  notReady: 0x2,
  mediumError: 0x3,
  hardwareError: 0x4,
  illegalRequest: 0x5,
  unitAttention: 0x6,
  dataProtect: 0x7,
  copyAborted: 0xa,
  abortedCommand: 0xb,
  miscompare: 0xe,
} as const;

export interface SenseCode {
  readonly key: number;
  readonly asc: number;
  readonly ascq: number;
}

// prettier-ignore
export const senseTable = {
  noSense:                         { key: 0x0, asc: 0x00, ascq: 0x00 },

  notReadyCauseNotReportable:      { key: 0x2, asc: 0x04, ascq: 0x00 },
  notReadyStartRequired:           { key: 0x2, asc: 0x04, ascq: 0x02 },
  notReadyFormatInProgress:        { key: 0x2, asc: 0x04, ascq: 0x04 },
  notReadyOperationInProgress:     { key: 0x2, asc: 0x04, ascq: 0x07 },
  notReadySanitizeInProgress:      { key: 0x2, asc: 0x04, ascq: 0x1b },

  readError:                       { key: 0x3, asc: 0x11, ascq: 0x00 },
  writeError:                      { key: 0x3, asc: 0x0c, ascq: 0x00 },
  sanitizeFailed:                  { key: 0x3, asc: 0x31, ascq: 0x03 },

  internalTargetFailure:           { key: 0x4, asc: 0x44, ascq: 0x00 },

  copyListIdInUse:                 { key: 0x5, asc: 0x00, ascq: 0x16 },
  invalidInformationUnit:          { key: 0x5, asc: 0x0e, ascq: 0x03 },
  parameterListLengthError:        { key: 0x5, asc: 0x1a, ascq: 0x00 },
  invalidOpcode:                   { key: 0x5, asc: 0x20, ascq: 0x00 },
  accessDenied:                    { key: 0x5, asc: 0x20, ascq: 0x02 },
  lbaOutOfRange:                   { key: 0x5, asc: 0x21, ascq: 0x00 },
  invalidCdbField:                 { key: 0x5, asc: 0x24, ascq: 0x00 },
  logicalUnitNotSupported:         { key: 0x5, asc: 0x25, ascq: 0x00 },
  invalidParameterField:           { key: 0x5, asc: 0x26, ascq: 0x00 },
  parameterNotSupported:           { key: 0x5, asc: 0x26, ascq: 0x01 },
  parameterValueInvalid:           { key: 0x5, asc: 0x26, ascq: 0x02 },
  invalidReleaseOfReservation:     { key: 0x5, asc: 0x26, ascq: 0x04 },
  tooManyTargetDescriptors:        { key: 0x5, asc: 0x26, ascq: 0x06 },
  unsupportedTargetDescriptor:     { key: 0x5, asc: 0x26, ascq: 0x07 },
  tooManySegmentDescriptors:       { key: 0x5, asc: 0x26, ascq: 0x08 },
  unsupportedSegmentDescriptor:    { key: 0x5, asc: 0x26, ascq: 0x09 },
  inlineDataLengthExceeded:        { key: 0x5, asc: 0x26, ascq: 0x0b },
  invalidCopyOperation:            { key: 0x5, asc: 0x26, ascq: 0x0c },
  commandSequenceError:            { key: 0x5, asc: 0x2c, ascq: 0x00 },
  savingParametersNotSupported:    { key: 0x5, asc: 0x39, ascq: 0x00 },
  invalidMessage:                  { key: 0x5, asc: 0x49, ascq: 0x00 },
  insufficientResources:           { key: 0x5, asc: 0x55, ascq: 0x03 },
  insufficientRegistrations:       { key: 0x5, asc: 0x55, ascq: 0x04 },

  powerOnOrReset:                  { key: 0x6, asc: 0x29, ascq: 0x00 },
  powerOn:                         { key: 0x6, asc: 0x29, ascq: 0x01 },
  deviceReset:                     { key: 0x6, asc: 0x29, ascq: 0x03 },
  nexusLoss:                       { key: 0x6, asc: 0x29, ascq: 0x07 },
  modeParametersChanged:           { key: 0x6, asc: 0x2a, ascq: 0x01 },
  logParametersChanged:            { key: 0x6, asc: 0x2a, ascq: 0x02 },
  reservationsPreempted:           { key: 0x6, asc: 0x2a, ascq: 0x03 },
  reservationsReleased:            { key: 0x6, asc: 0x2a, ascq: 0x04 },
  registrationsPreempted:          { key: 0x6, asc: 0x2a, ascq: 0x05 },
  asymmetricAccessChanged:         { key: 0x6, asc: 0x2a, ascq: 0x06 },
  capacityChanged:                 { key: 0x6, asc: 0x2a, ascq: 0x09 },
  commandsCleared:                 { key: 0x6, asc: 0x2f, ascq: 0x00 },
  inquiryDataChanged:              { key: 0x6, asc: 0x3f, ascq: 0x03 },
  reportedLunsChanged:             { key: 0x6, asc: 0x3f, ascq: 0x0e },

  writeProtected:                  { key: 0x7, asc: 0x27, ascq: 0x00 },
  softwareWriteProtected:          { key: 0x7, asc: 0x27, ascq: 0x02 },
  spaceAllocationFailed:           { key: 0x7, asc: 0x27, ascq: 0x07 },

  copyAborted:                     { key: 0xa, asc: 0x00, ascq: 0x00 },
  copyTargetUnreachable:           { key: 0xa, asc: 0x08, ascq: 0x04 },
  copyThirdPartyFailure:           { key: 0xa, asc: 0x0d, ascq: 0x01 },
  copyTargetNotReachable:          { key: 0xa, asc: 0x0d, ascq: 0x02 },
  copyInexactSegment:              { key: 0xa, asc: 0x26, ascq: 0x0a },
  copyTargetIncorrectType:         { key: 0xa, asc: 0x0d, ascq: 0x03 },

  conflictingWriter:               { key: 0xb, asc: 0x0c, ascq: 0x00 },
  commandAborted:                  { key: 0xb, asc: 0x00, ascq: 0x00 },
  operationInProgress:             { key: 0xb, asc: 0x00, ascq: 0x16 },

  // of the transport (RFC 7143 §11.4.7.2)
  unexpectedUnsolicitedData:       { key: 0xb, asc: 0x0c, ascq: 0x0c },
  notEnoughUnsolicitedData:        { key: 0xb, asc: 0x0c, ascq: 0x0d },
  protocolServiceCrcError:         { key: 0xb, asc: 0x47, ascq: 0x05 },
  dataPhaseError:                  { key: 0xb, asc: 0x4b, ascq: 0x00 },
  invalidTargetPortTransferTag:    { key: 0xb, asc: 0x4b, ascq: 0x01 },
  tooMuchWriteData:                { key: 0xb, asc: 0x4b, ascq: 0x02 },
  dataOffsetError:                 { key: 0xb, asc: 0x4b, ascq: 0x05 },

  miscompare:                      { key: 0xe, asc: 0x1d, ascq: 0x00 },
} as const satisfies Record<string, SenseCode>;

export type SenseReason = keyof typeof senseTable;

/** SENSE-KEY SPECIFIC as 24 bits; 0 says that there is none. */
const SKSV = 0x80_0000;
const SKS_IN_CDB = 0x40_0000;
const SKS_BIT_VALID = 0x08_0000;

const FIXED_BYTES = 18;
const DESCRIPTOR_HEADER_BYTES = 8;

/** Longest sense data written by `writeSense`. */
export const SENSE_BYTES_MAX = 64;

/** Refuses a CDB because of the field whose most significant bit is `bit` of byte `byte`. */
export function invalidCdbField(task: ScsiTask, byte: number, bit = -1): SenseReason {
  task.senseSpecific = SKSV | SKS_IN_CDB | (bit < 0 ? 0 : SKS_BIT_VALID | (bit << 16)) | byte;
  return 'invalidCdbField';
}

/**
 * Refuses a parameter list because of its byte `byte`; `reason` where a more exact one than the
 * general exists.
 */
export function invalidParameterField(
  task: ScsiTask,
  byte: number,
  reason: SenseReason = 'invalidParameterField',
): SenseReason {
  task.senseSpecific = SKSV | Math.min(byte, 0xffff);
  return reason;
}

/** Progress indication for NOT READY conditions: `done` of 65536. */
export const progressSpecific = (done: number): number => SKSV | Math.min(done, 0xffff);

export interface SenseDetail {
  /** SENSE-KEY SPECIFIC (24 bits), 0: none. */
  readonly specific: number;
  /** INFORMATION, a non-negative safe integer; -1: not valid. */
  readonly information: number;
}

function writeFixed(into: Buffer, code: SenseCode, detail: SenseDetail): number {
  into.fill(0, 0, FIXED_BYTES);
  // INFORMATION has 32 bits here; a larger one is not valid in this format (SPC-4)
  const valid = detail.information >= 0 && detail.information <= 0xffff_ffff;
  into[0] = (valid ? 0x80 : 0) | 0x70;
  into[2] = code.key;
  if (valid) into.writeUInt32BE(detail.information, 3);
  into[7] = FIXED_BYTES - 8;
  into[12] = code.asc;
  into[13] = code.ascq;
  into.writeUIntBE(detail.specific, 15, 3);
  return FIXED_BYTES;
}

function writeDescriptor(into: Buffer, code: SenseCode, detail: SenseDetail): number {
  into.fill(0, 0, SENSE_BYTES_MAX);
  into[0] = 0x72;
  into[1] = code.key;
  into[2] = code.asc;
  into[3] = code.ascq;
  let end = DESCRIPTOR_HEADER_BYTES;
  if (detail.information >= 0) {
    into[end + 1] = 0x0a;
    into[end + 2] = 0x80;
    into.writeUIntBE(detail.information, end + 6, 6);
    end += 12;
  }
  if (detail.specific !== 0) {
    into[end] = 0x02;
    into[end + 1] = 0x06;
    into.writeUIntBE(detail.specific, end + 4, 3);
    end += 8;
  }
  into[7] = end - DESCRIPTOR_HEADER_BYTES;
  return end;
}

/**
 * Writes current sense data to the start of `into` (at least SENSE_BYTES_MAX bytes).
 * @returns its length in bytes.
 */
export function writeSense(
  into: Buffer,
  reason: SenseReason,
  detail: SenseDetail,
  descriptorFormat: boolean,
): number {
  const code = senseTable[reason];
  return descriptorFormat ? writeDescriptor(into, code, detail) : writeFixed(into, code, detail);
}
