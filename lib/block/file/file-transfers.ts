/**
 * Reads, writes, unmaps and zeroings of one file, step by step: bounce copies, fallbacks,
 * durability.
 */
import { constants } from 'node:os';
import { errnoName } from './errno.ts';
import { MIB } from '../../base/index.ts';
import { BlockOp, BlockOutcome } from '../block-device.ts';
import type { BlockRequest } from '../block-device.ts';
import type { Era } from '../in-flight.ts';
import { systemMemory } from '../system-memory.ts';
import { TransferBuffers } from '../transfer-buffers.ts';
import type { TransferMemory } from '../transfer-memory.ts';
import { EngineOp } from './engine.ts';
import type { Engine } from './engine.ts';
import type { FileAbilities } from './file-features.ts';
import { FileTransfer, outcomeOfErrno } from './file-transfer.ts';

/** Longest piece that goes through a bounce buffer, or is zeroed by writing, at once. */
const PIECE_BYTES_MAX = 1 * MIB;
/** Bounce buffers of all file devices together; who finds none waits. */
const BOUNCE_BUDGET_BYTES = 32 * MIB;
const { ECANCELED, EOPNOTSUPP } = constants.errno;

let bounceBuffers: TransferBuffers | undefined;
let zeros: TransferMemory | undefined;

export interface FileTransfersOptions {
  readonly engine: Engine;
  readonly fd: number;
  /** Where memory must begin for the engine to use it as it is. */
  readonly memoryAlignBytes: number;
  readonly abilities: FileAbilities;
  readonly onEnd: (request: BlockRequest, era: Era, outcome: BlockOutcome, detail: string) => void;
}

export class FileTransfers {
  readonly #options: FileTransfersOptions;
  readonly #engine: Engine;
  readonly #memoryAlignBytes: number;
  /** Memory that is no slab has an unknown alignment. */
  readonly #anyMemory: boolean;
  readonly #idle: FileTransfer[] = [];
  readonly #active: FileTransfer[] = [];

  readonly #afterMove = (transfer: FileTransfer): void => this.#end(transfer, transfer.result);
  readonly #afterPiece = (transfer: FileTransfer): void => this.#pieceMoved(transfer);
  readonly #afterRangeOp = (transfer: FileTransfer): void => this.#rangeOpEnded(transfer);
  readonly #afterZeroPiece = (transfer: FileTransfer): void => this.#zeroPieceWritten(transfer);

  constructor(options: FileTransfersOptions) {
    this.#options = options;
    this.#engine = options.engine;
    this.#memoryAlignBytes = options.memoryAlignBytes;
    this.#anyMemory = !options.engine.needsSlabs && options.memoryAlignBytes === 1;
  }

  /** The request is good, not empty and no flush. */
  start(request: BlockRequest, era: Era): void {
    const transfer = this.#idle.pop() ?? this.#make();
    transfer.request = request;
    transfer.era = era;
    transfer.index = this.#active.length;
    this.#active.push(transfer);
    if (request.op === BlockOp.read || request.op === BlockOp.write) {
      this.#startMove(transfer, request);
    } else {
      this.#startRangeOp(transfer, request);
    }
  }

  cancel(request: BlockRequest): void {
    const transfer = this.#active.find((candidate) => candidate.request === request);
    if (transfer === undefined) return;
    transfer.cancelAsked = true;
    this.#engine.cancel(transfer);
  }

