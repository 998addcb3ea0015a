/**
 * The login phase of a connection: gathers Login Response PDUs, lets the requester decide, sends
 * what it says.
 */
import { Failure } from '../base/index.ts';
import type { FailureKind } from '../base/index.ts';
import {
  BHS_BYTES,
  LOGIN_SEGMENT_BYTES,
  LoginRequester,
  LoginStatus,
  OPCODE_MASK,
  pduRow,
} from '../iscsi/index.ts';
import type { LoginError, LoginOutcome, LoginRequestAction, PduSink } from '../iscsi/index.ts';
import type { InitiatorConnection } from './initiator-connection.ts';
import { TargetProtocolError } from './protocol-error.ts';
import type { SessionOptions } from './session-options.ts';

/** Any number will do; the first command carries it. */
const FIRST_CMD_SN = 1;

export interface LoginFailure {
  readonly failure: Failure;
  /** LoginStatus, null where the target didn't refuse but something else went wrong. */
  readonly status: number | null;
  /** Where to go instead, in a redirection. */
  readonly targetAddress: string | null;
}

export interface LoginPhaseOwner {
  loggedIn(outcome: LoginOutcome): void;
  failed(failure: LoginFailure): void;
}

export class LoginPhase implements PduSink {
  readonly #requester: LoginRequester;
  readonly #options: SessionOptions;
  readonly #owner: LoginPhaseOwner;
  readonly #header = Buffer.alloc(BHS_BYTES);
  readonly #data = Buffer.alloc(LOGIN_SEGMENT_BYTES);
  #dataBytes = 0;
  #connection: InitiatorConnection | null = null;

  constructor(options: SessionOptions, owner: LoginPhaseOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#requester = new LoginRequester({
      initiatorName: options.initiatorName,
      ...(options.initiatorAlias === undefined ? {} : { initiatorAlias: options.initiatorAlias }),
      sessionType: options.targetName === null ? 'discovery' : 'normal',
      ...(options.targetName === null ? {} : { targetName: options.targetName }),
      isid: options.isid,
      tsih: 0,
      cid: 0,
      cmdSn: FIRST_CMD_SN,
      local: options.parameters,
      chap: options.chap,
      challenges: options.challenges,
      ...(options.extraKeys === undefined ? {} : { extraKeys: options.extraKeys }),
    });
  }

  begin(connection: InitiatorConnection): void {
    this.#connection = connection;
    this.#perform(this.#requester.start());
  }

  abandon(): void {
    this.#requester.abandon();
  }

  onHeader(header: Buffer, at: number, _ahsBytes: number, dataBytes: number): void {
    if (dataBytes > LOGIN_SEGMENT_BYTES) {
      throw new TargetProtocolError(`data segment of ${dataBytes} bytes during login`);
    }
    header.copy(this.#header, 0, at, at + BHS_BYTES);
    this.#dataBytes = dataBytes;
    const { framer } = this.#connection!;
    framer.data = this.#data;
    framer.dataAt = 0;
  }

  onPduEnd(): void {
    const row = pduRow(this.#header[0]! & OPCODE_MASK);
    if (row?.from !== 'target') throw new TargetProtocolError('no iSCSI target answers there');
    const data = this.#data.subarray(0, this.#dataBytes);
    this.#perform(this.#requester.receive(this.#header, data));
  }

  onHeaderDigestError(): void {
    throw new TargetProtocolError('digest during login');
  }

  #perform(actions: readonly LoginRequestAction[]): void {
    for (const action of actions) {
      if (action.kind === 'send') this.#connection!.sendRaw(action.header, action.data);
      else if (action.kind === 'fullFeature') this.#owner.loggedIn(action.outcome);
      else this.#owner.failed(this.#toFailure(action.error));
    }
  }

  #toFailure(error: LoginError): LoginFailure {
    const { targetName } = this.#options;
    const where = `${targetName ?? 'discovery'} at ${this.#connection!.port.remoteAddress}`;
    const failure = new Failure(kindOf(error), `login to ${where}: ${error.message}`, {
      cause: error,
    });
    const status = error.status === 0 ? null : error.status;
    return { failure, status, targetAddress: error.targetAddress };
  }
}

const kindsByStatus: Readonly<Record<number, FailureKind>> = {
  [LoginStatus.authenticationFailure]: 'notAllowed',
  [LoginStatus.authorizationFailure]: 'notAllowed',
  [LoginStatus.notFound]: 'notFound',
  [LoginStatus.targetRemoved]: 'notFound',
};

function kindOf(error: LoginError): FailureKind {
  if (error.kind === 'authentication') return 'notAllowed';
  return kindsByStatus[error.status] ?? 'unreachable';
}
