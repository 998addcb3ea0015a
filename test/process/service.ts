/** Drives the real `bin/hawser`: services until their ready line, commands until their exit. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const READY_MS_MAX = 30_000;

export function repositoryRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  return directory;
}

const hawser = join(repositoryRoot(), 'bin', 'hawser');

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8');
    child[name]!.on('data', (chunk: string) => (text[name] += chunk));
  }
  return text;
}

const exited = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? (signal === null ? -1 : -2)));
  });

/** Runs one command to its end. */
export async function run(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const env = { ...process.env, ...options.env };
  const child = spawn(process.execPath, [hawser, ...words], { cwd: options.cwd, env });
  const text = collect(child);
  child.stdin.end(options.input ?? '');
  return { code: await exited(child), ...text };
}

export interface ReadyLine {
  readonly role: string;
  readonly iqn: string;
  readonly portals: readonly string[];
  readonly admin: string;
  readonly pid: number;
  readonly serving?: boolean;
  readonly reason?: string;
}

/** A directory with a target.yaml in it, and the service that runs on it. */
export class TargetProcess {
  readonly directory = mkdtempSync(join(tmpdir(), 'hawser-process-'));
  readonly file = join(this.directory, 'target.yaml');
  ready: ReadyLine | null = null;
  #child: ChildProcess | null = null;
  #text = { stdout: '', stderr: '' };
  #exit: Promise<number> = Promise.resolve(0);

  constructor(configuration: string) {
    this.configure(configuration);
  }

  configure(configuration: string): void {
    writeFileSync(this.file, configuration);
  }

  get stdout(): string {
    return this.#text.stdout;
  }

  get log(): string {
    return this.#text.stderr;
  }

  get configuration(): string {
    return readFileSync(this.file, 'utf8');
  }

  /** @throws with its exit code and log where it ends before it is ready. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<ReadyLine> {
    const child = spawn(process.execPath, [hawser, 'target', '--config', this.file], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#text = collect(child);
    this.#exit = exited(child);
    const line = await this.#readyLine(child);
    this.ready = JSON.parse(line.slice('ready '.length)) as ReadyLine;
    return this.ready;
  }

  #readyLine(child: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not ready: ${this.log}`)), READY_MS_MAX);
      const look = (): void => {
        const line = this.stdout.split('\n').find((text) => text.startsWith('ready '));
        if (line === undefined || !this.stdout.includes(`${line}\n`)) return;
        clearTimeout(late);
        resolve(line);
      };
      child.stdout!.on('data', look);
      void this.#exit.then((code) => {
        clearTimeout(late);
        reject(new Error(`exited ${code}: ${this.log}`));
      });
    });
  }

  /** A command against this service. */
  run(...words: string[]): Promise<Ran> {
    return run(words, { cwd: this.directory, env: { HAWSER_ADMIN: this.ready!.admin } });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** @returns the exit code; -2: killed. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    this.signal(signal);
    return this.#exit;
  }

  /** Waits until the log says it. */
  async logged(pattern: RegExp): Promise<void> {
    const endMs = Date.now() + READY_MS_MAX;
    while (!pattern.test(this.log)) {
      if (Date.now() > endMs) throw new Error(`never logged ${String(pattern)}: ${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** @throws where it has ended by itself: what a test asked of it killed it. */
  async remove(): Promise<void> {
    const died = this.#child !== null && this.#child.exitCode === 1;
    await this.stop('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
    if (died) throw new Error(`the service died: ${this.log}`);
  }
}
