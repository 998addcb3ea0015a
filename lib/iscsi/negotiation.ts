/**
 * Operational negotiation of one login, for either side: answers the peer's offers, keeps account
 * of ours, and ends in OperationalParameters. Knows keys and values, no PDU. @source RFC 7143 §6.2,
 * §6.3, §13
 */
import { fail, ok } from '../base/index.ts';
import type { Result } from '../base/index.ts';
import { keyRow, operationalKeys } from './operational-keys.ts';
import type { KeyRow } from './operational-keys.ts';
import { SIMPLE_VALUE_BYTES_MAX } from './limits.ts';
import {
  isNegotiatedKey,
  localValue,
  negotiatedKeys,
  operationalParameters,
} from './parameters.ts';
import type {
  LocalParameters,
  NegotiatedKey,
  NegotiatedValue,
  OperationalParameters,
  SessionType,
} from './parameters.ts';
import { acceptAnswer, formatValue, isRefusal, resolveOffer } from './resolution.ts';
import { Answer, parseList } from './text-keys.ts';
import type { TextPair } from './text-keys.ts';

export interface NegotiationOptions {
  readonly local: LocalParameters;
  readonly sessionType: SessionType;
  /** First connection of its session? Later ones settle connection-wide keys only. */
  readonly leading: boolean;
}

const SEGMENT_KEY = 'MaxRecvDataSegmentLength';

/** Offered only where our value isn't the default: older peers have never heard of them. */
const OFFERED_IF_NOT_DEFAULT: readonly NegotiatedKey[] = ['TaskReporting', 'iSCSIProtocolLevel'];

export class OperationalNegotiation {
  readonly #options: NegotiationOptions;
  readonly #settled = new Map<NegotiatedKey, NegotiatedValue>();
  /** Keys that the peer has sent, as offer or as answer. */
  readonly #seen = new Set<string>();
  /** Keys that we have sent and the peer hasn't answered yet. */
  readonly #pending = new Set<NegotiatedKey>();
  #segmentDeclared = false;
  #peerSegmentBytes: number = operationalKeys[SEGMENT_KEY].default;

  constructor(options: NegotiationOptions) {
    this.#options = options;
  }

  /** Is every offer of ours answered? */
  get settled(): boolean {
    return this.#pending.size === 0;
  }

