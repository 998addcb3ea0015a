/**
 * Keeps a storage server registered with one iSNS server: registers, asks now and then whether the
 * registration still stands (which also refreshes it), registers anew where it doesn't, deregisters
 * at the end. Sans-I/O: a dialer gives it a connection and its bytes. RFC 4171.
 */
import type { Random, Timer, Timers } from '../../base/index.ts';
import type { IsnsEntity } from './entity.ts';
import {
  deregistration,
  describeStatus,
  grantedPeriod,
  inquiry,
  registration,
  statusOf,
} from './messages.ts';

import { encodePdu, isnsFunction, IsnsFramer, RESPONSE } from './pdu.ts';
import type { IsnsPdu } from './pdu.ts';

const RESPONSE_LIMIT_MS = 10_000;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;
/**
 * Thrice within the shortest registration period that we ask for, so that two inquiries may fail.
 */
const INQUIRIES_PER_PERIOD = 3;
const TRANSACTION_IDS = 0x1_0000;

export type IsnsState =
  'idle' | 'connecting' | 'registering' | 'registered' | 'inquiring' | 'leaving';

/** What the registration asks of the connection to its server. */
export interface IsnsLink {
  /** Ends in `connected` or `disconnected`. */
  connect(): void;
  send(bytes: Buffer): void;
  disconnect(): void;
}

export interface IsnsRegistrationOptions {
  readonly entity: IsnsEntity;
  readonly link: IsnsLink;
  readonly timers: Timers;
  /** Spreads the retries of many servers. */
  readonly random: Random;
  readonly onState?: (state: IsnsState, detail: string) => void;
}

type Step = 'register' | 'inquire' | 'deregister';

const stateOfStep = {
  register: 'registering',
  inquire: 'inquiring',
  deregister: 'leaving',
} as const satisfies Record<Step, IsnsState>;

const requestOfStep = {
  register: isnsFunction.deviceAttributeRegister,
  inquire: isnsFunction.deviceAttributeQuery,
  deregister: isnsFunction.deviceDeregister,
} as const satisfies Record<Step, number>;

export class IsnsRegistration {
  state: IsnsState = 'idle';
  /** Why the last attempt failed; empty while all is well. */
  lastFailure = '';
  readonly #options: IsnsRegistrationOptions;
  #entity: IsnsEntity;
  #framer = new IsnsFramer();
  #linked = false;
  #registered = false;
  /** The entity is another than the one that the server was told. */
  #changed = true;
  /** What the server granted, which may be shorter than asked. */
  #periodSeconds: number | undefined;
  #pending: { readonly step: Step; readonly transactionId: number } | null = null;
  #transactionId = 0;
  #retryMs = RETRY_MS_MIN;
  #timer: Timer | null = null;
  #onLeft: (() => void) | null = null;

  constructor(options: IsnsRegistrationOptions) {
    this.#options = options;
    this.#entity = options.entity;
  }

  start(): void {
    if (this.state === 'idle') this.#dial();
  }

