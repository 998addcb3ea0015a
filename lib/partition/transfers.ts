/**
 * A request of a partition on its way through the members: one part for each piece that lies
 * together on one disk. Pooled with its parts, so that nothing is allocated for each I/O once as
 * many are known as are ever under way.
 */
import { BlockOp, BlockOutcome, BlockRequest } from '../block/index.ts';
import type { CompletionQueue, Era } from '../block/index.ts';
import type { Member } from './member.ts';

/** What a transfer goes back to when all its parts have ended. */
export interface TransferOwner {
  transferEnded(transfer: Transfer, parent: BlockRequest): void;
}

export class Part {
  readonly request = new BlockRequest();
  readonly transfer: Transfer;
  /** Place among the parts: ascending addresses. */
  readonly index: number;
  member: Member | null = null;

  constructor(transfer: Transfer, index: number) {
    this.transfer = transfer;
    this.index = index;
    this.request.owner = this;
    this.request.onDone = endPart;
  }
}

function endPart(request: BlockRequest): void {
  const part = request.owner as Part;
  part.transfer.partEnded(part);
}

export class Transfer {
  parent: BlockRequest | null = null;
  owner: TransferOwner | null = null;
  era: Era | null = null;
  /** Neighbours in the owner's list of what is under way. */
  previous: Transfer | null = null;
  next: Transfer | null = null;
  readonly #completions: CompletionQueue;
  readonly #parts: Part[] = [];
  #partCount = 0;
  #pending = 0;
  #okCount = 0;
  #failedIndex = -1;

  /** @param completions ends what never reaches a device. */
  constructor(completions: CompletionQueue) {
    this.#completions = completions;
  }

  begin(owner: TransferOwner, parent: BlockRequest): void {
    this.owner = owner;
    this.parent = parent;
    this.#partCount = 0;
    this.#okCount = 0;
    this.#failedIndex = -1;
  }

  /**
   * Adds the piece of the parent at `offsetBytes` of `member`; in ascending order of the parent's
   * addresses.
   */
  addPart(member: Member, offsetBytes: number, lengthBytes: number): BlockRequest {
    const index = this.#partCount++;
    const part = (this.#parts[index] ??= new Part(this, index));
    const { request } = part;
    const parent = this.parent!;
    part.member = member;
    request.op = parent.op;
    request.offsetBytes = offsetBytes;
    request.lengthBytes = lengthBytes;
    request.memory = parent.memory;
    request.memoryStart = parent.memoryStart;
    request.fua = parent.fua;
    request.mayUnmap = parent.mayUnmap;
    return request;
  }

  submit(): void {
    this.#pending = this.#partCount;
    for (let index = 0; index < this.#partCount; index++) {
      const { member, request } = this.#parts[index]!;
      if (member!.failure === null || !needsDurability(request)) member!.device.submit(request);
      else this.#completions.push(request, BlockOutcome.ioError, member!.failure);
    }
  }

  cancel(): void {
    for (let index = 0; index < this.#partCount; index++) {
      const { member, request } = this.#parts[index]!;
      member!.device.cancel(request);
    }
  }

  partEnded(part: Part): void {
    const { outcome, detail } = part.request;
    if (outcome === BlockOutcome.ok) this.#okCount++;
    else {
      if (outcome === BlockOutcome.ioError) recordError(part);
      // the first error in address order is the error
      if (this.#failedIndex < 0 || part.index < this.#failedIndex) {
        this.#failedIndex = part.index;
        this.parent!.detail = detail;
      }
    }
    part.request.memory = null;
    if (--this.#pending === 0) this.#end();
  }

  #end(): void {
    const parent = this.parent!;
    const owner = this.owner!;
    if (this.#failedIndex < 0) {
      parent.outcome = BlockOutcome.ok;
      parent.detail = '';
    } else parent.outcome = this.#refusal(parent);
    this.parent = null;
    this.owner = null;
    owner.transferEnded(this, parent);
  }

  #refusal(parent: BlockRequest): BlockOutcome {
    const { outcome } = this.#parts[this.#failedIndex]!.request;
    const touched = this.#okCount > 0 && parent.op !== BlockOp.read;
    // "cancelled" promises that nothing was done, which other parts have broken
    return touched && outcome === BlockOutcome.cancelled ? BlockOutcome.unknownOutcome : outcome;
  }
}

const needsDurability = (request: BlockRequest): boolean =>
  request.op === BlockOp.flush || request.fua;

function recordError({ member, request }: Part): void {
  // what was refused because the disk had failed before is no new error
  if (member!.failure === null || request.detail !== member!.failure) {
    member!.recordError(needsDurability(request), request.detail);
  }
}

export class TransferPool {
  readonly #completions: CompletionQueue;
  readonly #idle: Transfer[] = [];

  constructor(completions: CompletionQueue) {
    this.#completions = completions;
  }

  take(): Transfer {
    return this.#idle.pop() ?? new Transfer(this.#completions);
  }

  give(transfer: Transfer): void {
    this.#idle.push(transfer);
  }
}
