/**
 * The reservations of one logical unit: RESERVE(6), bound to a nexus, and persistent ones, bound to
 * initiator ports and, with APTPL, durable. A change counts once it is durable: until then
 * everybody is judged by the state before it.
 */
import type { ReservationClass } from '../command.ts';
import type { ItlNexus, NexusIdentity } from '../nexus.ts';
import type { ReservationGate, ReservationStore } from '../reservation-gate.ts';
import { dropInitiator } from './persistent-changes.ts';
import type { Change, ReservationAttention, Verdict } from './persistent-changes.ts';
import { emptyState, nexusId, persistentConflict } from './persistent-state.ts';
import type { PersistentState, RegisteredNexus } from './persistent-state.ts';
import { decodeReservations, encodeReservations } from './reservation-record.ts';
import { initiatorPort } from './transport-id.ts';

export interface ReservationsOptions {
  /** A word for messages. */
  readonly unitName: string;
  /** Absent: APTPL is refused and registrations end with the process. */
  readonly store?: ReservationStore | undefined;
  /** Establishes a unit attention on the live nexus with this `nexusId`, if there is one. */
  readonly announce: (nexusId: string, attention: ReservationAttention) => void;
  /**
   * Told whether anything is reserved, by whatever kind of reservation: only then has `conflicts`
   * to be asked.
   */
  readonly activeChanged: (active: boolean) => void;
}

/** How a wanted change ended. */
export type ChangeOutcome =
  | Verdict
  /** It could not be made durable and has not been made. */
  | { readonly kind: 'unsaved'; readonly error: unknown };

interface WantedChange {
  readonly decide: (state: PersistentState) => Verdict;
  readonly done: (outcome: ChangeOutcome) => void;
}

const identities = new WeakMap<NexusIdentity, { nexus: RegisteredNexus; id: string }>();

function known(identity: NexusIdentity): { nexus: RegisteredNexus; id: string } {
  let entry = identities.get(identity);
  if (entry === undefined) {
    const port = initiatorPort(identity.initiatorName, identity.isid);
    const nexus = { port, relativePortId: identity.relativePortId };
    identities.set(identity, (entry = { nexus, id: nexusId(nexus) }));
  }
  return entry;
}

/** A live nexus as registrations know it. */
export const registeredNexus = (itl: ItlNexus): RegisteredNexus => known(itl.nexus.identity).nexus;
/** `nexusId` of a live nexus. */
export const registeredNexusId = (itl: ItlNexus): string => known(itl.nexus.identity).id;

export class Reservations implements ReservationGate {
  #state: PersistentState = emptyState;
  /** Holder of RESERVE(6) or RESERVE(10). */
  #legacyHolder: ItlNexus | null = null;
  #saved: Buffer | null = null;
  #saving = false;
  readonly #wanted: WantedChange[] = [];
  readonly #options: ReservationsOptions;

  /** @throws Failure where the stored record is damaged. */
  constructor(options: ReservationsOptions) {
    this.#options = options;
    const bytes = options.store?.load() ?? null;
    if (bytes === null) return;
    this.#state = decodeReservations(bytes, options.unitName);
    this.#saved = Buffer.from(bytes);
    this.#refresh();
  }

  get persistent(): PersistentState {
    return this.#state;
  }

  /** PTPL_C: registrations can outlive a loss of power. */
  get canPersist(): boolean {
    return this.#options.store !== undefined;
  }

