/**
 * The target's end of CHAP: checks the initiator and, asked to, proves the target in turn. Unknown
 * user, wrong secret and unknown host take the same steps and the same time. @source RFC 7143
 * §12.1.3, §9.2.1; RFC 1994
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

export interface ChapRequirement {
  /** What the host must prove; null: an unknown host, which fails like a wrong secret. */
  readonly credentials: ChapCredentials | null;
  /** What we prove when the host asks; null: a host that asks fails. */
  readonly mutual: ChapCredentials | null;
  /** Hashes allowed; undefined: all. */
  readonly algorithms?: readonly ChapAlgorithm[];
}

/** Stands in for the credentials of hosts that there are none for; its result is never believed. */
const DECOY: ChapCredentials = { user: 'no such user', secret: 'no such secret' };

export class ChapAuthenticator implements AuthMethod {
  readonly name = 'CHAP';
  readonly #requirement: ChapRequirement;
  readonly #register: ChallengeRegister;
  #algorithm: ChapAlgorithm | undefined;
  #challenge: Challenge | undefined;

  constructor(requirement: ChapRequirement, register: ChallengeRegister) {
    this.#requirement = requirement;
    this.#register = register;
  }

  receive(pairs: readonly AuthPair[]): AuthStep {
    // a step without keys: the initiator took note of AuthMethod and nothing more
    if (pairs.length === 0) return { kind: 'continue', pairs: [] };
    return this.#challenge === undefined ? this.#giveChallenge(pairs) : this.#check(pairs);
  }

  end(): void {
    if (this.#challenge !== undefined) this.#register.retire(this.#challenge);
  }

  #giveChallenge(pairs: readonly AuthPair[]): AuthStep {
    const offered = readKeys(pairs, ['CHAP_A'])?.get('CHAP_A');
    if (offered === undefined) return authFailed('CHAP_A is missing');
    const allowed = this.#requirement.algorithms ?? chapAlgorithms;
    const numbers = offered.split(',').map(parseByte);
    this.#algorithm = numbers.find((number) => allowed.some((known) => known === number)) as
      ChapAlgorithm | undefined;
    if (this.#algorithm === undefined) return authFailed(`no hash of CHAP_A=${offered} is allowed`);
    this.#challenge = this.#register.issue();
    return {
      kind: 'continue',
      pairs: [
        { key: 'CHAP_A', value: String(this.#algorithm) },
        { key: 'CHAP_I', value: String(this.#challenge.identifier) },
        { key: 'CHAP_C', value: formatHex(this.#challenge.bytes) },
      ],
    };
  }

  #check(pairs: readonly AuthPair[]): AuthStep {
    const keys = readKeys(pairs, ['CHAP_N', 'CHAP_R', 'CHAP_I', 'CHAP_C']);
    if (keys === undefined) return authFailed('a CHAP key is repeated or out of place');
    const user = keys.get('CHAP_N');
    const response = readResponse(keys);
    if (user === undefined || response === undefined) {
      return authFailed('CHAP_N or CHAP_R is missing or malformed');
    }
    const fault = this.#faultOf(user, response);
    if (fault !== undefined) return authFailed(fault);
    if (!keys.has('CHAP_I') && !keys.has('CHAP_C')) return { kind: 'done', pairs: [], user };
    return this.#proveOurselves(readChallenge(keys), response, user);
  }

  /** Every comparison is made, whatever the others say. */
  #faultOf(user: string, response: Buffer): string | undefined {
    const known = this.#requirement.credentials;
    const credentials = known ?? DECOY;
    const rightUser = sameText(user, credentials.user);
    const rightResponse = sameBytes(response, this.#ourResponse(credentials.secret));
    const ours = sameBytes(
      response,
      this.#ourResponse(this.#requirement.mutual?.secret ?? DECOY.secret),
    );
    if (known === null) return 'the host has no CHAP credentials here';
    if (ours && this.#requirement.mutual !== null) return 'the response is one of ours, reflected';
    if (!rightUser) return 'the CHAP user is not that of the host';
    return rightResponse ? undefined : 'the CHAP response is wrong';
  }

  #ourResponse(secret: string): Buffer {
    const { identifier, bytes } = this.#challenge!;
    return chapResponse(this.#algorithm!, identifier, secret, bytes);
  }

  #proveOurselves(asked: PeerChallenge | undefined, response: Buffer, user: string): AuthStep {
    const { mutual } = this.#requirement;
    if (asked === undefined) return authFailed('CHAP_I or CHAP_C is missing or malformed');
    if (this.#register.isOurs(asked.challenge)) return authFailed('our own challenge came back');
    if (mutual === null) return authFailed('the host asks for proof that it has no secret for');
    const proof = chapResponse(this.#algorithm!, asked.identifier, mutual.secret, asked.challenge);
    if (sameBytes(proof, response)) return authFailed('both directions have the same response');
    return {
      kind: 'done',
      user,
      pairs: [
        { key: 'CHAP_N', value: mutual.user },
        { key: 'CHAP_R', value: formatHex(proof) },
      ],
    };
  }
}
