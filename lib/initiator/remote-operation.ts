/**
 * A block request on its way over a session: one command for most, several for a long range or for
 * durability.
 */
import type { BlockRequest, Era } from '../block/index.ts';
import { BlockOutcome } from '../block/index.ts';
import { UNMAP_DESCRIPTOR_BYTES, UNMAP_HEADER_BYTES } from './cdb.ts';
import { InitiatorCommand } from './initiator-command.ts';

/** How a range is changed on the wire. */
export const Method = {
  read: 0,
  write: 1,
  unmap: 2,
  writeSameUnmap: 3,
  writeSame: 4,
  /** Zeros as ordinary writes: for targets that know nothing better. */
  writeZeroData: 5,
  synchronize: 6,
} as const;
export type Method = (typeof Method)[keyof typeof Method];

/** Pooled by the device. */
export class RemoteOperation {
  request: BlockRequest | null = null;
  era: Era | null = null;
  method: Method = Method.read;
  /** Bytes of the request given to parts so far, and parts not ended. */
  issuedBytes = 0;
  partsLeft = 0;
  partsDone = 0;
  /** What the first failing part in address order said; `ok` while none failed. */
  outcome: BlockOutcome = BlockOutcome.ok;
  detail = '';
  failedAt = 0;
  /** The range is done and a SYNCHRONIZE CACHE makes it durable now. */
  synchronizing = false;
  cancelled = false;
  /** Place in the device's list of live operations. */
  index = 0;

  begin(request: BlockRequest, era: Era, method: Method): void {
    this.request = request;
    this.era = era;
    this.synchronizing = false;
    this.cancelled = false;
    this.restart(method);
  }

  /** From the start of the range, by another method. */
  restart(method: Method): void {
    this.method = method;
    this.issuedBytes = 0;
    this.partsLeft = 0;
    this.partsDone = 0;
    this.outcome = BlockOutcome.ok;
    this.detail = '';
    this.failedAt = Infinity;
  }

  get changes(): boolean {
    return this.method !== Method.read && this.method !== Method.synchronize;
  }

  /** No outcome may say that nothing was done when a part was. */
  settle(): void {
    if (this.outcome === BlockOutcome.ok) {
      if (this.issuedBytes === this.request!.lengthBytes) return;
      this.outcome = BlockOutcome.cancelled;
      this.detail = 'cancelled half-way';
    }
    if (this.changes && this.partsDone > 0) this.outcome = BlockOutcome.unknownOutcome;
  }

  fail(part: RemotePart, outcome: BlockOutcome, detail: string): void {
    if (part.offsetBytes >= this.failedAt) return;
    this.failedAt = part.offsetBytes;
    this.outcome = outcome;
    this.detail = detail;
  }
}

/** One command of an operation; pooled by the device. */
export class RemotePart {
  readonly command = new InitiatorCommand();
  operation: RemoteOperation | null = null;
  /** Relative to the request. */
  offsetBytes = 0;
  lengthBytes = 0;
  attempts = 0;
  /** Parameter list of UNMAP, made when first needed. */
  #list: Buffer | null = null;

  constructor(onDone: (part: RemotePart) => void) {
    this.command.onDone = () => onDone(this);
  }

  get list(): Buffer {
    this.#list ??= Buffer.alloc(UNMAP_HEADER_BYTES + UNMAP_DESCRIPTOR_BYTES);
    return this.#list;
  }
}
