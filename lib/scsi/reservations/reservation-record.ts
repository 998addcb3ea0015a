/**
 * Registrations and reservation as bytes, for the time without power (APTPL). A header that says
 * what follows, how long it is and its CRC32C, then JSON. Written whole; the store makes the change
 * of one record for the next atomic.
 */
import { Failure } from '../../base/index.ts';
import { crc32c } from '../../wire/index.ts';
import { REGISTRATIONS_MAX, emptyState, nexusId } from './persistent-state.ts';
import type { PersistentState, Registration, Reservation } from './persistent-state.ts';
import { reservationType } from './reservation-type.ts';

/** "HWPR" */
const MAGIC = 0x48575052;
const VERSION = 1;
const HEADER_BYTES = 16;
/** Fits REGISTRATIONS_MAX registrations with the longest names. */
const RECORD_BYTES_MAX = 512 * 1024;

interface RegistrationRecord {
  name: string;
  isid: string;
  relativePortId: number;
  /** Hexadecimal: a key has 64 bits. */
  key: string;
  allTargetPorts: boolean;
}

interface StateRecord {
  registrations: RegistrationRecord[];
  /** `holder` is an index of `registrations`; null: all of them. */
  reservation: { type: number; holder: number | null } | null;
}

/**
 * @returns what is to be durable for this state: nothing but the header's words where APTPL is 0.
 */
export function encodeReservations(state: PersistentState): Buffer {
  const record = state.aptpl ? toRecord(state) : { registrations: [], reservation: null };
  const body = Buffer.from(JSON.stringify(record), 'utf8');
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(VERSION, 4);
  header.writeUInt32BE(body.length, 8);
  header.writeUInt32BE(crc32c(body, 0, body.length), 12);
  return Buffer.concat([header, body]);
}

function toRecord(state: PersistentState): StateRecord {
  const ids = [...state.registrations.keys()];
  const registrations = [...state.registrations.values()].map((registration) => ({
    name: registration.port.name,
    isid: registration.port.isid,
    relativePortId: registration.relativePortId,
    key: registration.key.toString(16),
    allTargetPorts: registration.allTargetPorts,
  }));
  const { reservation } = state;
  if (reservation === undefined) return { registrations, reservation: null };
  const holder = reservation.holder === undefined ? null : ids.indexOf(reservation.holder);
  return { registrations, reservation: { type: reservation.type.code, holder } };
}

/**
 * @param where a word for the message: the unit's name.
 * @throws Failure where the bytes are no record of a version that is known. Serving the unit
 * without its reservations would let in hosts that were fenced off.
 */
export function decodeReservations(bytes: Buffer, where: string): PersistentState {
  const body = checkedBody(bytes, where);
  const record: unknown = JSON.parse(body.toString('utf8'));
  if (!isStateRecord(record)) throw damaged(where, 'a field is missing or of the wrong kind');
  const registrations = new Map<string, Registration>();
  for (const entry of record.registrations) {
    const registration = fromRecord(entry);
    registrations.set(nexusId(registration), registration);
  }
  const reservation = reservationOf(record, [...registrations.keys()], where);
  return { ...emptyState, aptpl: registrations.size > 0, registrations, reservation };
}

function checkedBody(bytes: Buffer, where: string): Buffer {
  if (bytes.length < HEADER_BYTES || bytes.length > RECORD_BYTES_MAX) {
    throw damaged(
      where,
      `${HEADER_BYTES} to ${RECORD_BYTES_MAX} bytes expected, ${bytes.length} found`,
    );
  }
  if (bytes.readUInt32BE(0) !== MAGIC) throw damaged(where, 'it does not begin with "HWPR"');
  const version = bytes.readUInt32BE(4);
  if (version !== VERSION) throw damaged(where, `version ${VERSION} expected, ${version} found`);
  const body = bytes.subarray(HEADER_BYTES);
  const lengthBytes = bytes.readUInt32BE(8);
  if (lengthBytes !== body.length) {
    throw damaged(where, `${lengthBytes} bytes expected, ${body.length} found`);
  }
  const expected = bytes.readUInt32BE(12);
  const found = crc32c(body, 0, body.length);
  if (expected !== found) {
    throw damaged(where, `CRC32C ${expected.toString(16)} expected, ${found.toString(16)} found`);
  }
  return body;
}

const damaged = (where: string, what: string): Failure =>
  new Failure(
    'unexpected',
    `the persistent reservations of ${where} can't be read: ${what}; ` +
      'the unit is not served, as hosts that were fenced off could write to it: ' +
      'restore the record or delete it once no host uses the unit',
  );

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

function isStateRecord(value: unknown): value is StateRecord {
  if (!isObject(value)) return false;
  const { registrations, reservation } = value;
  if (!Array.isArray(registrations) || registrations.length > REGISTRATIONS_MAX) return false;
  if (!registrations.every(isRegistrationRecord)) return false;
  if (reservation === null) return true;
  if (!isObject(reservation)) return false;
  const { type, holder } = reservation;
  return typeof type === 'number' && (holder === null || typeof holder === 'number');
}

function isRegistrationRecord(value: unknown): value is RegistrationRecord {
  if (!isObject(value)) return false;
  const { name, isid, relativePortId, key, allTargetPorts } = value;
  if (typeof name !== 'string' || typeof isid !== 'string' || typeof key !== 'string') return false;
  if (!/^[0-9a-f]{12}$/.test(isid) || !/^[0-9a-f]{1,16}$/.test(key)) return false;
  return typeof relativePortId === 'number' && typeof allTargetPorts === 'boolean';
}

const fromRecord = (entry: RegistrationRecord): Registration => ({
  port: { name: entry.name, isid: entry.isid },
  relativePortId: entry.relativePortId,
  key: BigInt(`0x${entry.key}`),
  allTargetPorts: entry.allTargetPorts,
});

function reservationOf(
  record: StateRecord,
  ids: readonly string[],
  where: string,
): Reservation | undefined {
  if (record.reservation === null) return undefined;
  const type = reservationType(record.reservation.type);
  const { holder } = record.reservation;
  if (type === undefined || (holder === null) !== type.allRegistrantsHold) {
    throw damaged(where, `no such reservation type: ${record.reservation.type}`);
  }
  if (holder === null) return { type, holder: undefined };
  if (ids[holder] === undefined) throw damaged(where, 'the holder is not registered');
  return { type, holder: ids[holder] };
}
