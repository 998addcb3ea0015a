/** The servers that are compared, each a process of its own with a disk of its own. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../lib/base/index.ts';
import { Child, execute, sleep } from './child-process.ts';

const READY_MS_MAX = 60_000;
const CONTROL_TRIES = 50;
const CONTROL_PAUSE_MS = 100;
const SEGMENT_BYTES = 262_144;

export interface Contestant {
  readonly name: string;
  /** Without digest parameters. */
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface Workbench {
  /** Absolute; disks and logs live there. */
  readonly directory: string;
  readonly sizeBytes: number;
  /** First of the ports that may be used. */
  readonly basePort: number;
  /** `bin/hawser`. */
  readonly hawser: string;
}

export interface TgtdOptions {
  readonly name: string;
  /** Backing store type: rdwr, aio, null. */
  readonly store: string;
  readonly direct: boolean;
  /** Distinguishes port and control socket. */
  readonly index: number;
}

export async function startTgtd(bench: Workbench, options: TgtdOptions): Promise<Contestant> {
  const { name, store, direct, index } = options;
  const port = bench.basePort + index;
  const control = ['-C', String(port)];
  const iqn = `iqn.2026-11.org.example:${name}`;
  const portal = `127.0.0.1:${port}`;
  const log = join(bench.directory, `${name}.log`);
  const child = new Child(name, 'tgtd', ['-f', '--iscsi', `portal=${portal}`, ...control], log);
  // it ignores SIGTERM while it has targets, and has nothing to lose
  const stop = (): Promise<void> => child.stop('SIGKILL');
  try {
    await controlReady(child, control);
    const file = join(bench.directory, `${name}.img`);
    await ensureFile(file, bench.sizeBytes);
    const admin = (...args: string[]): Promise<string> =>
      execute('tgtadm', [...control, '--lld', 'iscsi', '--tid', '1', ...args]);
    await admin('--mode', 'target', '--op', 'new', '--targetname', iqn);
    const unit = ['--mode', 'logicalunit', '--op', 'new', '--lun', '1', '--bstype', store];
    await admin(...unit, '--backing-store', file, ...(direct ? ['--bsoflags', 'direct'] : []));
    const update = ['--mode', 'target', '--op', 'update'];
    await admin(...update, '-n', 'MaxRecvDataSegmentLength', '-v', String(SEGMENT_BYTES));
    await admin('--mode', 'target', '--op', 'bind', '--initiator-address', 'ALL');
  } catch (error) {
    await stop();
    throw error;
  }
  const url = `iscsi://${portal}/${iqn}/1`;
  return { name, url, pid: child.pid, stop };
}

async function controlReady(child: Child, control: readonly string[]): Promise<void> {
  for (let attempt = 0; attempt < CONTROL_TRIES; attempt++) {
    if (child.pid > 0 && !child.running) break;
    try {
      await execute('tgtadm', [...control, '--mode', 'system', '--op', 'show']);
      return;
    } catch (error) {
      if (error instanceof Failure && error.kind === 'notFound') throw error;
      await sleep(CONTROL_PAUSE_MS);
    }
  }
  throw new Failure('unreachable', 'tgtd does not answer on its control port');
}

async function ensureFile(file: string, sizeBytes: number): Promise<void> {
  if (!existsSync(file)) await execute('fallocate', ['-l', String(sizeBytes), file]);
}

export interface HawserOptions {
  readonly name: string;
  readonly disk: 'file' | 'memory';
  readonly index: number;
}

/** Room for labels and catalogue next to the partition. */
const OVERHEAD_BYTES = 64 * 1024 * 1024;

export async function startHawser(bench: Workbench, options: HawserOptions): Promise<Contestant> {
  const { name, index } = options;
  const port = bench.basePort + index;
  const iqn = `iqn.2026-11.io.hawser:${name}`;
  const directory = join(bench.directory, name);
  mkdirSync(directory, { recursive: true });
  const config = join(directory, 'target.yaml');
  writeFileSync(config, hawserConfig(bench, options, { iqn, directory, port }));
  const log = join(bench.directory, `${name}.log`);
  const child = new Child(name, bench.hawser, ['target', '--config', config], log);
  try {
    await child.line((line) => line.startsWith('ready '), READY_MS_MAX);
  } catch (error) {
    await child.stop();
    throw error;
  }
  const url = `iscsi://127.0.0.1:${port}/${iqn}/0`;
  return { name, url, pid: child.pid, stop: () => child.stop() };
}

function hawserConfig(
  bench: Workbench,
  options: HawserOptions,
  place: { iqn: string; directory: string; port: number },
): string {
  const mib = Math.ceil((bench.sizeBytes + OVERHEAD_BYTES) / 2 ** 20);
  const image = join(bench.directory, `${options.name}.img`);
  const disk =
    options.disk === 'file' ? `{ path: ${image}, size: ${mib}MiB }` : `{ memory: ${mib}MiB }`;
  const sizeMib = Math.floor(bench.sizeBytes / 2 ** 20);
  const rights = 'lun: 0, shared: cluster, hosts: { "*": rw }';
  return [
    `iqn: ${place.iqn}`,
    `state: ${place.directory}/state`,
    `listen: ["127.0.0.1:${place.port}"]`,
    `admin: { listen: "127.0.0.1:${place.port + 100}" }`,
    'array:',
    '  layout: linear',
    '  disks:',
    `    - ${disk}`,
    'partitions:',
    `  bench: { size: ${sizeMib}MiB, ${rights} }`,
    '',
  ].join('\n');
}
