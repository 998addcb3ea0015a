/** Every PDU by its opcode: layout, direction and whether it carries a data segment. */
import type { Fields, Layout } from '../wire/index.ts';
import { Opcode } from './opcodes.ts';
import * as pdu from './pdu/index.ts';

export interface PduRow {
  readonly opcode: Opcode;
  readonly name: string;
  readonly from: 'initiator' | 'target';
  readonly layout: Layout<Fields>;
  /** May the immediate bit be set? */
  readonly immediate: boolean;
  /** May a data segment follow? */
  readonly data: boolean;
  /** May Additional Header Segments follow? */
  readonly ahs: boolean;
}

/** Targets' opcodes have bit 5 set (RFC 7143 §11.2.1.2). */
const FIRST_TARGET_OPCODE = 0x20;

type Permissions = Pick<PduRow, 'immediate' | 'data' | 'ahs'>;
const nothing: Permissions = { immediate: false, data: false, ahs: false };

const row = (
  opcode: Opcode,
  name: string,
  layout: Layout<Fields>,
  may: Partial<Permissions> = {},
): PduRow => ({
  opcode,
  name,
  from: opcode < FIRST_TARGET_OPCODE ? 'initiator' : 'target',
  layout,
  ...nothing,
  ...may,
});

// prettier-ignore
export const pduTable: readonly PduRow[] = [
  row(Opcode.nopOut, 'NOP-Out', pdu.nopOut, { immediate: true, data: true }),
  row(Opcode.scsiCommand, 'SCSI Command', pdu.scsiCommand, { immediate: true, data: true, ahs: true }),
  row(Opcode.taskManagementRequest, 'Task Management Function Request',
    pdu.taskManagementRequest, { immediate: true }),
  row(Opcode.loginRequest, 'Login Request', pdu.loginRequest, { immediate: true, data: true }),
  row(Opcode.textRequest, 'Text Request', pdu.textRequest, { immediate: true, data: true }),
  row(Opcode.dataOut, 'SCSI Data-Out', pdu.dataOut, { data: true }),
  row(Opcode.logoutRequest, 'Logout Request', pdu.logoutRequest, { immediate: true }),
  row(Opcode.snackRequest, 'SNACK Request', pdu.snackRequest),
  row(Opcode.nopIn, 'NOP-In', pdu.nopIn, { data: true }),
  row(Opcode.scsiResponse, 'SCSI Response', pdu.scsiResponse, { data: true }),
  row(Opcode.taskManagementResponse, 'Task Management Function Response', pdu.taskManagementResponse),
  row(Opcode.loginResponse, 'Login Response', pdu.loginResponse, { data: true }),
  row(Opcode.textResponse, 'Text Response', pdu.textResponse, { data: true }),
  row(Opcode.dataIn, 'SCSI Data-In', pdu.dataIn, { data: true }),
  row(Opcode.logoutResponse, 'Logout Response', pdu.logoutResponse),
  row(Opcode.r2t, 'Ready To Transfer', pdu.r2t),
  row(Opcode.asyncMessage, 'Asynchronous Message', pdu.asyncMessage, { data: true }),
  row(Opcode.reject, 'Reject', pdu.reject, { data: true }),
];

const OPCODES = 64;
const rowsByOpcode: readonly (PduRow | undefined)[] = Array.from({ length: OPCODES }, (_, opcode) =>
  pduTable.find((candidate) => candidate.opcode === opcode),
);

/** @returns undefined for a code that no PDU has. */
export const pduRow = (opcode: number): PduRow | undefined => rowsByOpcode[opcode];
