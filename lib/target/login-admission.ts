/**
 * Who gets in, and into which session: asked before authentication who the peer may be, and after
 * it for a place (RFC 7143 §6.3.4, §6.3.5). Nothing of a session is touched before the peer has
 * proved itself.
 */
import { LoginStatus } from '../iscsi/index.ts';
import type {
  CommandWindow,
  LoginAccess,
  LoginClaim,
  LoginPolicy,
  LoginRefusal,
  LoginResult,
} from '../iscsi/index.ts';
import type { HostView } from './access.ts';
import { PORTAL_GROUP_TAG } from './node-options.ts';
import type { TargetConnection } from './target-connection.ts';
import type { TargetNode } from './target-node.ts';
import { TargetSession } from './target-session.ts';
import { within } from './within.ts';

type Verdict = { readonly tsih: number; readonly window?: CommandWindow } | LoginRefusal;

const stillEnding = (what: string): LoginRefusal =>
  refusal(LoginStatus.serviceUnavailable, `the ${what} before is still ending its commands`);

const refusal = (status: LoginStatus, reason: string): LoginRefusal => ({ status, reason });

export class LoginAdmission implements LoginPolicy {
  readonly #connection: TargetConnection;
  readonly #node: TargetNode;

  constructor(connection: TargetConnection) {
    this.#connection = connection;
    this.#node = connection.node;
  }

  identify(claim: LoginClaim): LoginAccess | LoginRefusal {
    const node = this.#node;
    if (!node.serving) {
      return refusal(LoginStatus.serviceUnavailable, 'still loading, or stopping');
    }
    if (claim.targetName !== null && claim.targetName !== node.name) {
      return refusal(LoginStatus.notFound, `no target ${claim.targetName} here`);
    }
    const view = node.options.directory.find(claim.initiatorName);
    if (view === undefined) {
      return refusal(
        LoginStatus.authorizationFailure,
        'the initiator is not a host of this server',
      );
    }
    const joined = this.#joined(claim);
    return {
      auth: this.#requirement(view),
      ...(node.options.alias === undefined ? {} : { targetAlias: node.options.alias }),
      ...(joined === undefined ? {} : { sessionWindow: () => windowOf(joined) }),
    };
  }

