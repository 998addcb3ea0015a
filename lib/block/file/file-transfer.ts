/** The engine's part of one block request: its transfer, and what comes after each step of it. */
import { BlockOutcome } from '../block-device.ts';
import type { BlockRequest } from '../block-device.ts';
import { constants } from 'node:os';
import type { Era } from '../in-flight.ts';
import type { TransferBuffer } from '../transfer-buffers.ts';
import { EngineTransfer } from './engine.ts';
import type { EngineOp } from './engine.ts';

const { errno: Errno } = constants;

export class FileTransfer extends EngineTransfer {
  request: BlockRequest | null = null;
  era: Era | null = null;
  /** Place among the active ones. */
  index = -1;
  /** What goes on when the engine has ended this step. */
  next: (transfer: FileTransfer) => void = unsetNext;
  /** Between the caller's memory and the file, where the engine can't use the former. */
  bounce: TransferBuffer | null = null;
  /** Bytes of the request that earlier steps have moved. */
  doneBytes = 0;
  /** Operations to try, and which of them is on. */
  ops: readonly EngineOp[] = [];
  opIndex = 0;
  cancelAsked = false;
}

function unsetNext(): never {
  throw new Error('file transfer without a next step');
}

const outcomes: Readonly<Record<number, BlockOutcome>> = {
  0: BlockOutcome.ok,
  [Errno.ECANCELED]: BlockOutcome.cancelled,
  [Errno.ENOSPC]: BlockOutcome.noSpace,
  [Errno.EDQUOT]: BlockOutcome.noSpace,
  [Errno.EROFS]: BlockOutcome.readOnly,
  [Errno.EOPNOTSUPP]: BlockOutcome.unsupported,
};

/** @param result 0 or a negative errno. */
export const outcomeOfErrno = (result: number): BlockOutcome =>
  outcomes[-result] ?? BlockOutcome.ioError;
