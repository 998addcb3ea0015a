/** Single SCSI commands as promises, for everything that is not the hot path. */
import { assert, Failure } from '../base/index.ts';
import { encodeLun, ScsiStatus } from '../scsi/index.ts';
import { CommandOutcome, InitiatorCommand } from './initiator-command.ts';
import type { InitiatorSession } from './initiator-session.ts';
import { decodeSense, describeSense, SenseKey } from './sense-data.ts';
import type { SenseData } from './sense-data.ts';

/**
 * A new session finds one unit attention; a unit that changed a lot meanwhile has queued a few
 * more.
 */
const UNIT_ATTENTIONS_MAX = 32;

export interface ScsiAnswer {
  /** SAM-5 status. */
  readonly status: number;
  readonly sense: SenseData | null;
  /** Data-In that arrived. */
  readonly data: Buffer;
}

export interface ScsiRequest {
  /** Fills in CDB and CDB length. */
  put(command: InitiatorCommand): void;
  /** Room for Data-In. */
  readonly inBytes?: number;
  readonly dataOut?: Buffer;
}

export class ScsiClient {
  readonly session: InitiatorSession;
  readonly lun: number;
  /** Told of every unit attention before its command is sent again. */
  onUnitAttention: (sense: SenseData) => void = () => undefined;

  constructor(session: InitiatorSession, lun: number) {
    this.session = session;
    this.lun = lun;
  }

  /**
   * Sends the command, again after each unit attention.
   * @throws Failure `unreachable` where no status came.
   */
  async execute(request: ScsiRequest): Promise<ScsiAnswer> {
    let answer = await this.#once(request);
    for (let turn = 0; turn < UNIT_ATTENTIONS_MAX; turn++) {
      if (answer.sense?.key !== SenseKey.unitAttention) break;
      this.onUnitAttention(answer.sense);
      answer = await this.#once(request);
    }
    return answer;
  }

  /**
   * Like `execute`, for commands that have to succeed. @throws Failure also where the status isn't
   * GOOD.
   */
  async demand(what: string, request: ScsiRequest): Promise<Buffer> {
    const answer = await this.execute(request);
    if (answer.status === ScsiStatus.good) return answer.data;
    throw new Failure('unexpected', `${this.#where(what)}: ${describeAnswer(answer)}`);
  }

  #once(request: ScsiRequest): Promise<ScsiAnswer> {
    const { inBytes = 0, dataOut } = request;
    assert(inBytes === 0 || dataOut === undefined, 'bidirectional commands are not done');
    const command = new InitiatorCommand();
    command.lunHigh = encodeLun(this.lun);
    request.put(command);
    const data = Buffer.alloc(inBytes);
    command.inMemory = data;
    command.inBytes = inBytes;
    command.outMemory = dataOut ?? null;
    command.outBytes = dataOut?.length ?? 0;
    return new Promise((resolve, reject) => {
      command.onDone = () => {
        if (command.outcome === CommandOutcome.answered) resolve(toAnswer(command, data));
        else
          reject(new Failure('unreachable', `${this.#where('SCSI command')}: ${command.detail}`));
      };
      this.session.submit(command);
    });
  }

  #where(what: string): string {
    return `${what} on LUN ${this.lun} of ${this.session.options.targetName}`;
  }
}

function toAnswer(command: InitiatorCommand, data: Buffer): ScsiAnswer {
  return {
    status: command.status,
    sense: decodeSense(command.sense, command.senseBytes),
    data: data.subarray(0, command.receivedBytes),
  };
}

const statusNames = new Map<number, string>(
  Object.entries(ScsiStatus).map(([name, status]) => [status, name]),
);

/** `status busy`, `sense key 5h, 24h/00h`. */
export function describeAnswer({ status, sense }: Pick<ScsiAnswer, 'status' | 'sense'>): string {
  if (sense !== null) return describeSense(sense);
  return `status ${statusNames.get(status) ?? `${status.toString(16)}h`}`;
}
