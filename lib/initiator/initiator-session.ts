/**
 * A session with a target over one TCP connection: login, SCSI commands, task management, text,
 * keep-alive, logout. Knows neither sockets nor clocks: the shell in lib/transport brings bytes,
 * `Timers` bring time.
 */
import { assert, Failure } from '../base/index.ts';
import type { Timer } from '../base/index.ts';
import { AsyncEvent, LogoutReason, Opcode, TaskManagementFunction } from '../iscsi/index.ts';
import type { LoginOutcome, TextPair } from '../iscsi/index.ts';
import { CommandQueue, endAs, finish } from './command-queue.ts';
import { CommandWindow } from './command-window.ts';
import type { Exchange, ManagementResult } from './exchange.ts';
import { FullFeatureReceiver } from './full-feature-receiver.ts';
import type { ReceiverOwner } from './full-feature-receiver.ts';
import { CommandOutcome, CommandState, InitiatorCommand } from './initiator-command.ts';
import { InitiatorConnection } from './initiator-connection.ts';
import type { ConnectionOwner, InitiatorPort } from './initiator-connection.ts';
import { Keepalive } from './keepalive.ts';
import { LoginPhase } from './login-phase.ts';
import type { LoginFailure } from './login-phase.ts';
import { isEndProved, ManagementExchange } from './management-exchange.ts';
import { SessionRequests } from './session-requests.ts';
import type { ManagementScope } from './session-requests.ts';
import { defaultSessionLimits } from './session-options.ts';
import type {
  SessionEnd,
  SessionEndKind,
  SessionLimits,
  SessionOptions,
} from './session-options.ts';
import { LogoutExchange, PingExchange } from './simple-exchange.ts';
import { TaskTable } from './task-table.ts';
import { TextExchange } from './text-exchange.ts';
import { readUnsolicited } from './unsolicited.ts';

export type SessionState = 'idle' | 'login' | 'ready' | 'loggingOut' | 'ended';

export class InitiatorSession {
  readonly options: SessionOptions;
  readonly limits: SessionLimits;
  state: SessionState = 'idle';
  readonly #tasks = new TaskTable<InitiatorCommand | Exchange>();
  #window = new CommandWindow(1);
  #connection: InitiatorConnection | null = null;
  #commands: CommandQueue | null = null;
  #requests: SessionRequests | null = null;
  #login: LoginOutcome | null = null;
  #phase: LoginPhase | null = null;
  #keepalive: Keepalive | null = null;
  #timer: Timer | null = null;
  /** Why we closed the connection ourselves; what the socket says afterwards is no news. */
  #ending: SessionEnd | null = null;

  constructor(options: SessionOptions) {
    this.options = options;
    this.limits = { ...defaultSessionLimits, ...options.limits };
  }

