/**
 * The target's side of text requests in full feature phase: joins what comes in pieces, answers in
 * pieces, one exchange at a time on a connection. @source RFC 7143 §11.10, §11.11, §6.4
 */
import { decode, encode } from '../wire/index.ts';
import { RejectReason } from './codes.ts';
import { NEGOTIATION_TEXT_BYTES_MAX, TEXT_ANSWER_BYTES_MAX } from './limits.ts';
import { IncomingText, OutgoingText } from './negotiation-text.ts';
import { keyRow, operationalKeys } from './operational-keys.ts';
import { RESERVED_TAG } from './opcodes.ts';
import { textRequest, textResponse } from './pdu/index.ts';
import type { LoginResponse, TextRequest } from './pdu/index.ts';
import { resolveOffer } from './resolution.ts';
import { Answer, encodeTextKeys, parseTextKeys, repeatedKey } from './text-keys.ts';
import type { TextPair } from './text-keys.ts';

/** What the session knows and the exchange doesn't. */
export interface TextSession {
  /**
   * Answers SendTargets with TargetName and TargetAddress pairs in order, or undefined where the
   * request isn't allowed in this session.
   */
  sendTargets(value: string): readonly TextPair[] | undefined;
  /** Answers an `X-` key, or undefined for NotUnderstood. The answer may be longer than a PDU. */
  answerExtraKey(key: string, value: string): string | undefined;
  /** The peer takes data segments of another length from now on. */
  segmentLengthDeclared(maxSendDataSegmentLengthBytes: number): void;
}

/** Numbers for the response, which uses up `statSn`. */
export type TextNumbers = Pick<LoginResponse, 'statSn' | 'expCmdSn' | 'maxCmdSn'>;

export type TextAction =
  /** `data` without padding. */
  | { readonly kind: 'send'; readonly header: Buffer; readonly data: Buffer }
  | { readonly kind: 'reject'; readonly reason: RejectReason };

const rejected = (reason: RejectReason): TextAction => ({ kind: 'reject', reason });

const SEGMENT_KEY = 'MaxRecvDataSegmentLength';

export class TextResponder {
  readonly #session: TextSession;
  readonly #incoming = new IncomingText(NEGOTIATION_TEXT_BYTES_MAX);
  readonly #outgoing = new OutgoingText();
  /** Tag of the exchange under way; RESERVED_TAG: none. */
  #tag = RESERVED_TAG;
  #initiatorTaskTag = RESERVED_TAG;
  #nextTag = 1;

  constructor(session: TextSession) {
    this.#session = session;
  }

  /** Is the peer in the middle of an exchange? */
  get open(): boolean {
    return this.#tag !== RESERVED_TAG;
  }

  /**
   * Takes one Text Request: its BHS and data segment without padding. Neither is kept.
   * @param maxSendBytes longest data segment that the peer takes.
   */
  receive(header: Buffer, data: Buffer, numbers: TextNumbers, maxSendBytes: number): TextAction {
    const request = decode(textRequest, header);
    const fault = this.#faultOf(request, data);
    if (fault !== undefined) {
      this.reset();
      return rejected(fault);
    }
    this.#initiatorTaskTag = request.initiatorTaskTag;
    if (!this.#incoming.add(data)) return this.#fail(RejectReason.protocolError);
    if (request.continued) return this.#respond(request, numbers, 0);
    if (!this.#outgoing.pending) {
      const answers = this.#answer();
      if (answers === undefined) return this.#fail(RejectReason.protocolError);
      const text = encodeTextKeys(answers);
      if (text.length > TEXT_ANSWER_BYTES_MAX) return this.#fail(RejectReason.longOperationReject);
      this.#outgoing.load(text);
    }
    return this.#respond(request, numbers, maxSendBytes);
  }

  /** Forgets the exchange under way. */
  reset(): void {
    this.#incoming.clear();
    this.#outgoing.clear();
    this.#tag = RESERVED_TAG;
    this.#initiatorTaskTag = RESERVED_TAG;
  }

  #fail(reason: RejectReason): TextAction {
    this.reset();
    return rejected(reason);
  }

  #faultOf(request: TextRequest, data: Buffer): RejectReason | undefined {
    if (request.initiatorTaskTag === RESERVED_TAG) return RejectReason.invalidPduField;
    if (request.final && request.continued) return RejectReason.protocolError;
    // without a tag an exchange begins, whatever was under way
    if (request.targetTransferTag === RESERVED_TAG) {
      this.reset();
      return undefined;
    }
    const same =
      request.targetTransferTag === this.#tag &&
      request.initiatorTaskTag === this.#initiatorTaskTag;
    if (!same) return RejectReason.invalidPduField;
    return this.#outgoing.pending && (data.length > 0 || request.continued)
      ? RejectReason.protocolError
      : undefined;
  }

  /** @returns undefined where the text is malformed. */
  #answer(): TextPair[] | undefined {
    const parsed = parseTextKeys(this.#incoming.take());
    if (!parsed.ok || repeatedKey(parsed.value) !== undefined) return undefined;
    return parsed.value.flatMap((pair) => this.#answerOne(pair));
  }

  #answerOne({ key, value }: TextPair): readonly TextPair[] {
    const refused = (answer: string): TextPair[] => [{ key, value: answer }];
    if (key === 'SendTargets') {
      return this.#session.sendTargets(value) ?? refused(Answer.reject);
    }
    if (key === SEGMENT_KEY) return this.#declareSegment(value);
    // whatever else the standard names belongs to the login
    if (keyRow(key) !== undefined) return refused(Answer.reject);
    return refused(this.#session.answerExtraKey(key, value) ?? Answer.notUnderstood);
  }

  #declareSegment(value: string): TextPair[] {
    const row = operationalKeys[SEGMENT_KEY];
    const { value: bytes } = resolveOffer(row, row.default, value);
    if (bytes === undefined) return [{ key: SEGMENT_KEY, value: Answer.reject }];
    this.#session.segmentLengthDeclared(Number(bytes));
    return [];
  }

  #respond(request: TextRequest, numbers: TextNumbers, pieceBytes: number): TextAction {
    const data = this.#outgoing.next(pieceBytes);
    const continued = this.#outgoing.pending;
    // the exchange stays open for the rest of either side's text
    const final = request.final && !continued;
    if (final) this.#tag = RESERVED_TAG;
    else if (this.#tag === RESERVED_TAG) this.#tag = this.#newTag();
    const header = encode(textResponse, {
      final,
      continued,
      dataSegmentLengthBytes: data.length,
      lun: request.lun,
      initiatorTaskTag: request.initiatorTaskTag,
      targetTransferTag: this.#tag,
      ...numbers,
    });
    return { kind: 'send', header, data };
  }

  #newTag(): number {
    const tag = this.#nextTag;
    this.#nextTag = tag + 1 === RESERVED_TAG ? 1 : tag + 1;
    return tag;
  }
}
