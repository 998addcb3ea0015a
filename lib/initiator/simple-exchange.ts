/**
 * NOP-Out and Logout: one answer, of which at most one byte matters. RFC 7143 §11.14, §11.15,
 * §11.18, §11.19.
 */
import { logoutResponse, Opcode } from '../iscsi/index.ts';
import type { Exchange } from './exchange.ts';

export class PingExchange implements Exchange {
  readonly answer = Opcode.nopIn;
  readonly #onAlive: () => void;

  constructor(onAlive: () => void) {
    this.#onAlive = onAlive;
  }

  isLast(): boolean {
    return true;
  }

  answered(): void {
    this.#onAlive();
  }

  lost(): void {
    // the end of the session says more
  }
}

const RESPONSE_AT = logoutResponse.fields.response.at;

export class LogoutExchange implements Exchange {
  readonly answer = Opcode.logoutResponse;
  readonly #onDone: (response: number | null) => void;

  /** @param onDone gets a LogoutResponseCode, null where the connection ended without one. */
  constructor(onDone: (response: number | null) => void) {
    this.#onDone = onDone;
  }

  isLast(): boolean {
    return true;
  }

  answered(header: Buffer): void {
    this.#onDone(header[RESPONSE_AT]!);
  }

  lost(): void {
    this.#onDone(null);
  }
}
