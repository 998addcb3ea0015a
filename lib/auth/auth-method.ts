/**
 * Authentication as an exchange of text keys: what a login machine drives without knowing the
 * method.
 */

export interface AuthPair {
  readonly key: string;
  readonly value: string;
}

/**
 * What one step of an exchange comes to. `reason` is for our log: the wire says only that
 * authentication failed.
 */
export type AuthStep =
  | { readonly kind: 'continue'; readonly pairs: readonly AuthPair[] }
  | { readonly kind: 'done'; readonly pairs: readonly AuthPair[]; readonly user: string }
  | { readonly kind: 'failed'; readonly reason: string };

export interface AuthMethod {
  /** The word for it in AuthMethod lists. */
  readonly name: string;
  /**
   * Takes the peer's security keys of one step, AuthMethod itself left out. Never called after
   * `done` or `failed`.
   */
  receive(pairs: readonly AuthPair[]): AuthStep;
  /** The login is over, well or not: forgets challenges. Idempotent. */
  end(): void;
}

/** A user name and the secret that proves it. */
export interface ChapCredentials {
  readonly user: string;
  /** At least 12 bytes of UTF-8; `checkSecret` tells. */
  readonly secret: string;
}
