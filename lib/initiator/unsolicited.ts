/** What a target says without being asked, or without a task to say it to. */
import {
  asyncMessage,
  nopIn,
  Opcode,
  OPCODE_MASK,
  pduRow,
  reject,
  RejectReason,
  RESERVED_TAG,
} from '../iscsi/index.ts';
import type { AsyncMessage } from '../iscsi/index.ts';
import { decode } from '../wire/index.ts';
import { TargetProtocolError } from './protocol-error.ts';

const SENSE_LENGTH_BYTES = 2;
const TASK_TAG_AT = nopIn.fields.initiatorTaskTag.at;

export type Unsolicited =
  | { readonly kind: 'ping'; readonly targetTransferTag: number; readonly lun: Buffer }
  /** The command window may have opened: it was read from the header already. */
  | { readonly kind: 'window' }
  | {
      readonly kind: 'async';
      readonly statSn: number;
      readonly message: AsyncMessage;
      readonly sense: Buffer;
    }
  | {
      readonly kind: 'reject';
      readonly statSn: number;
      /** Opcode and task tag of the PDU refused. */
      readonly opcode: number;
      readonly taskTag: number;
      readonly detail: string;
    }
  /** The answer to something that is over. */
  | { readonly kind: 'late' };

const rejectNames = new Map<number, string>(
  Object.entries(RejectReason).map(([name, reason]) => [reason, name]),
);

const LATE: Unsolicited = { kind: 'late' };
const WINDOW: Unsolicited = { kind: 'window' };

function readNopIn(header: Buffer): Unsolicited {
  const { initiatorTaskTag, targetTransferTag, lun } = decode(nopIn, header);
  if (targetTransferTag !== RESERVED_TAG) return { kind: 'ping', targetTransferTag, lun };
  return initiatorTaskTag === RESERVED_TAG ? WINDOW : LATE;
}

function readAsync(header: Buffer, data: Buffer): Unsolicited {
  const message = decode(asyncMessage, header);
  const senseBytes = data.length >= SENSE_LENGTH_BYTES ? data.readUInt16BE(0) : 0;
  const sense = data.subarray(SENSE_LENGTH_BYTES, SENSE_LENGTH_BYTES + senseBytes);
  return { kind: 'async', statSn: message.statSn, message, sense: Buffer.from(sense) };
}

function readReject(header: Buffer, data: Buffer): Unsolicited {
  const { statSn, reason } = decode(reject, header);
  if (data.length < reject.sizeBytes) throw new TargetProtocolError('Reject without a header');
  const opcode = data[0]! & OPCODE_MASK;
  const what = pduRow(opcode)?.name ?? `PDU with opcode ${opcode}`;
  const why = rejectNames.get(reason) ?? `reason ${reason}`;
  const taskTag = data.readUInt32BE(TASK_TAG_AT);
  return { kind: 'reject', statSn, opcode, taskTag, detail: `target rejects ${what}: ${why}` };
}

/** @throws TargetProtocolError where no target may send that. */
export function readUnsolicited(opcode: number, header: Buffer, data: Buffer): Unsolicited {
  if (opcode === Opcode.nopIn) return readNopIn(header);
  if (opcode === Opcode.asyncMessage) return readAsync(header, data);
  if (opcode === Opcode.reject) return readReject(header, data);
  const row = pduRow(opcode);
  if (row?.from !== 'target' || opcode === Opcode.loginResponse) {
    throw new TargetProtocolError(`unexpected ${row?.name ?? `PDU with opcode ${opcode}`}`);
  }
  return LATE;
}
