/**
 * The initiator's end of CHAP: proves itself and, where told to, has the target prove itself.
 * @source RFC 7143 §12.1.3
 */
import type { AuthMethod, AuthPair, AuthStep, ChapCredentials } from './auth-method.ts';
import { formatHex, parseByte } from './binary-value.ts';
import { chapAlgorithms, chapResponse } from './chap-algorithm.ts';
import type { ChapAlgorithm } from './chap-algorithm.ts';
import {
  authFailed,
  readChallenge,
  readKeys,
  readResponse,
  sameBytes,
  sameText,
} from './chap-keys.ts';
import type { PeerChallenge } from './chap-keys.ts';
import type { Challenge, ChallengeRegister } from './challenge-register.ts';

export interface ChapIdentity {
  /** What we prove. */
  readonly credentials: ChapCredentials;
  /** What the target must prove; null: nothing. */
  readonly mutual: ChapCredentials | null;
  /** Hashes offered, in order; undefined: all, strongest first. */
  readonly algorithms?: readonly ChapAlgorithm[];
}

export class ChapInitiator implements AuthMethod {
  readonly name = 'CHAP';
  readonly #identity: ChapIdentity;
  readonly #register: ChallengeRegister;
  #algorithm: ChapAlgorithm | undefined;
  #challenge: Challenge | undefined;
  #answered = false;

  constructor(identity: ChapIdentity, register: ChallengeRegister) {
    this.#identity = identity;
    this.#register = register;
  }

  /** Is our response on its way, so that the stage may end? */
  get answered(): boolean {
    return this.#answered;
  }

  /** The hash that the target has chosen; null before. */
  get algorithm(): ChapAlgorithm | null {
    return this.#algorithm ?? null;
  }

  /** First keys, once the target has chosen CHAP. */
  start(): AuthPair[] {
    return [{ key: 'CHAP_A', value: this.#offered().join(',') }];
  }

  receive(pairs: readonly AuthPair[]): AuthStep {
    if (!this.#answered) return this.#answer(pairs);
    return this.#identity.mutual === null
      ? { kind: 'done', pairs: [], user: '' }
      : this.#checkTarget(pairs, this.#identity.mutual);
  }

  end(): void {
    if (this.#challenge !== undefined) this.#register.retire(this.#challenge);
  }

  #offered(): readonly ChapAlgorithm[] {
    return this.#identity.algorithms ?? chapAlgorithms;
  }

  #answer(pairs: readonly AuthPair[]): AuthStep {
    const keys = readKeys(pairs, ['CHAP_A', 'CHAP_I', 'CHAP_C']);
    const asked = keys === undefined ? undefined : readChallenge(keys);
    if (keys === undefined || asked === undefined) {
      return authFailed('the target sent no usable CHAP challenge');
    }
    const chosen = parseByte(keys.get('CHAP_A') ?? '');
    this.#algorithm = this.#offered().find((algorithm) => algorithm === chosen);
    if (this.#algorithm === undefined) return authFailed('the target chose a hash not offered');
    if (this.#register.isOurs(asked.challenge)) return authFailed('our own challenge came back');
    this.#answered = true;
    return { kind: 'continue', pairs: [...this.#proof(asked), ...this.#ownChallenge()] };
  }

  #proof({ identifier, challenge }: PeerChallenge): AuthPair[] {
    const { user, secret } = this.#identity.credentials;
    const proof = chapResponse(this.#algorithm!, identifier, secret, challenge);
    return [
      { key: 'CHAP_N', value: user },
      { key: 'CHAP_R', value: formatHex(proof) },
    ];
  }

  #ownChallenge(): AuthPair[] {
    if (this.#identity.mutual === null) return [];
    this.#challenge = this.#register.issue();
    return [
      { key: 'CHAP_I', value: String(this.#challenge.identifier) },
      { key: 'CHAP_C', value: formatHex(this.#challenge.bytes) },
    ];
  }

  #checkTarget(pairs: readonly AuthPair[], mutual: ChapCredentials): AuthStep {
    const keys = readKeys(pairs, ['CHAP_N', 'CHAP_R']);
    const response = keys === undefined ? undefined : readResponse(keys);
    if (keys === undefined || response === undefined) {
      return authFailed('the target did not prove itself');
    }
    const rightUser = sameText(keys.get('CHAP_N') ?? '', mutual.user);
    const rightResponse = sameBytes(response, this.#expected(mutual.secret));
    const reflected = sameBytes(response, this.#expected(this.#identity.credentials.secret));
    if (reflected) return authFailed('the response of the target is one of ours, reflected');
    if (!rightUser) return authFailed('the target proved itself under another user name');
    if (!rightResponse) return authFailed('the response of the target is wrong');
    return { kind: 'done', pairs: [], user: mutual.user };
  }

  #expected(secret: string): Buffer {
    const { identifier, bytes } = this.#challenge!;
    return chapResponse(this.#algorithm!, identifier, secret, bytes);
  }
}