  #make(): FileTransfer {
    const transfer = new FileTransfer();
    transfer.fd = this.#options.fd;
    transfer.onDone = () => transfer.next(transfer);
    return transfer;
  }

  #startMove(transfer: FileTransfer, request: BlockRequest): void {
    transfer.op = moveOp(request);
    const memory = request.memory!;
    const usable =
      this.#anyMemory ||
      (memory.nativeId >= 0 && request.memoryStart % this.#memoryAlignBytes === 0);
    if (!usable) return this.#startPiece(transfer);
    transfer.memory = memory;
    transfer.memoryStart = request.memoryStart;
    transfer.offsetBytes = request.offsetBytes;
    transfer.lengthBytes = request.lengthBytes;
    transfer.next = this.#afterMove;
    this.#engine.queue(transfer);
  }

  #startPiece(transfer: FileTransfer): void {
    if (transfer.cancelAsked) return this.#end(transfer, -ECANCELED);
    const request = transfer.request!;
    const left = request.lengthBytes - transfer.doneBytes;
    const pieceBytes = Math.min(left, PIECE_BYTES_MAX);
    if (transfer.bounce === null) {
      bounceBuffers ??= new TransferBuffers(systemMemory, BOUNCE_BUDGET_BYTES);
      const bounce = bounceBuffers.acquire(pieceBytes);
      if (bounce === undefined) {
        return bounceBuffers.whenReleased(() => this.#startPiece(transfer));
      }
      transfer.bounce = bounce;
    }
    const { bounce } = transfer;
    if (request.op === BlockOp.write) {
      const from = request.memoryStart + transfer.doneBytes;
      request.memory!.bytes.copy(bounce.data, 0, from, from + pieceBytes);
    }
    transfer.memory = bounce.memory;
    transfer.memoryStart = bounce.start;
    transfer.offsetBytes = request.offsetBytes + transfer.doneBytes;
    transfer.lengthBytes = pieceBytes;
    transfer.next = this.#afterPiece;
    this.#engine.queue(transfer);
  }

  #pieceMoved(transfer: FileTransfer): void {
    if (transfer.result !== 0) return this.#end(transfer, transfer.result);
    const request = transfer.request!;
    if (request.op === BlockOp.read) {
      const into = request.memoryStart + transfer.doneBytes;
      transfer.bounce!.data.copy(request.memory!.bytes, into, 0, transfer.lengthBytes);
    }
    transfer.doneBytes += transfer.lengthBytes;
    if (transfer.doneBytes === request.lengthBytes) this.#end(transfer, 0);
    else this.#startPiece(transfer);
  }

  #startRangeOp(transfer: FileTransfer, request: BlockRequest): void {
    const { unmapOps, zeroOps, features } = this.#options.abilities;
    const drop = request.op === BlockOp.unmap || (request.mayUnmap && features.unmapReadsZeroes);
    transfer.ops = drop ? unmapOps : zeroOps;
    transfer.opIndex = 0;
    transfer.offsetBytes = request.offsetBytes;
    transfer.lengthBytes = request.lengthBytes;
    this.#tryRangeOp(transfer);
  }

  #tryRangeOp(transfer: FileTransfer): void {
    transfer.op = transfer.ops[transfer.opIndex]!;
    transfer.next = this.#afterRangeOp;
    this.#engine.queue(transfer);
  }

  #rangeOpEnded(transfer: FileTransfer): void {
    const request = transfer.request!;
    const { result } = transfer;
    if (result === -EOPNOTSUPP && ++transfer.opIndex < transfer.ops.length) {
      return this.#tryRangeOp(transfer);
    }
    if (result === -EOPNOTSUPP && request.op === BlockOp.writeZeroes) {
      return this.#startZeroPiece(transfer);
    }
    if (result === 0) transfer.doneBytes = request.lengthBytes;
    if (result === 0 && request.fua) this.#startSync(transfer);
    else this.#end(transfer, result);
  }

  /** Zeros by writing, where the file system can't do it otherwise. */
  #startZeroPiece(transfer: FileTransfer): void {
    if (transfer.cancelAsked) return this.#end(transfer, -ECANCELED);
    const request = transfer.request!;
    transfer.op = EngineOp.write;
    transfer.memory = zeros ??= systemMemory(PIECE_BYTES_MAX);
    transfer.memoryStart = 0;
    transfer.offsetBytes = request.offsetBytes + transfer.doneBytes;
    transfer.lengthBytes = Math.min(request.lengthBytes - transfer.doneBytes, PIECE_BYTES_MAX);
    transfer.next = this.#afterZeroPiece;
    this.#engine.queue(transfer);
  }

  #zeroPieceWritten(transfer: FileTransfer): void {
    const request = transfer.request!;
    if (transfer.result !== 0) return this.#end(transfer, transfer.result);
    transfer.doneBytes += transfer.lengthBytes;
    if (transfer.doneBytes < request.lengthBytes) this.#startZeroPiece(transfer);
    else if (request.fua) this.#startSync(transfer);
    else this.#end(transfer, 0);
  }

  #startSync(transfer: FileTransfer): void {
    transfer.op = EngineOp.sync;
    transfer.memory = null;
    transfer.next = this.#afterMove;
    this.#engine.queue(transfer);
  }

  #end(transfer: FileTransfer, result: number): void {
    const { request, era } = transfer;
    const outcome = wholeOutcome(transfer, outcomeOfErrno(result));
    const detail = result === 0 ? '' : errnoName(result);
    const last = this.#active.pop()!;
    if (last !== transfer) {
      this.#active[transfer.index] = last;
      last.index = transfer.index;
    }
    transfer.bounce?.release();
    transfer.bounce = null;
    transfer.request = null;
    transfer.era = null;
    transfer.memory = null;
    transfer.doneBytes = 0;
    transfer.cancelAsked = false;
    this.#idle.push(transfer);
    this.#options.onEnd(request!, era!, outcome, detail);
  }
}

function moveOp(request: BlockRequest): EngineOp {
  if (request.op === BlockOp.read) return EngineOp.read;
  return request.fua ? EngineOp.writeDurable : EngineOp.write;
}

/** `cancelled` and `noSpace` promise that nothing was done; after the first piece that isn't so. */
function wholeOutcome(transfer: FileTransfer, outcome: BlockOutcome): BlockOutcome {
  const nothingDone = outcome === BlockOutcome.cancelled || outcome === BlockOutcome.noSpace;
  const torn = nothingDone && transfer.doneBytes > 0 && transfer.request!.op !== BlockOp.read;
  return torn ? BlockOutcome.ioError : outcome;
}
