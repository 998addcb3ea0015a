/** Closed sets of codes that PDUs carry. Names follow RFC 7143. */

/** Response of a SCSI Response PDU. @source RFC 7143 §11.4.3 */
export const ScsiResponseCode = { completedAtTarget: 0x00, targetFailure: 0x01 } as const;
export type ScsiResponseCode = (typeof ScsiResponseCode)[keyof typeof ScsiResponseCode];

/** @source RFC 7143 §11.5.1 */
export const TaskManagementFunction = {
  abortTask: 1,
  abortTaskSet: 2,
  clearAca: 3,
  clearTaskSet: 4,
  logicalUnitReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
  taskReassign: 8,
  /** The rest are RFC 7144's. */
  queryTask: 9,
  queryTaskSet: 10,
  itNexusReset: 11,
  queryAsynchronousEvent: 12,
} as const;
export type TaskManagementFunction =
  (typeof TaskManagementFunction)[keyof typeof TaskManagementFunction];

/** @source RFC 7143 §11.6.1 */
export const TaskManagementResponseCode = {
  functionComplete: 0,
  taskDoesNotExist: 1,
  lunDoesNotExist: 2,
  taskStillAllegiant: 3,
  reassignmentNotSupported: 4,
  notSupported: 5,
  authorizationFailed: 6,
  /** RFC 7144: what a query found. */
  functionSucceeded: 7,
  functionRejected: 255,
} as const;
export type TaskManagementResponseCode =
  (typeof TaskManagementResponseCode)[keyof typeof TaskManagementResponseCode];

/** @source RFC 7143 §11.9.1 */
export const AsyncEvent = {
  /** Sense data in the data segment. */
  scsiEvent: 0,
  /** Log out within Parameter3 seconds. */
  logoutRequest: 1,
  connectionWillDrop: 2,
  allConnectionsWillDrop: 3,
  /** Renegotiate by text within Parameter3 seconds. */
  parameterNegotiation: 4,
  /** All tasks of the LUN are ended (FastAbort). */
  tasksTerminated: 5,
  vendorSpecific: 255,
} as const;
export type AsyncEvent = (typeof AsyncEvent)[keyof typeof AsyncEvent];

/** @source RFC 7143 §11.14.1 */
export const LogoutReason = { closeSession: 0, closeConnection: 1, removeForRecovery: 2 } as const;
export type LogoutReason = (typeof LogoutReason)[keyof typeof LogoutReason];

/** @source RFC 7143 §11.15.1 */
export const LogoutResponseCode = {
  closed: 0,
  cidNotFound: 1,
  recoveryNotSupported: 2,
  cleanupFailed: 3,
} as const;
export type LogoutResponseCode = (typeof LogoutResponseCode)[keyof typeof LogoutResponseCode];

/** @source RFC 7143 §11.16.1 */
export const SnackType = { dataOrR2t: 0, status: 1, dataAck: 2, rData: 3 } as const;
export type SnackType = (typeof SnackType)[keyof typeof SnackType];

/** @source RFC 7143 §11.17.1 */
export const RejectReason = {
  dataDigestError: 0x02,
  snackReject: 0x03,
  protocolError: 0x04,
  commandNotSupported: 0x05,
  immediateCommandReject: 0x06,
  taskInProgress: 0x07,
  invalidDataAck: 0x08,
  invalidPduField: 0x09,
  longOperationReject: 0x0a,
  negotiationReset: 0x0b,
  waitingForLogout: 0x0c,
} as const;
export type RejectReason = (typeof RejectReason)[keyof typeof RejectReason];

/** AHS types. @source RFC 7143 §11.2.2 */
export const AhsType = { extendedCdb: 1, bidirectionalReadLength: 2 } as const;
export type AhsType = (typeof AhsType)[keyof typeof AhsType];

/** CSG and NSG of login PDUs. @source RFC 7143 §11.12.3 */
export const LoginStage = { security: 0, operational: 1, fullFeature: 3 } as const;
export type LoginStage = (typeof LoginStage)[keyof typeof LoginStage];
