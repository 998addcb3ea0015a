/**
 * The target's side of one connection's login: takes login requests, returns responses and, in the
 * end, a session that may begin. Sans-I/O; time limits are the owner's. @source RFC 7143 §6.3,
 * §11.12, §11.13
 */
import type { ChallengeRegister } from '../auth/index.ts';
import { assert } from '../base/index.ts';
import { decode, serialAdd } from '../wire/index.ts';
import { loginFault } from './login-checks.ts';
import { isClaimKey, readClaim } from './login-claim.ts';
import { LOGIN_SEGMENT_BYTES, NEGOTIATION_TEXT_BYTES_MAX } from './limits.ts';
import { encodeLoginResponse } from './login-reply.ts';
import { LoginSecurity } from './login-security.ts';
import { beginEvent, nextLoginState, transitEvent } from './login-states.ts';
import type { LoginEvent, LoginState } from './login-states.ts';
import { LoginStatus } from './login-status.ts';
import type {
  AnswerExtraKey,
  CommandWindow,
  LoginAccess,
  LoginAction,
  LoginClaim,
  LoginPolicy,
  LoginPortal,
  LoginRefusal,
  LoginResult,
} from './login-types.ts';
import { OperationalNegotiation } from './negotiation.ts';
import { IncomingText, OutgoingText } from './negotiation-text.ts';
import { isSecurityKey, keyRow } from './operational-keys.ts';
import type { LocalParameters } from './parameters.ts';
import { loginRequest } from './pdu/index.ts';
import type { LoginRequest } from './pdu/index.ts';
import { Answer, encodeTextKeys, parseTextKeys, repeatedKey } from './text-keys.ts';
import type { TextPair } from './text-keys.ts';

export interface LoginResponderOptions {
  readonly policy: LoginPolicy;
  readonly portal: LoginPortal;
  readonly local: LocalParameters;
  /** Shared by all logins of a target. */
  readonly challenges: ChallengeRegister;
  /** Commands that a new session may send at once; the first MaxCmdSN says so. */
  readonly queueDepth: number;
  readonly answerExtraKey?: AnswerExtraKey;
  /** StatSN of the first response. */
  readonly firstStatSn?: number;
}

/** What is known once the first request's keys have been read. */
interface Party {
  readonly claim: LoginClaim;
  readonly access: LoginAccess;
  readonly security: LoginSecurity;
  readonly negotiation: OperationalNegotiation;
}

/** Leaves `#step` and is caught in `receive` alone. */
class Refused extends Error {
  override readonly name = 'Refused';
  readonly refusal: LoginRefusal;

  constructor(refusal: LoginRefusal) {
    super(refusal.reason);
    this.refusal = refusal;
  }
}

const initiatorError = (reason: string): Refused =>
  new Refused({ status: LoginStatus.initiatorError, reason });

export class LoginResponder {
  readonly #options: LoginResponderOptions;
  readonly #incoming = new IncomingText(NEGOTIATION_TEXT_BYTES_MAX);
  readonly #outgoing = new OutgoingText();
  #state: LoginState = 'start';
  #requests = 0;
  #statSn: number;
  #first: LoginRequest | undefined;
  #last: LoginRequest | undefined;
  #party: Party | undefined;
  #groupTagSent = false;

  constructor(options: LoginResponderOptions) {
    this.#options = options;
    this.#statSn = options.firstStatSn ?? 0;
  }

  get state(): LoginState {
    return this.#state;
  }

  /** Who the peer says to be; undefined before the first request is complete. */
  get claim(): LoginClaim | undefined {
    return this.#party?.claim;
  }