  get connection(): InitiatorConnection {
    assert(this.#connection !== null, 'session without a connection');
    return this.#connection;
  }

  /** What the login agreed on; there from `ready` on. */
  get login(): LoginOutcome {
    assert(this.#login !== null, 'session is not logged in');
    return this.#login;
  }

  /** Commands and requests at the target now. */
  get outstanding(): number {
    return this.#tasks.outstanding;
  }

  /** The shell has a TCP connection: begins the login. The result is what the shell drives. */
  connect(port: InitiatorPort): InitiatorConnection {
    assert(this.state === 'idle', 'a session connects once');
    this.state = 'login';
    const owner: ConnectionOwner = {
      chunkReceived: () => this.#chunkReceived(),
      batchDone: () => this.#commands?.batchDone(),
      broken: (what) => this.#break('protocolError', `the target broke the protocol: ${what}`),
      closed: (reason) => this.#closed(reason),
    };
    const phase = new LoginPhase(this.options, {
      loggedIn: (outcome) => this.#loggedIn(outcome),
      failed: (failure) => this.#loginFailed(failure),
    });
    this.#phase = phase;
    this.#connection = new InitiatorConnection(port, owner, phase, this.options.crc32c);
    this.#timer = this.#after(this.limits.loginMs, () =>
      this.#break('loginFailed', `no end of the login within ${this.limits.loginMs} ms`),
    );
    phase.begin(this.#connection);
    return this.#connection;
  }

  /** The command ends through its `onDone`, later. */
  submit(command: InitiatorCommand): void {
    assert(command.state !== CommandState.queued, 'command submitted twice');
    assert(command.state !== CommandState.sent, 'command submitted twice');
    command.begin();
    if (this.state === 'ready') {
      this.#commands!.submit(command);
      return;
    }
    assert(this.state !== 'idle' && this.state !== 'login', 'session is not logged in');
    command.state = CommandState.queued;
    endAs(command, CommandOutcome.sessionLost, 'the session has ended');
    queueMicrotask(() => finish(command));
  }

  /**
   * Takes back a waiting command, or has the target abort it. It ends as aborted, or as it would
   * have where it was faster. Where the target can't say that it is over, the session is dropped.
   */
  abort(command: InitiatorCommand): void {
    if (this.state !== 'ready') return;
    if (command.state === CommandState.queued && this.#commands!.withdraw(command)) {
      endAs(command, CommandOutcome.aborted, 'taken back before it was sent');
      queueMicrotask(() => finish(command));
    } else if (command.state === CommandState.sent) this.#abortSent(command);
  }

  #abortSent(command: InitiatorCommand): void {
    const { lunHigh, lunLow } = command;
    const scope = { function: TaskManagementFunction.abortTask, lunHigh, lunLow, command };
    const tag = command.initiatorTaskTag;
    this.manage(scope, ({ response, detail }) => {
      if (this.#tasks.find(tag) !== command) return;
      if (!isEndProved(response)) this.drop(`ABORT TASK: ${detail}`);
      else this.#endAborted(command);
    });
  }

  /** Sends a task management request; `onDone` is called once, not from inside. */
  manage(scope: ManagementScope, onDone: (result: ManagementResult) => void): void {
    if (this.state !== 'ready' || this.#tasks.full) {
      const detail = this.state === 'ready' ? 'too much outstanding' : 'the session has ended';
      queueMicrotask(() => onDone({ response: null, detail }));
      return;
    }
    const timer = this.#after(this.limits.managementMs, () =>
      this.#break('connectionLost', 'no answer to a task management request'),
    );
    const exchange = new ManagementExchange((result) => {
      timer.cancel();
      onDone(result);
    });
    this.#requests!.manage(scope, exchange);
  }

  /**
   * Resets a logical unit. Afterwards all commands to it that were outstanding have ended as
   * aborted.
   * @param onDone TaskManagementResponseCode 0 where it was done.
   */
  resetUnit(lunHigh: number, lunLow: number, onDone: (result: ManagementResult) => void): void {
    const fn = TaskManagementFunction.logicalUnitReset;
    const affected = this.#tasks.all().filter((task) => isOf(task, lunHigh, lunLow));
    this.manage({ function: fn, lunHigh, lunLow, command: null }, (result) => {
      if (result.response === 0) {
        for (const task of affected) {
          if (task instanceof InitiatorCommand && this.#isOutstanding(task)) this.#endAborted(task);
        }
      }
      onDone(result);
    });
  }

  /** A text request in the full feature phase. @throws Failure as rejection. */
  text(pairs: readonly TextPair[]): Promise<TextPair[]> {
    return new Promise((resolve, reject) => {
      if (this.state !== 'ready' || this.#tasks.full) {
        reject(new Failure('unreachable', 'text request: the session is not there'));
        return;
      }
      let tag = 0;
      const exchange = new TextExchange({ answered: resolve, failed: reject }, (ttt, lun) =>
        this.#requests!.textGoOn(tag, ttt, lun),
      );
      tag = this.#requests!.text(pairs, exchange);
    });
  }

  /** Says goodbye. What is outstanding ends as lost; a session that isn't logged in is dropped. */
  logout(): void {
    if (this.state === 'idle' || this.state === 'login') this.drop('logout during login');
    if (this.state !== 'ready') return;
    this.state = 'loggingOut';
    const done = (): void => this.#break('loggedOut', 'logged out');
    this.#timer = this.#after(this.limits.logoutMs, done);
    if (this.#tasks.full) done();
    else this.#requests!.logout(LogoutReason.closeSession, new LogoutExchange(done));
  }

  /** Ends the connection at once. */
  drop(why: string): void {
    if (this.state === 'idle') this.state = 'ended';
    else this.#break('dropped', why);
  }

  #loggedIn(outcome: LoginOutcome): void {
    const connection = this.connection;
    const { parameters } = outcome;
    this.#timer?.cancel();
    this.#login = outcome;
    connection.expStatSn = outcome.expStatSn;
    this.#window = new CommandWindow(outcome.cmdSn);
    this.#window.update(outcome.expCmdSn, outcome.maxCmdSn);
    this.#commands = new CommandQueue({
      link: connection,
      window: this.#window,
      tasks: this.#tasks,
      parameters: {
        initialR2t: parameters.initialR2t,
        immediateData: parameters.immediateData,
        firstBurstBytes: parameters.firstBurstLengthBytes,
        segmentBytesMax: parameters.maxSendDataSegmentLengthBytes,
      },
    });
    this.#requests = new SessionRequests(connection, this.#window, this.#tasks);
    const receiver = new FullFeatureReceiver(this.#receiverOwner(), connection.framer);
    connection.enterFullFeature(receiver, {
      header: parameters.headerDigest,
      data: parameters.dataDigest,
    });
    this.#startKeepalive();
    this.state = 'ready';
    this.options.handlers.ready();
  }

  #receiverOwner(): ReceiverOwner {
    return {
      tasks: this.#tasks,
      commands: this.#commands!,
      window: this.#window,
      maxBurstBytes: this.login.parameters.maxBurstLengthBytes,
      segmentBytesMax: this.login.parameters.maxRecvDataSegmentLengthBytes,
      statusReceived: (statSn) => this.connection.statusReceived(statSn),
      received: (opcode, header, data) => this.#received(opcode, header, data),
    };
  }

