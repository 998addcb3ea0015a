/**
 * The service actions of PERSISTENT RESERVE OUT (SPC-4) as functions from state to state. They
 * decide; durability, unit attentions and aborts are carried out by those who asked.
 */
import { REGISTRATIONS_MAX, isHolder, nexusId, reservationKey } from './persistent-state.ts';
import type {
  PersistentState,
  RegisteredNexus,
  Registration,
  Reservation,
} from './persistent-state.ts';
import type { ReservationType } from './reservation-type.ts';

/** Unit attentions of ASC 2Ah that reservations establish. */
export type ReservationAttention =
  'reservationsPreempted' | 'reservationsReleased' | 'registrationsPreempted';

export interface Announcement {
  readonly nexusId: string;
  readonly attention: ReservationAttention;
}

/** Why a service action is refused with CHECK CONDITION. */
export type ReservationRefusal = 'invalidParameter' | 'invalidRelease' | 'noRegistrationResources';

export interface Change {
  readonly kind: 'change';
  readonly state: PersistentState;
  readonly announcements: readonly Announcement[];
  /** Nexuses whose tasks PREEMPT AND ABORT ends. */
  readonly preempted: readonly string[];
}

export type Verdict =
  | Change
  /** RESERVATION CONFLICT. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'refused'; readonly reason: ReservationRefusal };

/** Who asks, and the key that the nexus claims to be registered with. */
export interface Requester {
  readonly nexus: RegisteredNexus;
  readonly key: bigint;
}

export interface RegisterRequest extends Requester {
  /** SERVICE ACTION RESERVATION KEY; 0 unregisters. */
  readonly newKey: bigint;
  /** REGISTER AND IGNORE EXISTING KEY. */
  readonly ignoreKey: boolean;
  readonly aptpl: boolean;
  /** SPEC_I_PT: further nexuses to register with the same key; undefined where the bit is clear. */
  readonly others: readonly RegisteredNexus[] | undefined;
  /** ALL_TG_PT: relative identifiers of all target ports; undefined where the bit is clear. */
  readonly targetPorts: readonly number[] | undefined;
}

export interface ReserveRequest extends Requester {
  readonly type: ReservationType;
}

export interface PreemptRequest extends ReserveRequest {
  /** SERVICE ACTION RESERVATION KEY: whose registrations go. */
  readonly victimKey: bigint;
}

export interface MoveRequest extends Requester {
  readonly newKey: bigint;
  readonly destination: RegisteredNexus;
  readonly unregister: boolean;
  readonly aptpl: boolean;
}

const conflict: Verdict = { kind: 'conflict' };
const refused = (reason: ReservationRefusal): Verdict => ({ kind: 'refused', reason });

const changed = (
  state: PersistentState,
  announcements: readonly Announcement[] = [],
  preempted: readonly string[] = [],
): Change => ({ kind: 'change', state, announcements, preempted });

const nextGeneration = (state: PersistentState): number => (state.generation + 1) >>> 0;

const isRegisteredWith = (state: PersistentState, { nexus, key }: Requester): boolean =>
  state.registrations.get(nexusId(nexus))?.key === key;

const announceToOthers = (
  registrations: Iterable<string>,
  except: string,
  attention: ReservationAttention,
): Announcement[] =>
  [...registrations].filter((id) => id !== except).map((id) => ({ nexusId: id, attention }));

/** REGISTER and REGISTER AND IGNORE EXISTING KEY. */
export function register(state: PersistentState, request: RegisterRequest): Verdict {
  const id = nexusId(request.nexus);
  const present = state.registrations.get(id);
  if (!request.ignoreKey && request.key !== (present?.key ?? 0n)) return conflict;
  if (request.others !== undefined && (present !== undefined || request.ignoreKey)) {
    return refused('invalidParameter');
  }
  const next = { ...state, generation: nextGeneration(state), aptpl: request.aptpl };
  if (request.newKey === 0n) return present === undefined ? changed(next) : unregister(next, id);
  return addRegistrations(next, request);
}

function addRegistrations(state: PersistentState, request: RegisterRequest): Verdict {
  const registrations = new Map(state.registrations);
  const allTargetPorts = request.targetPorts !== undefined;
  const add = ({ port, relativePortId }: RegisteredNexus, replace: boolean): void => {
    for (const portId of request.targetPorts ?? [relativePortId]) {
      const id = nexusId({ port, relativePortId: portId });
      if (!replace && registrations.has(id)) continue;
      const key = request.newKey;
      registrations.set(id, { port, relativePortId: portId, key, allTargetPorts });
    }
  };
  add(request.nexus, true);
  // SPEC_I_PT registers those that are not registered yet and leaves the others' keys alone
  for (const other of request.others ?? []) add(other, false);
  if (registrations.size > REGISTRATIONS_MAX) return refused('noRegistrationResources');
  return changed({ ...state, registrations });
}

function unregister(state: PersistentState, id: string): Change {
  const held = isHolder(state, id);
  const next = withoutRegistrations(state, [id]);
  const released = state.reservation !== undefined && next.reservation === undefined;
  if (!held || !released || !state.reservation?.type.registrantsHaveAccess) return changed(next);
  return changed(next, announceToOthers(next.registrations.keys(), id, 'reservationsReleased'));
}

/** Takes registrations away; a reservation that nobody holds any more goes with them. */
function withoutRegistrations(state: PersistentState, ids: readonly string[]): PersistentState {
  const registrations = new Map(state.registrations);
  for (const id of ids) registrations.delete(id);
  return {
    ...state,
    registrations,
    reservation: heldReservation(state.reservation, registrations),
  };
}

