/** A real `hawser target` in a folder of its own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../architecture/source-tree.ts';
import { run, succeed } from './tools.ts';
import type { RunOptions, RunResult } from './tools.ts';

export const UNIT_IQN = 'iqn.2026-11.io.hawser:unit1';
const READY_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 30_000;
const PORT_FIRST = 16_200;
const PORT_END = 16_900;

/** The configuration as contract and docs/administration.md have it; JSON is YAML. */
export type Config = Readonly<Record<string, unknown>>;

export const hawser = join(projectRoot(), 'bin', 'hawser');

let nextPort = PORT_FIRST + (process.pid % 64) * 8;

/** A port of 127.0.0.1 on which nothing listens now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = nextPort++;
    if (nextPort >= PORT_END) nextPort = PORT_FIRST;
    if (await isFree(port)) return port;
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

export class TargetService {
  readonly folder: string;
  readonly port: number;
  readonly adminPort: number;
  pid = 0;
  readonly #configPath: string;
  #process: ChildProcess | null = null;
  #ended: Promise<number | null> = Promise.resolve(null);

  private constructor(folder: string, port: number, adminPort: number) {
    this.folder = folder;
    this.port = port;
    this.adminPort = adminPort;
    this.#configPath = join(folder, 'target.yaml');
  }

  /**
   * @param config what is added to, or put in the place of, one in-memory disk without partitions.
   * @param files written beside the configuration, mode 0600: secrets.
   */
  static async start(
    config: Config,
    files: Readonly<Record<string, string>> = {},
  ): Promise<TargetService> {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-interop-'));
    const service = new TargetService(folder, await freePort(), await freePort());
    for (const [name, content] of Object.entries(files))
      writeFileSync(join(folder, name), content, { mode: 0o600 });
    service.configure(config);
    await service.launch();
    return service;
  }

  configure(config: Config): void {
    const complete = {
      iqn: UNIT_IQN,
      state: join(this.folder, 'state'),
      listen: [this.portal],
      admin: { listen: `127.0.0.1:${this.adminPort}` },
      array: { layout: 'linear', disks: [{ memory: '512MiB' }] },
      ...config,
    };
    writeFileSync(this.#configPath, JSON.stringify(complete, null, 2));
  }

  get portal(): string {
    return `127.0.0.1:${this.port}`;
  }

  get running(): boolean {
    return this.#process !== null && this.#process.exitCode === null;
  }

  /** Starts it on what is already in its folder. */
  async launch(): Promise<void> {
    const log = join(this.folder, 'log');
    const child = spawn(hawser, ['target', '--config', this.#configPath], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.#ended = new Promise((resolve) => child.on('close', resolve));
    child.stderr.on('data', (chunk: Buffer) => writeFileSync(log, chunk, { flag: 'a' }));
    try {
      await this.#ready(child);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  async #ready(child: ChildProcess): Promise<void> {
    let stdout = '';
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        reject(new Error(`hawser target ${why}\n${stdout}${this.log().slice(-4_000)}`));
      };
      const timer = setTimeout(() => fail('is not ready in time'), READY_LIMIT_MS);
      child.on('error', reject);
      child.on('close', (code) => fail(`ended with ${code}`));
      child.stdout!.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
        if (!/^ready \{.*\}$/m.test(stdout)) return;
        clearTimeout(timer);
        resolve();
      });
    });
    const { pid } = JSON.parse(/^ready (\{.*\})$/m.exec(stdout)![1]!) as { pid: number };
    this.pid = pid;
  }

  /** @param login `user%secret`, as libiscsi and QEMU write it. */
  url(lun: number, login = ''): string {
    return `iscsi://${login === '' ? '' : `${login}@`}${this.portal}/${UNIT_IQN}/${lun}`;
  }

  log(): string {
    try {
      return readFileSync(join(this.folder, 'log'), 'utf8');
    } catch {
      return '';
    }
  }

  /** A command line against this service; it has to end with 0. */
  command(...args: string[]): Promise<string> {
    return succeed(hawser, args, this.#environment());
  }

  /** The same, with any exit code. */
  attempt(...args: string[]): Promise<RunResult> {
    return run(hawser, args, this.#environment());
  }

  #environment(): RunOptions {
    return { cwd: this.folder, env: { HAWSER_ADMIN: join(this.folder, 'state', 'admin.sock') } };
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name);
  }

  /** Ends it as an operator does. @returns the exit code. */
  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), STOP_LIMIT_MS);
    const code = await this.#ended;
    clearTimeout(timer);
    return code;
  }

  /** Ends it as a power failure does. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }

  /** Ends it and removes its folder. */
  async dispose(): Promise<void> {
    if (this.running) await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
