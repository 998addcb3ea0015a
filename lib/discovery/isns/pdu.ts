/**
 * iSNS protocol data units on a byte stream: a message of any length is one PDU or several. RFC
 * 4171 §5.1.
 */
import { assert } from '../../base/index.ts';
import { decode, encode, flag, layout, u16 } from '../../wire/index.ts';

const VERSION = 1;
/** The length field has 16 bits and counts whole words. */
const PAYLOAD_BYTES_MAX = 65_532;
/** What we take for one message, in all its PDUs together. */
const MESSAGE_BYTES_MAX = 1_048_576;

const header = layout(12, {
  version: u16(0, VERSION),
  functionId: u16(2),
  payloadBytes: u16(4),
  fromClient: flag(6, 0x80, true),
  /** What was registered under the key goes before the new is entered. */
  replace: flag(6, 0x10),
  lastPdu: flag(6, 0x08),
  firstPdu: flag(6, 0x04),
  transactionId: u16(8),
  sequenceId: u16(10),
});
const HEADER_BYTES = header.sizeBytes;

/** The functions that a storage server needs. */
export const isnsFunction = {
  deviceAttributeRegister: 0x0001,
  deviceAttributeQuery: 0x0002,
  deviceDeregister: 0x0004,
  stateChangeNotification: 0x0008,
  entityStatusInquiry: 0x000d,
} as const;
/** Set in the function of an answer. */
export const RESPONSE = 0x8000;

export interface IsnsPdu {
  readonly functionId: number;
  readonly transactionId: number;
  readonly payload: Buffer;
}

export function encodePdu(message: IsnsPdu & { readonly replace?: boolean }): Buffer {
  const { functionId, transactionId, payload, replace = false } = message;
  assert(payload.length % 4 === 0, 'iSNS payload of whole words');
  const pdus: Buffer[] = [];
  for (let at = 0; at === 0 || at < payload.length; at += PAYLOAD_BYTES_MAX) {
    const piece = payload.subarray(at, at + PAYLOAD_BYTES_MAX);
    const head = encode(header, {
      functionId,
      transactionId,
      replace,
      payloadBytes: piece.length,
      firstPdu: at === 0,
      lastPdu: at + piece.length === payload.length,
      sequenceId: pdus.length,
    });
    pdus.push(Buffer.concat([head, piece]));
  }
  return Buffer.concat(pdus);
}

/** Puts messages together from chunks of a TCP stream. One for each connection. */
export class IsnsFramer {
  #bytes: Buffer = Buffer.alloc(0);
  #pieces: Buffer[] = [];
  #piecesBytes = 0;

  /** @returns the messages that the chunk completed; undefined where it can't be iSNS: hang up. */
  push(chunk: Buffer): IsnsPdu[] | undefined {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const messages: IsnsPdu[] = [];
    while (this.#bytes.length >= HEADER_BYTES) {
      if (this.#bytes.readUInt16BE(header.fields.version.at) !== VERSION) return undefined;
      const end = HEADER_BYTES + this.#bytes.readUInt16BE(header.fields.payloadBytes.at);
      if (this.#bytes.length < end) break;
      if (!this.#collect(this.#bytes.subarray(0, end), messages)) return undefined;
      this.#bytes = this.#bytes.subarray(end);
    }
    return messages;
  }

  #collect(pdu: Buffer, messages: IsnsPdu[]): boolean {
    const { functionId, transactionId, sequenceId, lastPdu } = decode(header, pdu);
    if (sequenceId !== this.#pieces.length) return false;
    this.#pieces.push(pdu.subarray(HEADER_BYTES));
    this.#piecesBytes += pdu.length - HEADER_BYTES;
    if (this.#piecesBytes > MESSAGE_BYTES_MAX) return false;
    if (!lastPdu) return true;
    messages.push({ functionId, transactionId, payload: Buffer.concat(this.#pieces) });
    this.#pieces = [];
    this.#piecesBytes = 0;
    return true;
  }
}
