/** What the device server asks of a unit's reservations; lib/scsi/reservations answers. */
import type { ReservationClass } from './command.ts';
import type { ItlNexus } from './nexus.ts';

export interface ReservationGate {
  /**
   * A reservation of another nexus keeps the command away. Asked only while the unit
   * `hasReservations`.
   */
  conflicts(itl: ItlNexus, reservationClass: ReservationClass): boolean;
  /** The nexus is gone: RESERVE(6) of it ends, persistent registrations stay. */
  nexusLost(itl: ItlNexus): void;
  /** Logical unit reset: RESERVE(6) ends, persistent reservations stay. */
  reset(): void;
  /** The host has lost the unit for good: its registrations go. Resolves when that is durable. */
  dropInitiator(initiatorName: string): Promise<void>;
}

/** Where the state of persistent reservations with APTPL survives power loss. */
export interface ReservationStore {
  load(): Buffer | null;
  /** Durable when resolved. */
  save(bytes: Buffer): Promise<void>;
}
