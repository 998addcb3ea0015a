/** The parameter lists of PERSISTENT RESERVE OUT (SPC-4). */
import type { LogicalUnit } from '../logical-unit.ts';
import type { RegisteredNexus } from '../reservations/persistent-state.ts';
import { registeredNexus } from '../reservations/reservations.ts';
import { decodeTransportId } from '../reservations/transport-id.ts';
import type { DecodedTransportId } from '../reservations/transport-id.ts';
import { invalidParameterField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';
import { decode, flag, layout, u16, u32, u64 } from '../../wire/index.ts';

/** Length without TransportIDs; also the head of the list of REGISTER AND MOVE. */
export const BASIC_LIST_BYTES = 24;
/** Room for some thirty TransportIDs of the greatest length. */
export const PARAMETER_LIST_BYTES_MAX = 8192;

const basicList = layout(BASIC_LIST_BYTES, {
  reservationKey: u64(0),
  serviceActionReservationKey: u64(8),
  specifyInitiatorPorts: flag(20, 0x08),
  allTargetPorts: flag(20, 0x04),
  aptpl: flag(20, 0x01),
});
const flagsAt = basicList.fields.aptpl.at;
/** TRANSPORTID PARAMETER DATA LENGTH, only with SPEC_I_PT. */
const transportIdsLengthAt = BASIC_LIST_BYTES;
const transportIdsAt = transportIdsLengthAt + 4;

const moveList = layout(BASIC_LIST_BYTES, {
  reservationKey: u64(0),
  serviceActionReservationKey: u64(8),
  unregister: flag(17, 0x02),
  aptpl: flag(17, 0x01),
  relativePortId: u16(18),
  transportIdLengthBytes: u32(20),
});

export interface BasicList {
  readonly key: bigint;
  readonly newKey: bigint;
  readonly aptpl: boolean;
  /** SPEC_I_PT. */
  readonly others: readonly RegisteredNexus[] | undefined;
  /** ALL_TG_PT. */
  readonly targetPorts: readonly number[] | undefined;
}

export interface MoveList {
  readonly key: bigint;
  readonly newKey: bigint;
  readonly aptpl: boolean;
  readonly unregister: boolean;
  readonly destination: RegisteredNexus;
}

export interface Refusal {
  readonly refusal: SenseReason;
}

const refuse = (task: ScsiTask, byte: number): Refusal => ({
  refusal: invalidParameterField(task, byte),
});

const refuseAptpl = (task: ScsiTask, unit: LogicalUnit, byte: number): Refusal | undefined =>
  unit.reservations.canPersist ? undefined : refuse(task, byte);

/** The list of every service action but REGISTER AND MOVE. */
export function parseBasicList(task: ScsiTask, unit: LogicalUnit): BasicList | Refusal {
  const data = task.buffer!.data;
  const list = decode(basicList, data);
  if (list.aptpl) {
    const refusal = refuseAptpl(task, unit, flagsAt);
    if (refusal !== undefined) return refusal;
  }
  if (!list.specifyInitiatorPorts && task.dataOutBytes !== BASIC_LIST_BYTES) {
    return { refusal: 'parameterListLengthError' };
  }
  const others = list.specifyInitiatorPorts ? parseOthers(task, unit) : undefined;
  if (others !== undefined && 'refusal' in others) return others;
  return {
    key: list.reservationKey,
    newKey: list.serviceActionReservationKey,
    aptpl: list.aptpl,
    others,
    // there is one target port: the portals of a server are one portal group
    targetPorts: list.allTargetPorts ? [registeredNexus(task.itl!).relativePortId] : undefined,
  };
}

function parseOthers(task: ScsiTask, unit: LogicalUnit): readonly RegisteredNexus[] | Refusal {
  const data = task.buffer!.data;
  if (task.dataOutBytes < transportIdsAt) return { refusal: 'parameterListLengthError' };
  const end = transportIdsAt + data.readUInt32BE(transportIdsLengthAt);
  if (end !== task.dataOutBytes) return { refusal: 'parameterListLengthError' };
  const { relativePortId } = registeredNexus(task.itl!);
  const others: RegisteredNexus[] = [];
  let at = transportIdsAt;
  while (at < end) {
    const decoded = decodeTransportId(data, at, end);
    if (decoded === undefined) return refuse(task, at);
    others.push(...portsNamed(decoded, relativePortId, unit));
    at += decoded.lengthBytes;
  }
  return others;
}

/** A TransportID that names a node stands for all its ports that are known here (SPC-4). */
function portsNamed(
  { name, isid }: DecodedTransportId,
  relativePortId: number,
  unit: LogicalUnit,
): RegisteredNexus[] {
  if (isid !== undefined) return [{ port: { name, isid }, relativePortId }];
  return [...unit.itlNexuses].map(registeredNexus).filter(({ port }) => port.name === name);
}

/** The list of REGISTER AND MOVE. */
export function parseMoveList(task: ScsiTask, unit: LogicalUnit): MoveList | Refusal {
  const data = task.buffer!.data;
  const list = decode(moveList, data);
  if (list.aptpl) {
    const refusal = refuseAptpl(task, unit, moveList.fields.aptpl.at);
    if (refusal !== undefined) return refusal;
  }
  const end = BASIC_LIST_BYTES + list.transportIdLengthBytes;
  if (end !== task.dataOutBytes) return { refusal: 'parameterListLengthError' };
  const target = decodeTransportId(data, BASIC_LIST_BYTES, end);
  // the reservation moves to one port: a TransportID without ISID names none
  if (target?.isid === undefined) return refuse(task, BASIC_LIST_BYTES);
  const { relativePortId } = list;
  if (relativePortId !== registeredNexus(task.itl!).relativePortId) {
    return refuse(task, moveList.fields.relativePortId.at);
  }
  return {
    key: list.reservationKey,
    newKey: list.serviceActionReservationKey,
    aptpl: list.aptpl,
    unregister: list.unregister,
    destination: { port: { name: target.name, isid: target.isid }, relativePortId },
  };
}