  /** Must a command of this class from this nexus end in RESERVATION CONFLICT? */
  conflicts(itl: ItlNexus, reservationClass: ReservationClass): boolean {
    if (reservationClass === 'always' || reservationClass === 'own') return false;
    if (this.heldByOther(itl)) return true;
    if (this.#state.reservation === undefined || reservationClass === 'legacyOnly') return false;
    return persistentConflict(this.#state, registeredNexusId(itl), reservationClass === 'write');
  }

  /** RESERVE(6) or RESERVE(10) of another nexus holds the unit. */
  heldByOther(itl: ItlNexus): boolean {
    return this.#legacyHolder !== null && this.#legacyHolder !== itl;
  }

  /**
   * RESERVE(6) or RESERVE(10), of whatever nexus, holds the unit: no persistent reservations
   * meanwhile (SPC-2).
   */
  get heldByReserve(): boolean {
    return this.#legacyHolder !== null;
  }

  isRegistered(itl: ItlNexus): boolean {
    return this.#state.registrations.has(registeredNexusId(itl));
  }

  /**
   * RESERVE(6) and RESERVE(10). With registrations there (CRH: compatible reservation handling,
   * SPC-4) it is good for registered nexuses and does nothing.
   * @returns false for RESERVATION CONFLICT.
   */
  reserveUnit(itl: ItlNexus): boolean {
    if (this.#state.registrations.size > 0) return this.isRegistered(itl);
    if (this.heldByOther(itl)) return false;
    this.#legacyHolder = itl;
    this.#refresh();
    return true;
  }

  /**
   * RELEASE(6) and RELEASE(10): nothing for who doesn't hold it. @returns false for RESERVATION
   * CONFLICT.
   */
  releaseUnit(itl: ItlNexus): boolean {
    if (this.#state.registrations.size > 0) return this.isRegistered(itl);
    this.nexusLost(itl);
    return true;
  }

  /** I_T nexus loss ends RESERVE(6); registrations stay. */
  nexusLost(itl: ItlNexus): void {
    if (this.#legacyHolder !== itl) return;
    this.#legacyHolder = null;
    this.#refresh();
  }

  /** Logical unit reset ends RESERVE(6); persistent reservations stay. */
  reset(): void {
    this.#legacyHolder = null;
    this.#refresh();
  }

  /**
   * Decides and carries out a change, in the order of the calls: durable first, then in force, then
   * announced, then `done`, possibly from inside this call.
   */
  change(decide: WantedChange['decide'], done: WantedChange['done']): void {
    this.#wanted.push({ decide, done });
    if (!this.#saving) this.#advance();
  }

  /**
   * Ends all registrations of an initiator that has lost its right to the unit, and a reservation
   * it holds.
   * @throws what the store threw; the registrations are there still.
   */
  dropInitiator(initiatorName: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.change(
        (state) => dropInitiator(state, initiatorName) ?? unchanged(state),
        (outcome) => {
          if (outcome.kind === 'unsaved') reject(toError(outcome.error));
          else resolve();
        },
      );
    });
  }

  #advance(): void {
    while (!this.#saving) {
      const wanted = this.#wanted.shift();
      if (wanted === undefined) return;
      const verdict = wanted.decide(this.#state);
      if (verdict.kind === 'change') this.#carryOut(verdict, wanted.done);
      else wanted.done(verdict);
    }
  }

  #carryOut(change: Change, done: WantedChange['done']): void {
    const { store } = this.#options;
    const bytes = encodeReservations(change.state);
    if (store === undefined || this.#isDurable(change.state, bytes)) {
      this.#commit(change, done);
      return;
    }
    this.#saving = true;
    const failed = (error: unknown): void => done({ kind: 'unsaved', error });
    void store
      .save(bytes)
      .then(
        () => {
          this.#saved = bytes;
          this.#commit(change, done);
        },
        (error: unknown) => failed(error),
      )
      .finally(() => {
        this.#saving = false;
        this.#advance();
      });
  }

  #isDurable(state: PersistentState, bytes: Buffer): boolean {
    if (this.#saved === null) return !state.aptpl;
    return this.#saved.equals(bytes);
  }

  #commit(change: Change, done: WantedChange['done']): void {
    this.#state = change.state;
    this.#refresh();
    for (const { nexusId: id, attention } of change.announcements) {
      this.#options.announce(id, attention);
    }
    done(change);
  }

  #refresh(): void {
    this.#options.activeChanged(
      this.#legacyHolder !== null || this.#state.reservation !== undefined,
    );
  }
}

const unchanged = (state: PersistentState): Change => ({
  kind: 'change',
  state,
  announcements: [],
  preempted: [],
});

const toError = (error: unknown): Error =>
  error instanceof Error ? error : new Error(String(error));
