/**
 * The initiator's side of one connection's login: security stage, operational stage, as many rounds
 * as the target wants, then the parameters of the connection. Sans-I/O; time limits are the
 * owner's. @source RFC 7143 §6.3, §11.12, §11.13
 */
import { ChapInitiator } from '../auth/index.ts';
import type { ChallengeRegister, ChapAlgorithm, ChapIdentity } from '../auth/index.ts';
import { assert } from '../base/index.ts';
import { decode, encode, serialAdd } from '../wire/index.ts';
import { LoginStage } from './codes.ts';
import { LOGIN_ANSWER_BYTES_MAX, LOGIN_REQUESTS_MAX, LOGIN_SEGMENT_BYTES } from './limits.ts';
import { LoginError, refusedBy } from './login-error.ts';
import type { LoginErrorKind } from './login-error.ts';
import { nextLoginState, stageOf, transitEvent } from './login-states.ts';
import type { LoginState } from './login-states.ts';
import { OperationalNegotiation } from './negotiation.ts';
import { IncomingText, OutgoingText } from './negotiation-text.ts';
import { isSecurityKey, keyRow } from './operational-keys.ts';
import { Opcode } from './opcodes.ts';
import type { LocalParameters, OperationalParameters, SessionType } from './parameters.ts';
import { loginRequest, loginResponse } from './pdu/index.ts';
import type { LoginResponse } from './pdu/index.ts';
import { isRefusal } from './resolution.ts';
import { Answer, encodeTextKeys, parseNumber, parseTextKeys } from './text-keys.ts';
import type { TextPair } from './text-keys.ts';

export interface LoginRequesterOptions {
  readonly initiatorName: string;
  readonly initiatorAlias?: string;
  readonly sessionType: SessionType;
  /** Needed for a normal session. */
  readonly targetName?: string;
  readonly isid: Buffer;
  /** 0: a new session; otherwise the connection joins that one. */
  readonly tsih: number;
  readonly cid: number;
  /**
   * CmdSN that the first command of a new session will have; the session's next where one is
   * joined.
   */
  readonly cmdSn: number;
  readonly initiatorTaskTag?: number;
  readonly local: LocalParameters;
  /** null: nothing to prove. */
  readonly chap: ChapIdentity | null;
  /** Shared by all logins of an initiator. */
  readonly challenges: ChallengeRegister;
  /** `X-` keys for the operational stage; their answers are in the result. */
  readonly extraKeys?: readonly TextPair[];
}

export interface LoginOutcome {
  readonly tsih: number;
  readonly parameters: OperationalParameters;
  readonly cmdSn: number;
  /** StatSN of the next response. */
  readonly expStatSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
  readonly targetAlias: string | null;
  /** null in a discovery session, and where the target didn't say. */
  readonly portalGroupTag: number | null;
  /** Answers to `extraKeys`; keys that the target didn't understand are absent. */
  readonly extra: ReadonlyMap<string, string>;
  /** The target has proved itself. */
  readonly targetAuthenticated: boolean;
}

export type LoginRequestAction =
  /** `data` without padding. */
  | { readonly kind: 'send'; readonly header: Buffer; readonly data: Buffer }
  | { readonly kind: 'fullFeature'; readonly outcome: LoginOutcome }
  /** Close the connection. */
  | { readonly kind: 'failed'; readonly error: LoginError };

const fault = (kind: LoginErrorKind, message: string): LoginError => new LoginError(kind, message);

export class LoginRequester {
  readonly #options: LoginRequesterOptions;
  readonly #negotiation: OperationalNegotiation;
  readonly #chap: ChapInitiator | null;
  readonly #incoming = new IncomingText(LOGIN_ANSWER_BYTES_MAX);
  readonly #outgoing = new OutgoingText();
  readonly #extra = new Map<string, string>();
  /** Keys of the target that are no answers: alias, portal group tag, address. */
  readonly #told = new Map<string, string>();
  #state: LoginState = 'start';
  #requests = 0;
  /** StatSN expected next; undefined before the first response. */
  #expStatSn: number | undefined;
  #method: string | undefined;
  #targetAuthenticated = false;
  #wantsTransit = false;

