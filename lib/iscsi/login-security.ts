/**
 * The security stage on the target's side: choice of the method and the exchange it drives. @source
 * RFC 7143 §12.1
 */
import { ChapAuthenticator } from '../auth/index.ts';
import type { ChallengeRegister, ChapRequirement } from '../auth/index.ts';
import { LoginStatus } from './login-status.ts';
import type { LoginRefusal } from './login-types.ts';
import { Answer, parseList } from './text-keys.ts';
import type { TextPair } from './text-keys.ts';

const METHOD_KEY = 'AuthMethod';

const refused = (reason: string): LoginRefusal => ({
  status: LoginStatus.authenticationFailure,
  reason,
});

export class LoginSecurity {
  readonly #required: boolean;
  readonly #authenticator: ChapAuthenticator | null;
  #method: string | undefined;
  #user: string | null = null;

  /** @param requirement null: nothing to prove. */
  constructor(requirement: ChapRequirement | null, register: ChallengeRegister) {
    this.#required = requirement !== null;
    this.#authenticator =
      requirement === null ? null : new ChapAuthenticator(requirement, register);
  }

  /** May the stage be left, or never have been entered? */
  get satisfied(): boolean {
    return !this.#required || this.#user !== null;
  }

  /** Has the initiator begun to authenticate? */
  get begun(): boolean {
    return this.#method !== undefined;
  }

  get user(): string | null {
    return this.#user;
  }

  /** Takes the security keys of one step, AuthMethod among them. @returns our keys. */
  receive(pairs: readonly TextPair[]): readonly TextPair[] | LoginRefusal {
    const answers: TextPair[] = [];
    const rest = pairs.filter(({ key }) => key !== METHOD_KEY);
    const offer = pairs.find(({ key }) => key === METHOD_KEY);
    if (offer !== undefined) {
      const refusal = this.#choose(offer.value);
      if (refusal !== undefined) return refusal;
      answers.push({ key: METHOD_KEY, value: this.#method! });
    }
    if (rest.length === 0) return answers;
    if (this.#method !== 'CHAP' || this.#authenticator === null || this.#user !== null) {
      return refused('CHAP keys without CHAP being negotiated');
    }
    const step = this.#authenticator.receive(rest);
    if (step.kind === 'failed') return refused(step.reason);
    if (step.kind === 'done') this.#user = step.user;
    return [...answers, ...step.pairs];
  }

  end(): void {
    this.#authenticator?.end();
  }

  #choose(offered: string): LoginRefusal | undefined {
    if (this.#method !== undefined) {
      return { status: LoginStatus.initiatorError, reason: 'AuthMethod is negotiated twice' };
    }
    const possible = this.#required ? 'CHAP' : Answer.none;
    if (!parseList(offered).includes(possible)) {
      return refused(`AuthMethod=${offered}, but only ${possible} will do`);
    }
    this.#method = possible;
    return undefined;
  }
}
