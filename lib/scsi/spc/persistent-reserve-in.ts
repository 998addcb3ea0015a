/** PERSISTENT RESERVE IN (SPC-4): what is registered and reserved. */
import type { CommandRow } from '../command.ts';
import { finishParameterData, finishStatus } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { isHolder, reservationKey } from '../reservations/persistent-state.ts';
import type { PersistentState, Registration } from '../reservations/persistent-state.ts';
import { RESERVATION_TYPE_MASK, SCOPE_LOGICAL_UNIT } from '../reservations/reservation-type.ts';
import type { ReservationType } from '../reservations/reservation-type.ts';
import { encodeTransportId } from '../reservations/transport-id.ts';
import type { SenseReason } from '../sense.ts';
import { ScsiStatus } from '../status.ts';
import type { ScsiTask } from '../task.ts';
import { bits, encode, flag, layout, u16, u32, u64, u8 } from '../../wire/index.ts';

const OPCODE = 0x5e;
const KEY_BYTES = 8;

const header = layout(8, { generation: u32(0), additionalLengthBytes: u32(4) });

const reservationDescriptor = layout(16, {
  reservationKey: u64(0),
  scope: bits(13, 0xf0),
  type: bits(13, 0x0f),
});

const capabilities = layout(8, {
  lengthBytes: u16(0, 8),
  compatibleReservationHandling: flag(2, 0x10, true),
  specifyInitiatorPorts: flag(2, 0x08, true),
  allTargetPorts: flag(2, 0x04, true),
  persistThroughPowerLoss: flag(2, 0x01),
  typeMaskValid: flag(3, 0x80, true),
  // ALLOW COMMANDS: which commands of other nexuses get through; 0 leaves it open
  allowCommands: bits(3, 0x70),
  persistThroughPowerLossActivated: flag(3, 0x01),
  typeMask: u16(4, RESERVATION_TYPE_MASK),
});

const fullStatusDescriptor = layout(24, {
  reservationKey: u64(0),
  allTargetPorts: flag(12, 0x02),
  holder: flag(12, 0x01),
  scope: bits(13, 0xf0),
  type: bits(13, 0x0f),
  relativePortId: u16(18),
  additionalLengthBytes: u32(20),
});

/** ADDITIONAL LENGTH tells what there is, whatever the allocation length leaves of it. */
const withHeader = (state: PersistentState, body: Buffer): Buffer =>
  Buffer.concat([
    encode(header, { generation: state.generation, additionalLengthBytes: body.length }),
    body,
  ]);

/** READ KEYS. */
export function readKeys(state: PersistentState): Buffer {
  const keys = Buffer.alloc(state.registrations.size * KEY_BYTES);
  let at = 0;
  for (const { key } of state.registrations.values()) at = keys.writeBigUInt64BE(key, at);
  return withHeader(state, keys);
}

const scopeAndType = (type: ReservationType): { scope: number; type: number } => ({
  scope: SCOPE_LOGICAL_UNIT,
  type: type.code,
});

/** READ RESERVATION. */
export function readReservation(state: PersistentState): Buffer {
  if (state.reservation === undefined) return withHeader(state, Buffer.alloc(0));
  const descriptor = encode(reservationDescriptor, {
    reservationKey: reservationKey(state),
    ...scopeAndType(state.reservation.type),
  });
  return withHeader(state, descriptor);
}

/** REPORT CAPABILITIES. */
export const reportCapabilities = (state: PersistentState, canPersist: boolean): Buffer =>
  encode(capabilities, {
    persistThroughPowerLoss: canPersist,
    persistThroughPowerLossActivated: state.aptpl,
  });

/** READ FULL STATUS. */
export function readFullStatus(state: PersistentState): Buffer {
  const descriptors = [...state.registrations].map(([id, registration]) =>
    fullStatusOf(state, id, registration),
  );
  return withHeader(state, Buffer.concat(descriptors));
}

function fullStatusOf(state: PersistentState, id: string, registration: Registration): Buffer {
  const transportId = encodeTransportId(registration.port);
  const holder = isHolder(state, id);
  const fixed = encode(fullStatusDescriptor, {
    reservationKey: registration.key,
    allTargetPorts: registration.allTargetPorts,
    holder,
    ...(holder && state.reservation !== undefined ? scopeAndType(state.reservation.type) : {}),
    relativePortId: registration.relativePortId,
    additionalLengthBytes: transportId.length,
  });
  return Buffer.concat([fixed, transportId]);
}

const persistentReserveInCdb = layout(10, {
  opcode: u8(0, OPCODE),
  serviceAction: bits(1, 0x1f),
  allocationLengthBytes: u16(7),
});

function prepareIn(task: ScsiTask): SenseReason | undefined {
  const { at } = persistentReserveInCdb.fields.allocationLengthBytes;
  task.dataInBytesMax = task.cdb.readUInt16BE(at);
  task.bufferBytes = task.dataInBytesMax;
  return undefined;
}

const row = (
  serviceAction: number,
  name: string,
  answer: (state: PersistentState, unit: LogicalUnit) => Buffer,
): CommandRow => ({
  opcode: OPCODE,
  serviceAction,
  name: `PERSISTENT RESERVE IN, ${name}`,
  cdbBytes: 10,
  usage: [OPCODE, 0x1f, 0, 0, 0, 0, 0, 0xff, 0xff, 0],
  reservation: 'own',
  prepare: prepareIn,
  run(task, unit) {
    // a unit under RESERVE(6) has no persistent reservations to tell others about (SPC-2)
    if (unit.reservations.heldByOther(task.itl!)) {
      finishStatus(task, ScsiStatus.reservationConflict);
      return;
    }
    finishParameterData(task, answer(unit.reservations.persistent, unit));
  },
});

export const persistentReserveInCommands: readonly CommandRow[] = [
  row(0x00, 'READ KEYS', readKeys),
  row(0x01, 'READ RESERVATION', readReservation),
  row(0x02, 'REPORT CAPABILITIES', (state, unit) =>
    reportCapabilities(state, unit.reservations.canPersist),
  ),
  row(0x03, 'READ FULL STATUS', readFullStatus),
];
