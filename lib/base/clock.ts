/** Time as it is handed to everything below lib/transport. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean anything. */
  nowMs(): number;
  /** Wall time in milliseconds since 1970, for labels and logs, never for decisions. */
  wallMs(): number;
}

/** A timer that was set; `cancel` after it fired does nothing. */
export interface Timer {
  cancel(): void;
}

/** What sets timers: real in lib/transport, virtual in tests and simulation. */
export interface Timers extends Clock {
  /** Calls `fire` once, not before `delayMs` have passed. */
  after(delayMs: number, fire: () => void): Timer;
}