  /** Takes one PDU: its BHS and data segment without padding. Neither is kept. */
  receive(header: Buffer, data: Buffer): LoginAction[] {
    if (this.#state === 'closed') return [];
    const request = decode(loginRequest, header);
    this.#requests++;
    this.#last = request;
    try {
      return this.#receive(request, data);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return this.#refuse(error.refusal);
    }
  }

  /**
   * The owner lets the session begin, after `admit`. `window` where the connection joined a
   * session. Does nothing where the login has ended in between.
   */
  admitted(given: { readonly tsih: number; readonly window?: CommandWindow }): LoginAction[] {
    if (this.#state === 'closed') return [];
    assert(this.#state === 'admitting', 'nothing to admit');
    assert(given.tsih !== 0, 'a session has a TSIH');
    const transit = { stage: this.#last!.nextStage, tsih: given.tsih, window: given.window };
    const send = this.#reply(this.#outgoing.next(LOGIN_SEGMENT_BYTES), transit);
    this.#advance('admit');
    this.#party!.security.end();
    return [send, { kind: 'fullFeature', result: { ...this.#result(), tsih: given.tsih } }];
  }

  /** The owner turns the login down, in any state before full feature phase. */
  refuse(status: LoginStatus, reason: string, targetAddress?: string): LoginAction[] {
    const moved = targetAddress === undefined ? {} : { targetAddress };
    return this.#refuse({ status, reason, ...moved });
  }

  /** The connection is gone. */
  abandon(): void {
    this.#party?.security.end();
    this.#state = 'closed';
  }

  #receive(request: LoginRequest, data: Buffer): LoginAction[] {
    const fault = loginFault(request, data, {
      state: this.#state,
      first: this.#first,
      requests: this.#requests,
    });
    if (fault !== undefined) throw new Refused(fault);
    this.#first ??= request;
    if (this.#state === 'start') this.#advance(beginEvent(request.currentStage));
    if (this.#outgoing.pending) return this.#continueAnswer(request, data);
    if (!this.#incoming.add(data)) throw initiatorError('the keys of one step are too long');
    if (request.continued) return [this.#reply(Buffer.alloc(0))];
    return this.#step(request, this.#incoming.take());
  }

  /** The initiator fetches the rest of a long answer with empty requests. */
  #continueAnswer(request: LoginRequest, data: Buffer): LoginAction[] {
    if (data.length > 0 || request.continued) {
      throw initiatorError('keys arrive before our answer has been taken');
    }
    return this.#answer(request, []);
  }

  #step(request: LoginRequest, text: Buffer): LoginAction[] {
    const parsed = parseTextKeys(text);
    if (!parsed.ok) throw initiatorError(parsed.error);
    const repeated = repeatedKey(parsed.value);
    if (repeated !== undefined) throw initiatorError(`${repeated} is sent twice`);
    const answers: TextPair[] = [];
    const claims = parsed.value.filter(({ key }) => isClaimKey(key));
    if (this.#party === undefined) answers.push(...this.#identify(claims, request));
    else this.#confirmClaim(claims, request);
    const others = parsed.value.filter(({ key }) => !isClaimKey(key));
    if (this.#state === 'security') answers.push(...this.#securityStep(others));
    else answers.push(...this.#operationalStep(others));
    return this.#answer(request, answers);
  }

  /** The first complete request: who is it, and may it go on? */
  #identify(claims: readonly TextPair[], request: LoginRequest): TextPair[] {
    const claim = readClaim(claims, request, this.#options.portal);
    if ('status' in claim) throw new Refused(claim);
    const access = this.#options.policy.identify(claim);
    if ('status' in access) throw new Refused(access);
    const security = new LoginSecurity(access.auth, this.#options.challenges);
    const negotiation = new OperationalNegotiation({
      local: this.#options.local,
      sessionType: claim.sessionType,
      leading: claim.tsih === 0,
    });
    this.#party = { claim, access, security, negotiation };
    if (this.#state === 'operational' && !security.satisfied) {
      const reason = 'authentication is required and was skipped';
      throw new Refused({ status: LoginStatus.authenticationFailure, reason });
    }
    return this.#introduction();
  }

  /** What the first response of a leading login says about us. @source RFC 7143 §13.9 */
  #introduction(): TextPair[] {
    const { claim, access } = this.#party!;
    const pairs: TextPair[] = [];
    if (access.targetAlias !== undefined) {
      pairs.push({ key: 'TargetAlias', value: access.targetAlias });
    }
    if (claim.sessionType === 'normal' && !this.#groupTagSent) {
      this.#groupTagSent = true;
      pairs.push({ key: 'TargetPortalGroupTag', value: String(this.#options.portal.groupTag) });
    }
    return pairs;
  }

  /** Some initiators say again who they are in the operational stage; it has to be the same. */
  #confirmClaim(claims: readonly TextPair[], request: LoginRequest): void {
    if (claims.length === 0) return;
    const { claim } = this.#party!;
    const said: TextPair[] = [{ key: 'InitiatorName', value: claim.initiatorName }];
    if (claim.targetName !== null) said.push({ key: 'TargetName', value: claim.targetName });
    if (claim.sessionType === 'discovery') said.push({ key: 'SessionType', value: 'Discovery' });
    const merged = new Map([...said, ...claims].map((pair) => [pair.key, pair]));
    const again = readClaim([...merged.values()], request, this.#options.portal);
    if ('status' in again) throw new Refused(again);
    const same =
      again.initiatorName === claim.initiatorName &&
      again.targetName === claim.targetName &&
      again.sessionType === claim.sessionType;
    if (!same) throw initiatorError('the initiator changes who it is in the middle of the login');
  }

  #securityStep(pairs: readonly TextPair[]): TextPair[] {
    const { security } = this.#party!;
    const answers = security.receive(pairs.filter(({ key }) => isSecurityKey(key)));
    if ('status' in answers) throw new Refused(answers);
    const outOfPlace = pairs.filter(({ key }) => !isSecurityKey(key));
    return [...answers, ...outOfPlace.map(({ key }) => ({ key, value: refusalOf(key) }))];
  }

  #operationalStep(pairs: readonly TextPair[]): TextPair[] {
    const { negotiation, claim } = this.#party!;
    const extra = this.#options.answerExtraKey;
    const answers = negotiation.declarations();
    const ordinary: TextPair[] = [];
    for (const pair of pairs) {
      const value = keyRow(pair.key) ? undefined : extra?.(pair.key, pair.value, claim);
      if (value !== undefined) answers.push({ key: pair.key, value });
      else if (isSecurityKey(pair.key)) answers.push({ key: pair.key, value: Answer.irrelevant });
      else ordinary.push(pair);
    }
    const negotiated = negotiation.receive(ordinary);
    if (!negotiated.ok) throw initiatorError(negotiated.error);
    return [...answers, ...negotiated.value];
  }

  /** Sends keys and, where both sides are ready, the transition that was asked for. */
  #answer(request: LoginRequest, pairs: readonly TextPair[]): LoginAction[] {
    const event = request.transit ? transitEvent(request.nextStage) : undefined;
    const offers = this.#offersBefore(event);
    this.#outgoing.load(encodeTextKeys([...pairs, ...offers]));
    if (event === undefined || !this.#mayLeave()) return [this.#sendAnswer()];
    if (event === 'toFullFeature') return this.#askAdmission();
    const send = this.#reply(this.#outgoing.next(LOGIN_SEGMENT_BYTES), {
      stage: request.nextStage,
    });
    this.#advance(event);
    return [send];
  }

  /** Keys that we insist on settling before the operational stage ends. */
  #offersBefore(event: LoginEvent | undefined): TextPair[] {
    if (event !== 'toFullFeature' || this.#state !== 'operational') return [];
    return this.#party!.negotiation.necessaryOffers();
  }

  #mayLeave(): boolean {
    const { security, negotiation } = this.#party!;
    if (this.#outgoing.longerThan(LOGIN_SEGMENT_BYTES)) return false;
    if (this.#state === 'operational') return negotiation.settled;
    if (!security.satisfied && !security.begun) {
      const reason = 'the initiator leaves the security stage without authentication';
      throw new Refused({ status: LoginStatus.authenticationFailure, reason });
    }
    return security.satisfied;
  }

  #askAdmission(): LoginAction[] {
    const unmet = this.#party!.negotiation.unmet();
    if (unmet !== undefined) throw initiatorError(`no common value for ${unmet}`);
    this.#advance('toFullFeature');
    return [{ kind: 'admit', result: this.#result() }];
  }

  #result(): LoginResult {
    const { claim, security, negotiation } = this.#party!;
    return {
      ...claim,
      parameters: negotiation.result(),
      authenticatedAs: security.user,
      cmdSn: this.#first!.cmdSn,
      statSn: this.#statSn,
    };
  }

  #sendAnswer(): LoginAction {
    const piece = this.#outgoing.next(LOGIN_SEGMENT_BYTES);
    return this.#reply(piece);
  }

  #reply(
    data: Buffer,
    transit?: { stage: number; tsih?: number; window?: CommandWindow | undefined },
  ): LoginAction {
    const header = encodeLoginResponse(this.#last!, {
      currentStage: this.#last!.currentStage,
      continued: this.#outgoing.pending,
      nextStage: transit?.stage,
      tsih: transit?.tsih,
      dataBytes: data.length,
      statSn: this.#takeStatSn(),
      window: transit?.window ?? this.#window(),
    });
    return { kind: 'send', header, data };
  }

  /**
   * A login doesn't advance CmdSN, so that the first command has the login's. @source RFC 7143
   * §11.12.8
   */
  #window(): CommandWindow {
    const joined = this.#party?.access.sessionWindow?.();
    if (joined !== undefined) return joined;
    const expCmdSn = this.#last!.cmdSn;
    return { expCmdSn, maxCmdSn: serialAdd(expCmdSn, this.#options.queueDepth - 1) };
  }

  #takeStatSn(): number {
    const statSn = this.#statSn;
    this.#statSn = serialAdd(statSn, 1);
    return statSn;
  }

  #advance(event: LoginEvent | undefined): void {
    const next = event === undefined ? undefined : nextLoginState(this.#state, event);
    if (next === undefined) throw initiatorError(`the login can't go there from ${this.#state}`);
    this.#state = next;
  }

  #refuse({ status, reason, targetAddress }: LoginRefusal): LoginAction[] {
    if (this.#state === 'closed') return [];
    const send = this.#last === undefined ? [] : [this.#refusal(this.#last, status, targetAddress)];
    this.abandon();
    return [...send, { kind: 'refused', status, reason }];
  }

  #refusal(last: LoginRequest, status: LoginStatus, targetAddress?: string): LoginAction {
    const moved =
      targetAddress === undefined ? [] : [{ key: 'TargetAddress', value: targetAddress }];
    const data = encodeTextKeys(moved);
    const header = encodeLoginResponse(last, {
      dataBytes: data.length,
      status,
      statSn: this.#takeStatSn(),
      window: this.#window(),
    });
    return { kind: 'send', header, data };
  }
}

/** The answer to a key that has no place in the security stage. */
const refusalOf = (key: string): string =>
  keyRow(key) === undefined ? Answer.notUnderstood : Answer.irrelevant;