  #startKeepalive(): void {
    this.#keepalive = new Keepalive({
      timers: this.options.timers,
      intervalMs: this.limits.nopIntervalMs,
      timeoutMs: this.limits.nopTimeoutMs,
      ping: () => {
        if (!this.#tasks.full) this.#requests!.ping(new PingExchange(() => undefined));
      },
      dead: () => this.#break('connectionLost', 'the target has gone silent'),
    });
    this.#keepalive.start();
  }

  #chunkReceived(): void {
    this.#keepalive?.heard();
    if (this.state === 'ready') this.#commands!.pump();
  }

  #received(opcode: number, header: Buffer, data: Buffer): void {
    const said = readUnsolicited(opcode, header, data);
    switch (said.kind) {
      case 'ping':
        this.#requests!.pong(said.targetTransferTag, said.lun);
        return;
      case 'async':
        this.connection.statusReceived(said.statSn);
        this.options.handlers.asyncMessage?.(said.message, said.sense);
        if (said.message.event === AsyncEvent.logoutRequest) this.logout();
        return;
      case 'reject':
        this.connection.statusReceived(said.statSn);
        this.#rejected(said.opcode, said.taskTag, said.detail);
        return;
      case 'window':
      case 'late':
        return;
    }
  }

  /** A rejected command is never answered; rejected data is: its command still gets a response. */
  #rejected(opcode: number, taskTag: number, detail: string): void {
    const task = this.#tasks.find(taskTag);
    if (task === null || opcode === Opcode.dataOut) return;
    if (task instanceof InitiatorCommand) {
      endAs(task, CommandOutcome.transportError, detail);
      this.#commands!.end(task);
    } else {
      this.#tasks.remove(taskTag);
      task.lost(detail);
    }
  }

  #isOutstanding(command: InitiatorCommand): boolean {
    return this.#tasks.find(command.initiatorTaskTag) === command;
  }

  #endAborted(command: InitiatorCommand): void {
    endAs(command, CommandOutcome.aborted, 'aborted by task management');
    this.#commands!.end(command);
  }

  #loginFailed({ failure, status, targetAddress }: LoginFailure): void {
    this.#ending = { kind: 'loginFailed', failure, loginStatus: status, targetAddress };
    this.connection.close();
  }

  #break(kind: SessionEndKind, what: string): void {
    if (this.state === 'ended' || this.#ending !== null) return;
    const failure = new Failure('unreachable', `${this.#where()}: ${what}`);
    this.#ending = { kind, failure, loginStatus: null, targetAddress: null };
    this.connection.close();
  }

  #where(): string {
    const name = this.options.targetName ?? 'discovery';
    return `${name} at ${this.connection.port.remoteAddress}`;
  }

  #closed(reason: string): void {
    if (this.state === 'ended') return;
    const kind = this.state === 'login' ? 'loginFailed' : 'connectionLost';
    const what = kind === 'loginFailed' ? 'connection lost during login' : 'connection lost';
    const end = this.#ending ?? {
      kind,
      failure: new Failure('unreachable', `${this.#where()}: ${what}: ${reason}`),
      loginStatus: null,
      targetAddress: null,
    };
    this.state = 'ended';
    this.#phase?.abandon();
    this.#timer?.cancel();
    this.#keepalive?.stop();
    const { message } = end.failure;
    this.#commands?.endAll(CommandOutcome.sessionLost, message);
    for (const task of this.#tasks.all()) {
      if (!(task instanceof InitiatorCommand)) task.lost(message);
    }
    this.options.handlers.ended(end);
  }

  #after(delayMs: number, fire: () => void): Timer {
    return this.options.timers.after(delayMs, fire);
  }
}

function isOf(task: InitiatorCommand | Exchange, lunHigh: number, lunLow: number): boolean {
  return task instanceof InitiatorCommand && task.lunHigh === lunHigh && task.lunLow === lunLow;
}