  constructor(options: LoginRequesterOptions) {
    assert(
      options.sessionType === 'discovery' || options.targetName !== undefined,
      'a normal session has a target name',
    );
    this.#options = options;
    this.#chap = options.chap === null ? null : new ChapInitiator(options.chap, options.challenges);
    this.#negotiation = new OperationalNegotiation({
      local: options.local,
      sessionType: options.sessionType,
      leading: options.tsih === 0,
    });
  }

  get state(): LoginState {
    return this.#state;
  }

  /**
   * The hash that the target has chosen; null before, and without CHAP. Some targets name a hash
   * that they then can't compute and end with status 0200h: the same login may succeed with MD5.
   */
  get chapAlgorithm(): ChapAlgorithm | null {
    return this.#chap?.algorithm ?? null;
  }

  /** The first request. */
  start(): LoginRequestAction[] {
    assert(this.#state === 'start', 'a login starts once');
    this.#state = 'security';
    this.#wantsTransit = this.#chap === null;
    this.#outgoing.load(encodeTextKeys(this.#introduction()));
    return [this.#send()];
  }

  /** Takes one PDU: its BHS and data segment without padding. Neither is kept. */
  receive(header: Buffer, data: Buffer): LoginRequestAction[] {
    if (this.#state === 'closed' || this.#state === 'fullFeature') return [];
    try {
      return this.#receive(decode(loginResponse, header), data);
    } catch (error) {
      if (!(error instanceof LoginError)) throw error;
      this.abandon();
      return [{ kind: 'failed', error }];
    }
  }

  /** The connection is gone. */
  abandon(): void {
    this.#chap?.end();
    this.#state = 'closed';
  }

  #introduction(): TextPair[] {
    const { initiatorName, initiatorAlias, sessionType, targetName, chap } = this.#options;
    const pairs: TextPair[] = [{ key: 'InitiatorName', value: initiatorName }];
    if (initiatorAlias !== undefined) pairs.push({ key: 'InitiatorAlias', value: initiatorAlias });
    if (targetName !== undefined) pairs.push({ key: 'TargetName', value: targetName });
    const type = sessionType === 'normal' ? 'Normal' : 'Discovery';
    pairs.push({ key: 'SessionType', value: type }, { key: 'AuthMethod', value: methodsFor(chap) });
    return pairs;
  }

  #receive(response: LoginResponse, data: Buffer): LoginRequestAction[] {
    this.#checkResponse(response);
    if (!this.#incoming.add(data)) throw fault('protocol', 'the target sends too much text');
    if (response.status !== 0) throw this.#refusal(response.status);
    this.#expStatSn = serialAdd(response.statSn, 1);
    if (response.continued) return [this.#send()];
    if (this.#outgoing.pending) return this.#sendRest(response);
    const keys = parseTextKeys(this.#incoming.take());
    if (!keys.ok) throw fault('protocol', `the target's login text is malformed: ${keys.error}`);
    const answers = this.#readKeys(keys.value);
    if (response.transit) return this.#transit(response, answers);
    this.#outgoing.load(encodeTextKeys(answers));
    return [this.#send()];
  }

  /** The target has acknowledged a piece of our text with an empty response. */
  #sendRest(response: LoginResponse): LoginRequestAction[] {
    if (response.transit || !this.#incoming.empty) {
      throw fault('protocol', 'the target answers before it has our whole text');
    }
    return [this.#send()];
  }

  #checkResponse(response: LoginResponse): void {
    const { isid, initiatorTaskTag = 0 } = this.#options;
    const expected = stageOf(this.#state);
    if (response.opcode !== Opcode.loginResponse) {
      throw fault('protocol', 'the target sent another PDU than a Login Response');
    }
    if (response.initiatorTaskTag !== initiatorTaskTag) {
      throw fault('protocol', 'the target answers with another task tag');
    }
    // everything but the status is reserved in a refusal
    if (response.status !== 0) return;
    if (!response.isid.equals(isid)) throw fault('protocol', 'the target answers another ISID');
    if (response.currentStage !== expected) throw fault('protocol', 'the target changes the stage');
    if (response.transit && response.continued) throw fault('protocol', 'T and C are both set');
    if (response.transit && !this.#wantsTransit) {
      throw fault('protocol', 'the target moves on before we are ready');
    }
  }

  #refusal(status: number): LoginError {
    const keys = parseTextKeys(this.#incoming.take());
    const address = keys.ok ? keys.value.find(({ key }) => key === 'TargetAddress') : undefined;
    return refusedBy(status, address?.value ?? null);
  }

  /** Sorts the keys of one step. @returns what there is to answer. */
  #readKeys(pairs: readonly TextPair[]): TextPair[] {
    const ordinary: TextPair[] = [];
    const answers: TextPair[] = [];
    for (const pair of pairs.filter(({ key }) => !isSecurityKey(key))) {
      const kind = keyRow(pair.key)?.kind;
      if (this.#isExtra(pair.key)) this.#takeExtra(pair);
      else if (kind === 'declared') this.#told.set(pair.key, pair.value);
      else if (kind !== undefined) ordinary.push(pair);
      else if (!isRefusal(pair.value)) answers.push({ key: pair.key, value: Answer.notUnderstood });
    }
    if (this.#state === 'security') {
      answers.push(...this.#securityStep(pairs.filter(({ key }) => isSecurityKey(key))));
    }
    const negotiated = this.#negotiation.receive(ordinary);
    if (!negotiated.ok) throw fault('negotiation', `the target breaks a rule: ${negotiated.error}`);
    return [...answers, ...negotiated.value];
  }

  #isExtra(key: string): boolean {
    return this.#options.extraKeys?.some((extra) => extra.key === key) ?? false;
  }

  #takeExtra({ key, value }: TextPair): void {
    if (!isRefusal(value)) this.#extra.set(key, value);
  }

  #securityStep(pairs: readonly TextPair[]): readonly TextPair[] {
    const chosen = pairs.find(({ key }) => key === 'AuthMethod')?.value;
    if (chosen !== undefined) return this.#startMethod(chosen);
    if (this.#chap === null || this.#method !== 'CHAP') {
      if (pairs.length > 0)
        throw fault('authentication', 'the target wants CHAP, but has not said so');
      this.#wantsTransit = true;
      return [];
    }
    const step = this.#chap.receive(pairs);
    if (step.kind === 'failed') throw fault('authentication', `CHAP failed: ${step.reason}`);
    if (step.kind === 'done') this.#targetAuthenticated = this.#options.chap!.mutual !== null;
    this.#wantsTransit = this.#chap.answered;
    return step.pairs;
  }

  #startMethod(chosen: string): TextPair[] {
    if (this.#method !== undefined) throw fault('protocol', 'AuthMethod is answered twice');
    if (!methodsFor(this.#options.chap).split(',').includes(chosen)) {
      throw fault('authentication', `the target wants AuthMethod=${chosen}, which was not offered`);
    }
    this.#method = chosen;
    this.#wantsTransit = chosen !== 'CHAP';
    return chosen === 'CHAP' ? this.#chap!.start() : [];
  }

  #transit(response: LoginResponse, answers: readonly TextPair[]): LoginRequestAction[] {
    if (this.#options.chap?.mutual && !this.#targetAuthenticated) {
      throw fault('authentication', 'the target did not prove itself');
    }
    const event = transitEvent(response.nextStage);
    const next = event === undefined ? undefined : nextLoginState(this.#state, event);
    if (next === undefined || response.nextStage > this.#nextStage()) {
      throw fault('protocol', 'the target goes to a stage that was not asked for');
    }
    if (next === 'admitting') return this.#finish(response);
    this.#state = next;
    this.#wantsTransit = true;
    const offers = [
      ...this.#negotiation.declarations(),
      ...this.#negotiation.offers(),
      ...(this.#options.extraKeys ?? []),
    ];
    this.#outgoing.load(encodeTextKeys([...answers, ...offers]));
    return [this.#send()];
  }

  #finish(response: LoginResponse): LoginRequestAction[] {
    const unmet = this.#negotiation.unmet();
    if (unmet !== undefined) throw fault('negotiation', `no common value for ${unmet}`);
    if (response.tsih === 0) throw fault('protocol', 'the target gave the session no TSIH');
    if (this.#options.tsih !== 0 && response.tsih !== this.#options.tsih) {
      throw fault('protocol', 'the target put the connection into another session');
    }
    this.#chap?.end();
    this.#state = 'fullFeature';
    const { tsih, expCmdSn, maxCmdSn } = response;
    const outcome: LoginOutcome = {
      tsih,
      parameters: this.#negotiation.result(),
      cmdSn: this.#options.cmdSn,
      expStatSn: this.#expStatSn!,
      expCmdSn,
      maxCmdSn,
      targetAlias: this.#told.get('TargetAlias') ?? null,
      portalGroupTag: parseNumber(this.#told.get('TargetPortalGroupTag') ?? '') ?? null,
      extra: this.#extra,
      targetAuthenticated: this.#targetAuthenticated,
    };
    return [{ kind: 'fullFeature', outcome }];
  }

  #nextStage(): LoginStage {
    return this.#state === 'security' ? LoginStage.operational : LoginStage.fullFeature;
  }

  /** The next piece of our text, or an empty request that asks the target to go on. */
  #send(): LoginRequestAction {
    if (++this.#requests > LOGIN_REQUESTS_MAX) {
      throw fault('protocol', 'the target finds no end of the login');
    }
    const data = this.#outgoing.next(LOGIN_SEGMENT_BYTES);
    const continued = this.#outgoing.pending;
    const transit = this.#wantsTransit && !continued && this.#incoming.empty;
    const { isid, tsih, cid, cmdSn, initiatorTaskTag = 0 } = this.#options;
    const header = encode(loginRequest, {
      transit,
      continued,
      currentStage: stageOf(this.#state),
      nextStage: transit ? this.#nextStage() : 0,
      dataSegmentLengthBytes: data.length,
      isid,
      tsih,
      initiatorTaskTag,
      cid,
      cmdSn,
      expStatSn: this.#expStatSn ?? 0,
    });
    return { kind: 'send', header, data };
  }
}

/**
 * A one-way login doesn't authenticate the target, so that a target that asks for nothing is as
 * good.
 */
function methodsFor(chap: ChapIdentity | null): string {
  if (chap === null) return Answer.none;
  return chap.mutual === null ? `CHAP,${Answer.none}` : 'CHAP';
}