  #requirement(view: HostView): LoginAccess['auth'] {
    if (view.chap === null) return null;
    const algorithms = this.#node.options.chapAlgorithms;
    const credentials = { credentials: view.chap, mutual: view.mutual };
    return algorithms === undefined ? credentials : { ...credentials, algorithms };
  }

  /** The session that a connection with a TSIH wants to join. */
  #joined({ tsih, initiatorName, isid }: LoginClaim): TargetSession | undefined {
    const session = tsih === 0 ? undefined : this.#node.sessionTable.byTsih(tsih);
    if (session === undefined || session.ending) return undefined;
    const { identity } = session;
    const mine = identity.initiatorName === initiatorName && identity.isid.equals(isid);
    return mine ? session : undefined;
  }

  /**
   * Called once the peer is authenticated: ends what it takes the place of, and waits for that,
   * never longer than `abortMs`. @returns why it can't be let in, undefined where `decide` may
   * follow.
   */
  makeWay(result: LoginResult): Promise<LoginRefusal | undefined> {
    if (result.tsih !== 0) return this.#replaceConnection(result);
    if (result.sessionType === 'normal') return this.#replaceSession(result);
    return Promise.resolve(undefined);
  }

  /**
   * The same initiator port again: its session of before ends first, with all its commands
   * (§6.3.5). Two logins of one port in the same moment end each other's until one is left.
   */
  async #replaceSession({ initiatorName, isid }: LoginResult): Promise<LoginRefusal | undefined> {
    const { sessionTable, counters, timers, limits } = this.#node;
    const deadlineMs = timers.nowMs() + limits.abortMs;
    for (;;) {
      const before = sessionTable.byPort(initiatorName, isid);
      if (before !== undefined) {
        counters.sessionsReinstated++;
        void sessionTable.end(before, 'reinstated by the same initiator port');
      }
      const leftMs = deadlineMs - timers.nowMs();
      const ended = await within(timers, leftMs, sessionTable.whenEnded(initiatorName, isid));
      if (!ended) return stillEnding('session');
      const over = sessionTable.byPort(initiatorName, isid) === undefined;
      if (over || this.#connection.isClosed) return undefined;
    }
  }

  /**
   * The same connection of the session again: the one before ends first, with its commands
   * (§6.3.4).
   */
  async #replaceConnection(result: LoginResult): Promise<LoginRefusal | undefined> {
    const { timers, limits } = this.#node;
    const deadlineMs = timers.nowMs() + limits.abortMs;
    for (;;) {
      const session = this.#joined(result);
      if (session === undefined || session.identity.type !== result.sessionType) return undefined;
      const before = session.connections.get(result.cid);
      if (before !== undefined) {
        void this.#node.endConnection(before);
        before.close();
      }
      const ended = session.leaving.get(result.cid);
      if (ended === undefined || this.#connection.isClosed) return undefined;
      if (!(await within(timers, deadlineMs - timers.nowMs(), ended))) {
        return stillEnding('connection');
      }
    }
  }

  /**
   * The last word, which holds until the end of the turn.
   * @returns undefined where something came in the way since `makeWay`.
   */
  decide(result: LoginResult): Verdict | undefined {
    const node = this.#node;
    if (!node.serving) return refusal(LoginStatus.serviceUnavailable, 'stopping');
    // what was true at the start of a slow login need not be true now
    const view = node.options.directory.find(result.initiatorName);
    if (view === undefined) {
      return refusal(LoginStatus.authorizationFailure, 'access was revoked during login');
    }
    if (view.chap !== null && result.authenticatedAs === null) {
      return refusal(LoginStatus.authenticationFailure, 'the host got a secret during login');
    }
    if (result.tsih !== 0) return this.#decideConnection(result);
    const { initiatorName, isid, sessionType } = result;
    if (sessionType === 'normal' && node.sessionTable.isTaken(initiatorName, isid)) {
      return undefined;
    }
    if (node.sessionTable.size >= node.limits.sessions) {
      return refusal(LoginStatus.outOfResources, `${node.limits.sessions} sessions already`);
    }
    return { tsih: node.sessionTable.freeTsih() };
  }

  #decideConnection(result: LoginResult): Verdict | undefined {
    const session = this.#joined(result);
    if (session === undefined) {
      return refusal(
        LoginStatus.sessionDoesNotExist,
        `no session ${result.tsih} of this initiator`,
      );
    }
    if (session.identity.type !== result.sessionType) {
      return refusal(LoginStatus.cannotIncludeInSession, 'another type of session');
    }
    const { cid } = result;
    if (session.connections.has(cid) || session.leaving.has(cid)) return undefined;
    if (session.connections.size >= session.parameters.maxConnections) {
      return refusal(
        LoginStatus.tooManyConnections,
        `${session.connections.size} connections already`,
      );
    }
    return { tsih: result.tsih, window: windowOf(session) };
  }

  /** The login is over; a session whose only connection it should have replaced and didn't ends. */
  leave(result: LoginResult): void {
    const session = this.#joined(result);
    if (session !== undefined) this.#node.endIfDeserted(session);
  }

  /** Full feature phase begins. */
  begin(result: LoginResult): void {
    const connection = this.#connection;
    const node = this.#node;
    node.loggingIn.delete(connection);
    node.counters.loginsAccepted++;
    connection.statSn = result.statSn;
    const joined = result.tsih === 0 ? undefined : this.#joined(result);
    const session = joined ?? this.#open(result);
    session.connections.set(result.cid, connection);
    connection.enterFullFeature(session, result.cid, result.parameters);
    if (joined === undefined) node.mapLuns(session);
  }

  #open(result: LoginResult): TargetSession {
    const node = this.#node;
    const { initiatorName, isid, tsih, sessionType } = result;
    const identity = {
      tsih,
      initiatorName,
      initiatorAlias: result.initiatorAlias ?? '',
      isid: Buffer.from(isid),
      type: sessionType,
      authenticatedAs: result.authenticatedAs,
    };
    const nexusIdentity = {
      initiatorName,
      isid: identity.isid,
      targetName: node.name,
      portalGroupTag: PORTAL_GROUP_TAG,
      relativePortId: 1,
    };
    const session = new TargetSession({
      node,
      identity,
      parameters: result.parameters,
      nexus: sessionType === 'normal' ? node.scsi.openNexus(nexusIdentity) : null,
      host: node.options.directory.find(initiatorName)?.host ?? initiatorName,
      cmdSn: result.cmdSn,
    });
    node.sessionTable.add(session);
    return session;
  }
}

function windowOf(session: TargetSession): CommandWindow {
  return { expCmdSn: session.expCmdSn, maxCmdSn: session.advanceWindow() };
}
