/** What the end of a command means for the block request behind it. */
import { BlockOutcome } from '../block/index.ts';
import { ScsiStatus } from '../scsi/index.ts';
import { CommandOutcome } from './initiator-command.ts';
import type { InitiatorCommand } from './initiator-command.ts';
import { describeAnswer } from './scsi-client.ts';
import { decodeSense, SenseKey } from './sense-data.ts';
import type { SenseData } from './sense-data.ts';

export type Verdict =
  | { readonly kind: 'ended'; readonly outcome: BlockOutcome; readonly detail: string }
  /** Nothing was done: send it again, at once or when the target had time. */
  | { readonly kind: 'again'; readonly after: 'now' | 'pause'; readonly sense: SenseData | null }
  /** The target doesn't know the command or a field of it. */
  | { readonly kind: 'unsupported'; readonly detail: string };

const ENDED_OK: Verdict = { kind: 'ended', outcome: BlockOutcome.ok, detail: '' };

const AdditionalCode = {
  invalidOpcode: 0x2000,
  lbaOutOfRange: 0x2100,
  invalidCdbField: 0x2400,
  spaceAllocationFailed: 0x2707,
} as const;

const outcomesByKey: Readonly<Record<number, BlockOutcome>> = {
  [SenseKey.notReady]: BlockOutcome.notReady,
  [SenseKey.mediumError]: BlockOutcome.ioError,
  [SenseKey.hardwareError]: BlockOutcome.ioError,
  [SenseKey.illegalRequest]: BlockOutcome.unsupported,
  [SenseKey.dataProtect]: BlockOutcome.readOnly,
  [SenseKey.miscompare]: BlockOutcome.ioError,
};

const ended = (outcome: BlockOutcome, detail: string): Verdict => ({
  kind: 'ended',
  outcome,
  detail,
});

/** @param changes the command writes, so that a lost answer leaves its outcome unknown. */
export function judge(command: InitiatorCommand, changes: boolean): Verdict {
  if (command.outcome === CommandOutcome.answered) return judgeStatus(command);
  const { detail } = command;
  if (command.sent && changes) return ended(BlockOutcome.unknownOutcome, detail);
  switch (command.outcome) {
    case CommandOutcome.sessionLost:
      return ended(BlockOutcome.notReady, detail);
    case CommandOutcome.aborted:
      return ended(BlockOutcome.cancelled, detail);
    case CommandOutcome.transportError:
      return ended(BlockOutcome.ioError, detail);
  }
}

function judgeStatus(command: InitiatorCommand): Verdict {
  const { status } = command;
  switch (status) {
    case ScsiStatus.good:
    case ScsiStatus.conditionMet:
      return ENDED_OK;
    case ScsiStatus.checkCondition:
      return judgeSense(command);
    case ScsiStatus.busy:
    case ScsiStatus.taskSetFull:
    case ScsiStatus.taskAborted:
      return { kind: 'again', after: 'pause', sense: null };
    case ScsiStatus.reservationConflict:
      return ended(BlockOutcome.conflict, 'reservation conflict');
    default:
      return ended(BlockOutcome.ioError, describeAnswer({ status, sense: null }));
  }
}

function judgeSense(command: InitiatorCommand): Verdict {
  const sense = decodeSense(command.sense, command.senseBytes);
  if (sense === null) return ended(BlockOutcome.ioError, 'check condition without sense data');
  const detail = describeAnswer({ status: command.status, sense });
  if (sense.key === SenseKey.unitAttention) return { kind: 'again', after: 'now', sense };
  if (sense.key === SenseKey.abortedCommand) return { kind: 'again', after: 'pause', sense };
  if (sense.key === SenseKey.noSense || sense.key === SenseKey.recoveredError) return ENDED_OK;
  switch (sense.code) {
    case AdditionalCode.invalidOpcode:
    case AdditionalCode.invalidCdbField:
      return { kind: 'unsupported', detail };
    case AdditionalCode.lbaOutOfRange:
      return ended(BlockOutcome.outOfRange, detail);
    case AdditionalCode.spaceAllocationFailed:
      return ended(BlockOutcome.noSpace, detail);
    default:
      return ended(outcomesByKey[sense.key] ?? BlockOutcome.ioError, detail);
  }
}
