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

const row = (
  opcode: Opcode,
  name: string,
  from: PduRow['from'],
  layout: Layout<Fields>,
  may: Partial<Pick<PduRow, 'immediate' | 'data' | 'ahs'>> = {},
): PduRow => ({ opcode, name, from, layout, immediate: false, data: false, ahs: false, ...may });

// prettier-ignore
export const pduTable: readonly PduRow[] = [
  row(Opcode.nopOut, 'NOP-Out', 'initiator', pdu.nopOut, { immediate: true, data: true }),
  row(Opcode.scsiCommand, 'SCSI Command', 'initiator', pdu.scsiCommand, { immediate: true, data: true, ahs: true }),
  row(Opcode.taskManagementRequest, 'Task Management Function Request', 'initiator',
    pdu.taskManagementRequest, { immediate: true }),
  row(Opcode.loginRequest, 'Login Request', 'initiator', pdu.loginRequest, { immediate: true, data: true }),
  row(Opcode.textRequest, 'Text Request', 'initiator', pdu.textRequest, { immediate: true, data: true }),
  row(Opcode.dataOut, 'SCSI Data-Out', 'initiator', pdu.dataOut, { data: true }),
  row(Opcode.logoutRequest, 'Logout Request', 'initiator', pdu.logoutRequest, { immediate: true }),
  row(Opcode.snackRequest, 'SNACK Request', 'initiator', pdu.snackRequest),
  row(Opcode.nopIn, 'NOP-In', 'target', pdu.nopIn, { data: true }),
  row(Opcode.scsiResponse, 'SCSI Response', 'target', pdu.scsiResponse, { data: true }),
  row(Opcode.taskManagementResponse, 'Task Management Function Response', 'target', pdu.taskManagementResponse),
  row(Opcode.loginResponse, 'Login Response', 'target', pdu.loginResponse, { data: true }),
  row(Opcode.textResponse, 'Text Response', 'target', pdu.textResponse, { data: true }),
  row(Opcode.dataIn, 'SCSI Data-In', 'target', pdu.dataIn, { data: true }),
  row(Opcode.logoutResponse, 'Logout Response', 'target', pdu.logoutResponse),
  row(Opcode.r2t, 'Ready To Transfer', 'target', pdu.r2t),
  row(Opcode.asyncMessage, 'Asynchronous Message', 'target', pdu.asyncMessage, { data: true }),
  row(Opcode.reject, 'Reject', 'target', pdu.reject, { data: true }),
];

const OPCODES = 64;
const rowsByOpcode: readonly (PduRow | undefined)[] = Array.from({ length: OPCODES }, (_, opcode) =>
  pduTable.find((candidate) => candidate.opcode === opcode),
);

/** @returns undefined for a code that no PDU has. */
export const pduRow = (opcode: number): PduRow | undefined => rowsByOpcode[opcode];
