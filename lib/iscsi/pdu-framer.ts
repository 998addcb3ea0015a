/**
 * Cuts a byte stream into PDUs: BHS → AHS → header digest → data segment → pad → data digest (RFC
 * 7143 §11.1).
 *
 * Headers are shown in place, in the chunk that they came in, and the data segment is copied once,
 * straight to where the sink wants it, as it arrives: nothing is allocated per PDU. Neither length
 * nor place is trusted: the sink refuses a header before a byte of its data is stored.
 */
import type { Crc32c } from '../wire/index.ts';

export const BHS_BYTES = 48;
const AHS_BYTES_MAX = 255 * 4;
const DIGEST_BYTES = 4;

/** What a framer drives. Both calls may set `framer.stopped` to drop the rest of the stream. */
export interface PduSink {
  /**
   * A header is complete and its digest right. `header` is borrowed until the call returns. To
   * receive the data segment the sink sets `framer.data` and `framer.dataAt`; left null, the
   * segment is dropped.
   */
  onHeader(header: Buffer, at: number, ahsBytes: number, dataBytes: number): void;
  /** The PDU is complete. `dataDigestOk` is true also where no digest is in use. */
  onPduEnd(dataDigestOk: boolean): void;
  /**
   * The header's digest is wrong: its length can't be trusted, so the stream can't go on (§7.8).
   */
  onHeaderDigestError(): void;
}

const FramerState = { header: 0, data: 1, tail: 2 } as const;
type FramerState = (typeof FramerState)[keyof typeof FramerState];

export class PduFramer {
  headerDigest = false;
  dataDigest = false;
  /** Once true nothing more is parsed. */
  stopped = false;
  /** Where the current data segment goes; set by the sink in `onHeader`. */
  data: Buffer | null = null;
  dataAt = 0;

  readonly #sink: PduSink;
  readonly #crc32c: Crc32c;
  readonly #carry = Buffer.alloc(BHS_BYTES + AHS_BYTES_MAX + DIGEST_BYTES);
  #carryBytes = 0;
  #state: FramerState = FramerState.header;
  #dataLeftBytes = 0;
  /** Pad and data digest still to come. */
  #tailLeftBytes = 0;
  readonly #tail = Buffer.alloc(3 + DIGEST_BYTES);
  #tailBytes = 0;
  #crc = 0;

  constructor(sink: PduSink, crc32c: Crc32c) {
    this.#sink = sink;
    this.#crc32c = crc32c;
  }

  /** Takes bytes [start, end) of a chunk; keeps no reference to it. */
  receive(chunk: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end && !this.stopped) {
      switch (this.#state) {
        case FramerState.header:
          at = this.#takeHeader(chunk, at, end);
          break;
        case FramerState.data:
          at = this.#takeData(chunk, at, end);
          break;
        case FramerState.tail:
          at = this.#takeTail(chunk, at, end);
          break;
      }
    }
  }

  #takeHeader(chunk: Buffer, at: number, end: number): number {
    if (this.#carryBytes === 0 && end - at >= BHS_BYTES) {
      const need = this.#headerBytes(chunk, at);
      if (end - at >= need) {
        this.#header(chunk, at, need);
        return at + need;
      }
    }
    const known = this.#carryBytes < BHS_BYTES ? BHS_BYTES : this.#headerBytes(this.#carry, 0);
    const take = Math.min(known - this.#carryBytes, end - at);
    chunk.copy(this.#carry, this.#carryBytes, at, at + take);
    this.#carryBytes += take;
    if (this.#carryBytes >= BHS_BYTES) {
      const need = this.#headerBytes(this.#carry, 0);
      if (this.#carryBytes === need) {
        this.#carryBytes = 0;
        this.#header(this.#carry, 0, need);
      }
    }
    return at + take;
  }

  #headerBytes(from: Buffer, at: number): number {
    return BHS_BYTES + from[at + 4]! * 4 + (this.headerDigest ? DIGEST_BYTES : 0);
  }

  #header(from: Buffer, at: number, headerBytes: number): void {
    const ahsBytes = from[at + 4]! * 4;
    if (this.headerDigest) {
      const digestAt = at + headerBytes - DIGEST_BYTES;
      if (this.#crc32c(from, at, digestAt) !== from.readUInt32LE(digestAt)) {
        this.stopped = true;
        this.#sink.onHeaderDigestError();
        return;
      }
    }
    const dataBytes = (from[at + 5]! << 16) | (from[at + 6]! << 8) | from[at + 7]!;
    this.data = null;
    this.dataAt = 0;
    this.#sink.onHeader(from, at, ahsBytes, dataBytes);
    if (this.stopped) return;
    if (dataBytes === 0) {
      this.#sink.onPduEnd(true);
      return;
    }
    this.#dataLeftBytes = dataBytes;
    this.#tailLeftBytes = (-dataBytes & 3) + (this.dataDigest ? DIGEST_BYTES : 0);
    this.#tailBytes = 0;
    this.#crc = 0;
    this.#state = FramerState.data;
  }

  #takeData(chunk: Buffer, at: number, end: number): number {
    const take = Math.min(this.#dataLeftBytes, end - at);
    if (this.data !== null) {
      chunk.copy(this.data, this.dataAt, at, at + take);
      this.dataAt += take;
    }
    if (this.dataDigest) this.#crc = this.#crc32c(chunk, at, at + take, this.#crc);
    this.#dataLeftBytes -= take;
    if (this.#dataLeftBytes === 0) {
      if (this.#tailLeftBytes === 0) this.#endPdu(true);
      else this.#state = FramerState.tail;
    }
    return at + take;
  }

  #takeTail(chunk: Buffer, at: number, end: number): number {
    const take = Math.min(this.#tailLeftBytes, end - at);
    chunk.copy(this.#tail, this.#tailBytes, at, at + take);
    this.#tailBytes += take;
    this.#tailLeftBytes -= take;
    if (this.#tailLeftBytes === 0) this.#endPdu(this.#dataDigestOk());
    return at + take;
  }

  #dataDigestOk(): boolean {
    if (!this.dataDigest) return true;
    const padBytes = this.#tailBytes - DIGEST_BYTES;
    const crc = this.#crc32c(this.#tail, 0, padBytes, this.#crc);
    return crc === this.#tail.readUInt32LE(padBytes);
  }

  #endPdu(dataDigestOk: boolean): void {
    this.#state = FramerState.header;
    this.#sink.onPduEnd(dataDigestOk);
  }
}
