/**
 * Text requests of the full feature phase; a long answer comes in several PDUs, each asked for. RFC
 * 7143 §11.10, §11.11.
 */
import { Failure } from '../base/index.ts';
import {
  CONTINUE_BIT,
  FINAL_BIT,
  Opcode,
  parseTextKeys,
  TEXT_ANSWER_BYTES_MAX,
  textResponse,
} from '../iscsi/index.ts';
import type { TextPair } from '../iscsi/index.ts';
import type { Exchange } from './exchange.ts';

const TRANSFER_TAG_AT = textResponse.fields.targetTransferTag.at;
const LUN_AT = textResponse.fields.lun.at;

export interface TextHandlers {
  answered(pairs: TextPair[]): void;
  failed(failure: Failure): void;
}

export class TextExchange implements Exchange {
  readonly answer = Opcode.textResponse;
  readonly #handlers: TextHandlers;
  /** Asks for the rest. */
  readonly #goOn: (transferTag: number, lun: Buffer) => void;
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #tooLong = false;

  constructor(handlers: TextHandlers, goOn: (transferTag: number, lun: Buffer) => void) {
    this.#handlers = handlers;
    this.#goOn = goOn;
  }

  isLast(header: Buffer): boolean {
    return (header[1]! & (FINAL_BIT | CONTINUE_BIT)) === FINAL_BIT;
  }

  answered(header: Buffer, data: Buffer): void {
    this.#bytes += data.length;
    this.#tooLong ||= this.#bytes > TEXT_ANSWER_BYTES_MAX;
    if (!this.#tooLong) this.#parts.push(Buffer.from(data));
    if (!this.isLast(header)) {
      this.#goOn(header.readUInt32BE(TRANSFER_TAG_AT), copyOf(header, LUN_AT));
      return;
    }
    if (this.#tooLong) {
      this.#fail(`the answer is longer than ${TEXT_ANSWER_BYTES_MAX} bytes`);
      return;
    }
    const pairs = parseTextKeys(Buffer.concat(this.#parts));
    if (pairs.ok) this.#handlers.answered(pairs.value);
    else this.#fail(`the answer can't be read: ${pairs.error}`);
  }

  lost(detail: string): void {
    this.#handlers.failed(new Failure('unreachable', `text request: ${detail}`));
  }

  #fail(what: string): void {
    this.#handlers.failed(new Failure('unexpected', `text request: ${what}`));
  }
}

const copyOf = (header: Buffer, at: number): Buffer => Buffer.from(header.subarray(at, at + 8));
