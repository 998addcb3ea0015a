/**
 * Registrations and the reservation of one logical unit as a value. Changes (persistent-changes.ts)
 * make a new value, so that what could not be made durable was never made.
 */
import type { ReservationType } from './reservation-type.ts';
import { initiatorPortName } from './transport-id.ts';
import type { InitiatorPort } from './transport-id.ts';

/** Registrations of one logical unit; a cluster has nodes times paths. */
export const REGISTRATIONS_MAX = 512;

/** An I_T nexus as reservations know it: it outlives the session. */
export interface RegisteredNexus {
  readonly port: InitiatorPort;
  /** RELATIVE TARGET PORT IDENTIFIER. */
  readonly relativePortId: number;
}

export interface Registration extends RegisteredNexus {
  /** Reservation key, not 0. */
  readonly key: bigint;
  /** Made with ALL_TG_PT. */
  readonly allTargetPorts: boolean;
}

export interface Reservation {
  readonly type: ReservationType;
  /** `nexusId` of the holder; undefined where all registrants hold it. */
  readonly holder: string | undefined;
}

export interface PersistentState {
  /** PRGENERATION, 32 bit. */
  readonly generation: number;
  /** Activate persist through power loss: the last value that a registering command gave. */
  readonly aptpl: boolean;
  /** By `nexusId`, in order of registration. */
  readonly registrations: ReadonlyMap<string, Registration>;
  readonly reservation: Reservation | undefined;
}

export const emptyState: PersistentState = {
  generation: 0,
  aptpl: false,
  registrations: new Map(),
  reservation: undefined,
};

/** Key of a nexus in `registrations`. */
export const nexusId = (nexus: RegisteredNexus): string =>
  `${nexus.relativePortId}/${initiatorPortName(nexus.port)}`;

export const isHolder = (state: PersistentState, id: string): boolean => {
  const { reservation } = state;
  if (reservation === undefined) return false;
  return reservation.type.allRegistrantsHold
    ? state.registrations.has(id)
    : reservation.holder === id;
};

/** RESERVATION KEY that READ RESERVATION shows: 0 where all registrants hold the reservation. */
export const reservationKey = (state: PersistentState): bigint => {
  const holder = state.reservation?.holder;
  return holder === undefined ? 0n : (state.registrations.get(holder)?.key ?? 0n);
};

/**
 * Does the reservation keep this nexus from reading (`write` false) or changing (`write` true) the
 * medium?
 */
export function persistentConflict(state: PersistentState, id: string, write: boolean): boolean {
  const { reservation } = state;
  if (reservation === undefined) return false;
  if (!write && !reservation.type.exclusiveAccess) return false;
  if (isHolder(state, id)) return false;
  return !(reservation.type.registrantsHaveAccess && state.registrations.has(id));
}