function heldReservation(
  reservation: Reservation | undefined,
  registrations: ReadonlyMap<string, Registration>,
): Reservation | undefined {
  if (reservation === undefined) return undefined;
  const held =
    reservation.holder === undefined
      ? registrations.size > 0
      : registrations.has(reservation.holder);
  return held ? reservation : undefined;
}

const reservationBy = (type: ReservationType, id: string): Reservation => ({
  type,
  holder: type.allRegistrantsHold ? undefined : id,
});

/** RESERVE. */
export function reserve(state: PersistentState, request: ReserveRequest): Verdict {
  if (!isRegisteredWith(state, request)) return conflict;
  const id = nexusId(request.nexus);
  if (state.reservation === undefined) {
    return changed({ ...state, reservation: reservationBy(request.type, id) });
  }
  const repeats = isHolder(state, id) && state.reservation.type === request.type;
  return repeats ? changed(state) : conflict;
}

/** RELEASE. */
export function release(state: PersistentState, request: ReserveRequest): Verdict {
  if (!isRegisteredWith(state, request)) return conflict;
  const id = nexusId(request.nexus);
  if (state.reservation === undefined || !isHolder(state, id)) return changed(state);
  if (state.reservation.type !== request.type) return refused('invalidRelease');
  const announcements = state.reservation.type.registrantsHaveAccess
    ? announceToOthers(state.registrations.keys(), id, 'reservationsReleased')
    : [];
  return changed({ ...state, reservation: undefined }, announcements);
}

/** CLEAR. */
export function clear(state: PersistentState, request: Requester): Verdict {
  if (!isRegisteredWith(state, request)) return conflict;
  const id = nexusId(request.nexus);
  const announcements = announceToOthers(state.registrations.keys(), id, 'reservationsPreempted');
  const generation = nextGeneration(state);
  return changed(
    { ...state, generation, registrations: new Map(), reservation: undefined },
    announcements,
  );
}

/** PREEMPT and PREEMPT AND ABORT. */
export function preempt(state: PersistentState, request: PreemptRequest): Verdict {
  if (!isRegisteredWith(state, request)) return conflict;
  const next = { ...state, generation: nextGeneration(state) };
  const { reservation } = state;
  if (reservation?.type.allRegistrantsHold && request.victimKey === 0n) {
    const others = [...state.registrations.keys()].filter((id) => id !== nexusId(request.nexus));
    return takeReservation(next, request, others);
  }
  if (request.victimKey === 0n) return refused('invalidParameter');
  const victims = registeredWith(state, request.victimKey);
  const ofHolder = reservation?.holder !== undefined && reservationKey(state) === request.victimKey;
  if (ofHolder) return takeReservation(next, request, victims);
  return removeRegistrations(next, request, victims);
}

const registeredWith = (state: PersistentState, key: bigint): string[] =>
  [...state.registrations].filter(([, registration]) => registration.key === key).map(([id]) => id);

function takeReservation(
  state: PersistentState,
  request: PreemptRequest,
  victims: readonly string[],
): Change {
  const id = nexusId(request.nexus);
  // a nexus that preempts itself stays registered
  const removed = victims.filter((victim) => victim !== id);
  const next = {
    ...withoutRegistrations(state, removed),
    reservation: reservationBy(request.type, id),
  };
  const announcements = removed.map((victim): Announcement => {
    return { nexusId: victim, attention: 'registrationsPreempted' };
  });
  if (state.reservation?.type !== request.type) {
    announcements.push(...announceToOthers(next.registrations.keys(), id, 'reservationsReleased'));
  }
  return changed(next, announcements, victims);
}

function removeRegistrations(
  state: PersistentState,
  request: PreemptRequest,
  victims: readonly string[],
): Verdict {
  const id = nexusId(request.nexus);
  if (victims.length === 0) return conflict;
  const next = withoutRegistrations(state, victims);
  return changed(next, announceToOthers(victims, id, 'registrationsPreempted'), victims);
}

/** REGISTER AND MOVE. */
export function registerAndMove(state: PersistentState, request: MoveRequest): Verdict {
  if (!isRegisteredWith(state, request)) return conflict;
  const id = nexusId(request.nexus);
  const { reservation } = state;
  if (reservation === undefined || reservation.holder !== id) return conflict;
  const destinationId = nexusId(request.destination);
  if (request.newKey === 0n || destinationId === id) return refused('invalidParameter');
  const registrations = new Map(state.registrations);
  const { newKey: key, destination, aptpl } = request;
  registrations.set(destinationId, { ...destination, key, allTargetPorts: false });
  if (request.unregister) registrations.delete(id);
  if (registrations.size > REGISTRATIONS_MAX) return refused('noRegistrationResources');
  const moved = { type: reservation.type, holder: destinationId };
  const generation = nextGeneration(state);
  return changed({ ...state, generation, aptpl, registrations, reservation: moved });
}

/**
 * An initiator lost its right to the unit: all its registrations go, as if each had unregistered.
 */
export function dropInitiator(state: PersistentState, initiatorName: string): Change | undefined {
  const name = initiatorName.toLowerCase();
  const gone = [...state.registrations]
    .filter(([, { port }]) => port.name === name)
    .map(([id]) => id);
  if (gone.length === 0) return undefined;
  const next = { ...withoutRegistrations(state, gone), generation: nextGeneration(state) };
  const released = state.reservation !== undefined && next.reservation === undefined;
  const shared = state.reservation?.type.registrantsHaveAccess ?? false;
  if (!released || !shared) return changed(next);
  return changed(next, announceToOthers(next.registrations.keys(), '', 'reservationsReleased'));
}
