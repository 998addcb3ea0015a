/**
 * The login of one connection: between the login machine of lib/iscsi and the node that knows hosts
 * and sessions.
 */
import {
  LOGIN_SEGMENT_BYTES,
  LoginResponder,
  OPCODE_MASK,
  Opcode,
  localParameters,
} from '../iscsi/index.ts';
import type { LoginAction, LoginResult } from '../iscsi/index.ts';
import { sendEncoded } from './control-pdu.ts';
import { LoginAdmission } from './login-admission.ts';
import { INCARNATION_KEY, PORTAL_GROUP_TAG } from './node-options.ts';
import type { TargetConnection } from './target-connection.ts';

export class LoginPath {
  readonly #connection: TargetConnection;
  readonly #admission: LoginAdmission;
  readonly #responder: LoginResponder;

  constructor(connection: TargetConnection) {
    const { node, port } = connection;
    this.#connection = connection;
    this.#admission = new LoginAdmission(connection);
    this.#responder = new LoginResponder({
      policy: this.#admission,
      portal: { groupTag: PORTAL_GROUP_TAG, address: port.localAddress },
      local: localOf(connection),
      challenges: node.challenges,
      queueDepth: node.limits.queueDepth,
      answerExtraKey: (key) =>
        key === INCARNATION_KEY ? String(node.options.incarnation) : undefined,
    });
  }

  /** Before login nothing else is taken, and no more than a login PDU may hold. */
  acceptsHeader(header: Buffer, ahsBytes: number, dataBytes: number): boolean {
    const isLogin = (header[0]! & OPCODE_MASK) === Opcode.loginRequest;
    return isLogin && ahsBytes === 0 && dataBytes <= LOGIN_SEGMENT_BYTES;
  }

  onPdu(header: Buffer, data: Buffer): void {
    this.#perform(this.#responder.receive(header, data));
  }

  /** The connection is gone. */
  abandon(): void {
    this.#responder.abandon();
  }

  #perform(actions: readonly LoginAction[]): void {
    for (const action of actions) {
      switch (action.kind) {
        case 'send':
          sendEncoded(this.#connection, action.header, action.data);
          break;
        case 'admit':
          void this.#admit(action.result);
          break;
        case 'fullFeature':
          this.#admission.begin(action.result);
          break;
        case 'refused':
          this.#refused(action.status, action.reason);
          break;
      }
    }
  }

  async #admit(result: LoginResult): Promise<void> {
    for (let decided = false; !decided && !this.#connection.isClosed;) {
      const refused = await this.#admission.makeWay(result);
      if (this.#connection.isClosed) break;
      // from here to the session's begin nothing else gets a turn
      const verdict = refused ?? this.#admission.decide(result);
      if (verdict === undefined) continue;
      decided = true;
      this.#perform(
        'status' in verdict
          ? this.#responder.refuse(verdict.status, verdict.reason)
          : this.#responder.admitted(verdict),
      );
    }
    this.#admission.leave(result);
  }

  #refused(status: number, reason: string): void {
    const { node, port } = this.#connection;
    node.counters.loginsRefused++;
    node.options.events?.loginRefused?.({
      initiatorName: this.#responder.claim?.initiatorName ?? '',
      remoteAddress: port.remoteAddress,
      status,
      reason,
    });
    this.#connection.close();
  }
}

function localOf({ node: { limits } }: TargetConnection) {
  return localParameters({
    maxConnections: limits.connectionsPerSession,
    maxRecvDataSegmentLengthBytes: limits.maxRecvDataSegmentLengthBytes,
    maxBurstLengthBytes: limits.maxBurstLengthBytes,
    firstBurstLengthBytes: limits.firstBurstLengthBytes,
    maxOutstandingR2t: limits.maxOutstandingR2t,
  });
}
