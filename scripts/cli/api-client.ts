/**
 * The command line's way to a service: the admin API over TCP or a Unix socket, refusals turned
 * back into failures.
 */
import { request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { ExitCode, Failure } from '../../lib/base/index.ts';
import type { FailureKind } from '../../lib/base/index.ts';
import type { TaskEntry } from '../../lib/admin/index.ts';

export const DEFAULT_ADMIN = '127.0.0.1:3280';
/** Where tasks, volumes and units are asked for: the controller. */
export const CONTROLLER_ADMIN = '127.0.0.1:3290';
const PREFIX = '/api/v1';
const CONNECT_MS_MAX = 10_000;
const TASK_POLL_MS = 250;

export interface ClientOptions {
  /** `host:port`, `http(s)://host:port`, or the path of a Unix socket. */
  readonly admin: string;
  readonly token: string | undefined;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Long changes: follow the task that the server makes of them. */
  readonly wait?: WaitOptions;
}

export interface WaitOptions {
  /** False: return as soon as the server has taken the change. */
  readonly wait: boolean;
  /** Longest wait in milliseconds; undefined: to the end. */
  readonly timeoutMs?: number | undefined;
  /** Told once, when a change turns out to take longer. */
  readonly onTask: (id: string, title: string) => void;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Seconds that the server is asked to hold a change before it makes a task of it. */
const HOLD_SECONDS = 1;

export class ApiClient {
  readonly #admin: string;
  readonly #token: string | undefined;

  constructor({ admin, token }: ClientOptions) {
    this.#admin = admin;
    this.#token = token;
  }

  /** The command that goes on watching a task. */
  watchCommand(taskId: string): string {
    return `hawser task watch ${taskId} --admin ${this.#admin}`;
  }

  async get<T>(path: string): Promise<T> {
    return (await this.#call('GET', path, {})).body as T;
  }

  /**
   * A change. @returns what it answered; undefined where it goes on and the caller didn't want to
   * wait.
   */
  async change<T>(method: string, path: string, options: CallOptions = {}): Promise<T | undefined> {
    const answer = await this.#call(method, path, options);
    if (answer.status !== 202) return answer.body as T;
    return (await this.#followTask(answer.body as TaskEntry, options.wait!)) as T | undefined;
  }

  async #followTask(first: TaskEntry, options: WaitOptions): Promise<unknown> {
    options.onTask(first.id, first.title);
    if (!options.wait) return undefined;
    const task = await this.watchTask(first, options.timeoutMs);
    return task.result;
  }

  /**
   * Follows a task to its end. @throws Failure as it failed; `timedOut` where it takes too long.
   */
  async watchTask(first: TaskEntry, timeoutMs = Infinity): Promise<TaskEntry> {
    const endMs = Date.now() + timeoutMs;
    let task = first;
    while (task.state === 'running') {
      if (Date.now() > endMs) {
        const advice = `see its end with: ${this.watchCommand(task.id)}`;
        throw new Failure('timedOut', `task ${task.id} is still running; ${advice}`);
      }
      await new Promise((resolve) => setTimeout(resolve, TASK_POLL_MS));
      task = await this.get<TaskEntry>(`/tasks/${task.id}`);
    }
    if (task.failure !== null) throw failureOf(task.failure.code, task.failure.message);
    return task;
  }

  async #call(method: string, path: string, { body, wait }: CallOptions): Promise<Answer> {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const headers: Record<string, string | number> = { accept: 'application/json' };
    if (method !== 'GET') {
      headers['content-type'] = 'application/json';
      headers['content-length'] = Buffer.byteLength(payload);
    }
    if (wait !== undefined)
      headers['prefer'] = `respond-async, wait=${wait.wait ? HOLD_SECONDS : 0}`;
    const response = await this.#send({ method, headers, path: PREFIX + path }, payload);
    return this.#understand(response);
  }

  #send(options: RequestOptions, payload: string): Promise<IncomingMessage> {
    const { secure, where } = endpoint(this.#admin);
    const proof = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
    const headers = { ...options.headers, ...proof };
    const start = secure ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request = start({ ...options, ...where, headers }, resolve);
      // only until it answers: a change may take its time
      request.setTimeout(CONNECT_MS_MAX, () => {
        if (request.socket?.connecting !== false) request.destroy(new Error('no answer'));
      });
      request.on('error', (error) => reject(unreachable(this.#admin, error)));
      request.end(payload);
    });
  }

  async #understand(response: IncomingMessage): Promise<Answer> {
    const status = response.statusCode ?? 0;
    let text = '';
    try {
      response.setEncoding('utf8');
      for await (const chunk of response) text += chunk as string;
    } catch (error) {
      throw unreachable(this.#admin, error as Error);
    }
    const body = parseJson(text);
    if (status < 400 && body !== undefined) return { status, body };
    const { code, detail } = (body ?? {}) as { code?: string; detail?: string };
    if (code === undefined) {
      const found = `HTTP ${status} ${response.headers['content-type'] ?? ''}`;
      throw new Failure('unreachable', `${this.#admin}: expected a Hawser service, found ${found}`);
    }
    throw failureOf(code, detail ?? code);
  }
}

export function endpoint(admin: string): { secure: boolean; where: RequestOptions } {
  const path = /^(?:unix:)?(\.{0,2}\/.*)$/.exec(admin)?.[1];
  if (path !== undefined) return { secure: false, where: { socketPath: path } };
  const match = /^(?:(https?):\/\/)?(?:\[([^\]]+)\]|([^/:]+)):(\d+)\/?$/.exec(admin);
  if (match === null) {
    const expected = 'host:port, https://host:port or the path of a Unix socket';
    throw new Failure('usage', `admin address "${admin}": expected ${expected}`);
  }
  const [, scheme, v6, host, port] = match;
  return { secure: scheme === 'https', where: { host: v6 ?? host!, port: Number(port) } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function failureOf(code: string, message: string): Failure {
  const known = code in ExitCode && code !== 'done' && code !== 'interrupted';
  return new Failure(known ? (code as FailureKind) : 'unexpected', message);
}

function unreachable(admin: string, error: Error): Failure {
  const advice = 'is the service running, and is this its address (--admin, HAWSER_ADMIN)?';
  return new Failure('unreachable', `no service answers at ${admin}: ${error.message}; ${advice}`, {
    cause: error,
  });
}
