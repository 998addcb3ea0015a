/**
 * Text that is longer than a PDU: joined from continued PDUs on the way in, cut on the way out.
 * Login and text PDUs have the same C bit. @source RFC 7143 §11.12.2, §11.10.2
 */

/** Joins the data segments of one negotiation step. */
export class IncomingText {
  readonly #bytesMax: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get empty(): boolean {
    return this.#bytes === 0;
  }

  /**
   * Copies one segment. @returns false where the step is longer than allowed; nothing is kept of it
   * then.
   */
  add(segment: Buffer): boolean {
    this.#bytes += segment.length;
    if (this.#bytes > this.#bytesMax) {
      this.clear();
      return false;
    }
    if (segment.length > 0) this.#parts.push(Buffer.from(segment));
    return true;
  }

  /** The whole text; the next step begins. */
  take(): Buffer {
    const text = Buffer.concat(this.#parts);
    this.clear();
    return text;
  }

  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }
}

/** Hands out an answer in pieces of at most one data segment. */
export class OutgoingText {
  #text: Buffer = Buffer.alloc(0);

  /** Is there more than has been handed out? */
  get pending(): boolean {
    return this.#text.length > 0;
  }

  longerThan(bytes: number): boolean {
    return this.#text.length > bytes;
  }

  load(text: Buffer): void {
    this.#text = this.pending ? Buffer.concat([this.#text, text]) : text;
  }

  next(segmentBytesMax: number): Buffer {
    const piece = this.#text.subarray(0, segmentBytesMax);
    this.#text = this.#text.subarray(piece.length);
    return piece;
  }

  clear(): void {
    this.#text = Buffer.alloc(0);
  }
}