  /** Registers what has changed: other portals, other targets. */
  update(entity: IsnsEntity): void {
    this.#entity = entity;
    this.#changed = true;
    if (this.#linked && this.#pending === null && this.#onLeft === null) this.#begin('register');
  }

  /**
   * Deregisters where there is something to take back, and ends the connection; `onLeft` is called
   * once.
   */
  stop(onLeft: () => void): void {
    this.#onLeft = onLeft;
    this.#pending = null;
    if (this.#linked && this.state !== 'idle') this.#begin('deregister');
    else this.#finish();
  }

  connected(): void {
    this.#linked = true;
    this.#framer = new IsnsFramer();
    if (this.#onLeft === null)
      this.#begin(this.#registered && !this.#changed ? 'inquire' : 'register');
    else this.#finish();
  }

  disconnected(reason: string): void {
    this.#linked = false;
    this.#pending = null;
    if (this.#onLeft !== null) this.#finish();
    else if (this.state !== 'idle') this.#retryLater(reason);
  }

  received(chunk: Buffer): void {
    const pdus = this.#framer.push(chunk);
    if (pdus === undefined) return this.#hangUp('the server sent what is no iSNS');
    for (const pdu of pdus) if (this.#linked) this.#take(pdu);
  }

  #take(pdu: IsnsPdu): void {
    if ((pdu.functionId & RESPONSE) === 0) return this.#answer(pdu);
    const pending = this.#pending;
    if (pending === null || pdu.transactionId !== pending.transactionId) return;
    if (pdu.functionId !== (requestOfStep[pending.step] | RESPONSE)) return;
    this.#pending = null;
    this.#ended(pending.step, pdu);
  }

  /**
   * Status inquiries and notifications of the server: taken note of, which is all that they ask.
   */
  #answer(request: IsnsPdu): void {
    const known =
      request.functionId === isnsFunction.entityStatusInquiry ||
      request.functionId === isnsFunction.stateChangeNotification;
    const status = Buffer.alloc(4);
    status.writeUInt32BE(known ? 0 : statusOf('messageNotSupported'));
    const payload = known ? Buffer.concat([status, request.payload]) : status;
    const { transactionId } = request;
    this.#options.link.send(
      encodePdu({ functionId: request.functionId | RESPONSE, transactionId, payload }),
    );
  }

  #ended(step: Step, response: IsnsPdu): void {
    if (step === 'deregister') return this.#finish();
    const status = response.payload.length < 4 ? -1 : response.payload.readUInt32BE();
    // a query that finds nothing is answered with success and the key alone
    const standing = step === 'register' || inquiry.found(response.payload);
    if (status === 0 && standing) {
      if (step === 'register') this.#periodSeconds = grantedPeriod(response.payload);
      return this.#rest();
    }
    if (step === 'inquire') return this.#begin('register');
    this.#hangUp(`registration refused: ${describeStatus(status)}`);
  }

  #rest(): void {
    const fresh = !this.#registered;
    this.#registered = true;
    this.#retryMs = RETRY_MS_MIN;
    this.lastFailure = '';
    if (this.#changed) return this.#begin('register');
    this.#become('registered', fresh ? 'registered' : 'registration confirmed');
    const askedSeconds = this.#entity.registrationPeriodSeconds;
    const periodMs = Math.min(askedSeconds, this.#periodSeconds ?? askedSeconds) * 1_000;
    this.#wait(periodMs / INQUIRIES_PER_PERIOD, () => this.#begin('inquire'));
  }

  #begin(step: Step): void {
    if (step === 'register') this.#changed = false;
    this.#become(stateOfStep[step], '');
    this.#transactionId = (this.#transactionId + 1) % TRANSACTION_IDS;
    const transactionId = this.#transactionId;
    this.#pending = { step, transactionId };
    const build = { register: registration, inquire: inquiry.build, deregister: deregistration };
    const payload = build[step](this.#entity);
    const functionId = requestOfStep[step];
    this.#wait(RESPONSE_LIMIT_MS, () => this.#hangUp('the server does not answer'));
    this.#options.link.send(
      encodePdu({ functionId, transactionId, payload, replace: step === 'register' }),
    );
  }

  #dial(): void {
    this.#become('connecting', '');
    this.#timer?.cancel();
    this.#options.link.connect();
  }

  #hangUp(reason: string): void {
    this.#pending = null;
    this.#linked = false;
    this.#options.link.disconnect();
    if (this.#onLeft !== null) this.#finish();
    else this.#retryLater(reason);
  }

  #retryLater(reason: string): void {
    this.lastFailure = reason;
    this.#become('connecting', reason);
    const jitter = 0.5 + this.#options.random.next() / 2;
    this.#wait(this.#retryMs * jitter, () => this.#dial());
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
  }

  #finish(): void {
    this.#timer?.cancel();
    this.#pending = null;
    if (this.#linked) this.#options.link.disconnect();
    this.#linked = false;
    this.#registered = false;
    this.#become('idle', '');
    const onLeft = this.#onLeft;
    this.#onLeft = null;
    onLeft?.();
  }

  #wait(delayMs: number, fire: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.timers.after(delayMs, fire);
  }

  #become(state: IsnsState, detail: string): void {
    this.state = state;
    this.#options.onState?.(state, detail);
  }
}
