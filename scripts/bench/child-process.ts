/** Servers under test as child processes: started, awaited, stopped by their own process id. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Failure } from '../../lib/base/index.ts';

const run = promisify(execFile);
const STOP_MS_MAX = 20_000;

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** @returns stdout. @throws Failure with what the program said. */
export async function execute(file: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(file, [...args], { maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (error) {
    const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') throw new Failure('notFound', `${file} is not installed`);
    throw new Failure('unexpected', `${file} ${args.join(' ')}: ${stderr?.trim() || message}`);
  }
}

export class Child {
  readonly process: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #name: string;

  constructor(name: string, file: string, args: readonly string[], logFile: string) {
    this.#name = name;
    this.process = spawn(file, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const log = createWriteStream(logFile);
    this.process.stderr!.pipe(log);
    this.process.stdout!.pipe(log, { end: false });
    this.#exited = new Promise((resolve) => {
      this.process.once('exit', () => resolve());
      this.process.once('error', () => resolve());
    });
  }

  get pid(): number {
    if (this.process.pid === undefined) {
      throw new Failure('notFound', `${this.#name} can't be started: is it installed?`);
    }
    return this.process.pid;
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Resolves with the first line of stdout that `accept` takes. */
  line(accept: (line: string) => boolean, timeoutMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const lines = createInterface({ input: this.process.stdout! });
      const fail = (what: string): void => {
        reject(new Failure('unreachable', `${this.#name}: ${what}`));
      };
      const timer = setTimeout(() => fail(`not ready within ${timeoutMs} ms`), timeoutMs);
      lines.on('line', (line) => {
        if (!accept(line)) return;
        clearTimeout(timer);
        resolve(line);
      });
      void this.#exited.then(() => {
        clearTimeout(timer);
        fail('ended before it was ready');
      });
    });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.process.pid === undefined) return;
    this.process.kill(signal);
    const late = sleep(STOP_MS_MAX).then(() => this.process.kill('SIGKILL'));
    await Promise.race([this.#exited, late]);
  }
}
