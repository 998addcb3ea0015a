/**
 * Foreign programs that the interoperability tests drive. A missing one fails the test by its
 * package's name.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const RUN_LIMIT_MS = 120_000;

const packages: Readonly<Record<string, string>> = {
  'iscsi-inq': 'libiscsi-bin',
  'iscsi-ls': 'libiscsi-bin',
  'iscsi-perf': 'libiscsi-bin',
  'iscsi-readcapacity16': 'libiscsi-bin',
  'iscsi-swp': 'libiscsi-bin',
  'iscsi-test-cu': 'libiscsi-bin',
  'qemu-img': 'qemu-utils and qemu-block-extra',
  'qemu-io': 'qemu-utils and qemu-block-extra',
  'mkfs.ext4': 'e2fsprogs',
  e2fsck: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  isnsd: 'open-isns-server',
  isnsadm: 'open-isns-utils',
  python3: 'python3',
};

// administrators' programs are not on every user's path
const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

function find(tool: string): string | undefined {
  return folders
    .map((folder) => join(folder, tool))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** @throws an error that names the Debian package, where a tool is missing. */
export function requireTools(...tools: string[]): void {
  const missing = tools.filter((tool) => find(tool) === undefined);
  if (missing.length === 0) return;
  const wanted = [...new Set(missing.map((tool) => packages[tool] ?? tool))].join(' and ');
  throw new Error(`${missing.join(', ')} not found: install the Debian package ${wanted}`);
}

export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly limitMs?: number;
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program to its end, whatever its exit code. @throws where it exceeds its time. */
export function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const child = spawn(find(program) ?? program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // a program that reads nothing may be gone before we have written
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(
        new Error(`${program} ${args.join(' ')} exceeded its time\n${tail(stdout)}${tail(stderr)}`),
      );
    }, options.limitMs ?? RUN_LIMIT_MS);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout: text(stdout), stderr: text(stderr) });
    });
  });
}

/** Runs a program that has to end with 0. @returns its standard output. */
export async function succeed(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, options);
  if (code !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`);
  return stdout;
}

const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString('utf8');
const tail = (chunks: readonly Buffer[]): string => text(chunks).slice(-2_000);