  /**
   * Our MaxRecvDataSegmentLength, to be sent with the first PDU of the operational stage; empty
   * afterwards.
   */
  declarations(): TextPair[] {
    if (this.#segmentDeclared) return [];
    this.#segmentDeclared = true;
    const value = String(this.#options.local.maxRecvDataSegmentLengthBytes);
    return [{ key: SEGMENT_KEY, value }];
  }

  /** An initiator's offers: every key that means something on this connection. */
  offers(): TextPair[] {
    const keys = negotiatedKeys.filter((key) => key !== SEGMENT_KEY && this.#isOffered(key));
    return keys.map((key) => this.#offer(key));
  }

  /**
   * A responder's own offers, for keys that the peer left at a default which is more than we can
   * take. They have to be answered before the stage may end.
   */
  necessaryOffers(): TextPair[] {
    const keys = negotiatedKeys.filter(
      (key) => !this.#seen.has(key) && !this.#pending.has(key) && this.#defaultIsTooMuch(key),
    );
    return keys.map((key) => this.#offer(key));
  }

  /** Takes all operational keys of one step. @returns our answers, or what the peer did wrong. */
  receive(pairs: readonly TextPair[]): Result<TextPair[], string> {
    const answers: TextPair[] = [];
    for (const pair of lastFirstBurst(pairs)) {
      const repeated = this.#seen.has(pair.key) && keyRow(pair.key)?.kind !== 'declaredNumber';
      if (repeated) return fail(`${pair.key} is negotiated twice`);
      this.#seen.add(pair.key);
      const answer = this.#receiveOne(pair);
      if (!answer.ok) return answer;
      if (answer.value !== undefined) answers.push({ key: pair.key, value: answer.value });
    }
    return ok(answers);
  }

  /** @returns the key whose agreed value is none that we are ready for, where there is one. */
  unmet(): NegotiatedKey | undefined {
    return negotiatedKeys.find((key) => {
      const known = localValue(this.#options.local, key);
      if (typeof known !== 'object' || !this.#isRelevant(operationalKeys[key])) return false;
      return !known.includes(String(this.#settled.get(key) ?? operationalKeys[key].default));
    });
  }

  result(): OperationalParameters {
    const { local } = this.#options;
    return operationalParameters(this.#settled, {
      maxSendDataSegmentLengthBytes: this.#peerSegmentBytes,
      maxRecvDataSegmentLengthBytes: this.#segmentDeclared
        ? local.maxRecvDataSegmentLengthBytes
        : operationalKeys[SEGMENT_KEY].default,
    });
  }

  #receiveOne({ key, value }: TextPair): Result<string | undefined, string> {
    if (isNegotiatedKey(key) && this.#pending.has(key)) return this.#receiveAnswer(key, value);
    // a refusal of something that we never offered asks for nothing
    if (isRefusal(value)) return ok(undefined);
    if (!valueFits(value)) return ok(Answer.reject);
    return ok(this.#receiveOffer(key, value));
  }

  #receiveAnswer(key: NegotiatedKey, answer: string): Result<undefined, string> {
    this.#pending.delete(key);
    const { local } = this.#options;
    const accepted = acceptAnswer(operationalKeys[key], localValue(local, key), answer);
    if ('fault' in accepted) return fail(`${key}=${answer} ${accepted.fault}`);
    if (accepted.value !== undefined) this.#settled.set(key, accepted.value);
    return ok(undefined);
  }

  #receiveOffer(key: string, offered: string): string | undefined {
    const row = keyRow(key);
    if (row === undefined) return Answer.notUnderstood;
    if (!this.#isRelevant(row)) return Answer.irrelevant;
    if (!isNegotiatedKey(key)) return resolveOffer(row, [], offered).answer;
    if (key === 'FirstBurstLength' && this.#noUnsolicitedData()) return Answer.irrelevant;
    const { answer, value } = resolveOffer(row, this.#answerable(key), offered);
    if (value === undefined) return answer;
    if (key === SEGMENT_KEY) this.#peerSegmentBytes = Number(value);
    else this.#settled.set(key, value);
    return answer;
  }

  /**
   * Our side of a key that is being answered now; FirstBurstLength stays within a MaxBurstLength
   * already agreed.
   */
  #answerable(key: NegotiatedKey): ReturnType<typeof localValue> {
    const ours = localValue(this.#options.local, key);
    const burst = this.#settled.get('MaxBurstLength');
    if (key !== 'FirstBurstLength' || burst === undefined) return ours;
    return Math.min(Number(ours), Number(burst));
  }

  #noUnsolicitedData(): boolean {
    const initialR2t = this.#settled.get('InitialR2T') ?? operationalKeys.InitialR2T.default;
    const immediate = this.#settled.get('ImmediateData') ?? operationalKeys.ImmediateData.default;
    return initialR2t === true && immediate === false;
  }

  #isRelevant(row: KeyRow): boolean {
    if (row.normalOnly && this.#options.sessionType === 'discovery') return false;
    return this.#options.leading || row.scope === 'connection';
  }

  #isOffered(key: NegotiatedKey): boolean {
    if (!this.#isRelevant(operationalKeys[key])) return false;
    if (!OFFERED_IF_NOT_DEFAULT.includes(key)) return true;
    return this.#offerText(key) !== String(operationalKeys[key].default);
  }

  #offer(key: NegotiatedKey): TextPair {
    this.#pending.add(key);
    return { key, value: this.#offerText(key) };
  }

  #offerText(key: NegotiatedKey): string {
    const ours = localValue(this.#options.local, key);
    return typeof ours === 'object' ? ours.join(',') : formatValue(ours);
  }

  #defaultIsTooMuch(key: NegotiatedKey): boolean {
    const row = operationalKeys[key];
    if (row.kind !== 'number' || row.resolve !== 'minimum' || !this.#isRelevant(row)) return false;
    // less retention than the default needs no agreement: the target states it when it matters
    if (key === 'DefaultTime2Retain') return false;
    return row.default > Number(localValue(this.#options.local, key));
  }
}

/** FirstBurstLength depends on its neighbours, so it is looked at when they are settled. */
function lastFirstBurst(pairs: readonly TextPair[]): TextPair[] {
  const isLast = ({ key }: TextPair): boolean => key === 'FirstBurstLength';
  return [...pairs.filter((pair) => !isLast(pair)), ...pairs.filter(isLast)];
}

const valueFits = (value: string): boolean =>
  parseList(value).every((element) => Buffer.byteLength(element, 'utf8') <= SIMPLE_VALUE_BYTES_MAX);
