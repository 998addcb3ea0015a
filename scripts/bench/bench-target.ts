/**
 * Compares `hawser target` with tgtd on the same disk: every server keeps running, all are visited
 * in turn, round after round, and ratios are taken within a round, because other work on the
 * machine moves all figures of a round alike.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ExitCode, Failure, MIB } from '../../lib/base/index.ts';
import { columns, formatReport, reportOn } from './bench-report.ts';
import { startHawser, startTgtd } from './contestants.ts';
import type { Contestant, Workbench } from './contestants.ts';
import { fillDevice } from './fill-device.ts';
import { prepareFio, runFio } from './fio.ts';
import { runIscsiPerf } from './iscsi-perf.ts';
import { spreadOf } from './measurement.ts';
import type { Measurement } from './measurement.ts';
import { cpuSeconds } from './process-usage.ts';
import { runBench } from './run-bench.ts';
import { DIGEST_PARAMETERS, workloads } from './workloads.ts';
import type { Workload } from './workloads.ts';

const HELP = `usage: scripts/bench-target [options]
  --work DIR        disks and logs (default ./var/bench)
  --size MIB        size of each disk (default 2048)
  --rounds N        visits to every server (default 7)
  --seconds S       length of each visit (default 1)
  --only NAME,...   workloads: ${workloads.map(({ name }) => name).join(' ')}
  --port N          first of the ports used (default 14100)
  --json FILE       result with every run (default <work>/bench-target.json)
  --smoke           seconds instead of minutes: does it all work?
  --strict          exit 1 where a floor is missed; without it only where I/Os failed
`;

interface Options {
  readonly bench: Workbench;
  readonly rounds: number;
  readonly seconds: number;
  readonly workloads: readonly Workload[];
  readonly jsonFile: string;
  readonly strict: boolean;
  readonly warmUp: boolean;
}

const root = resolve(import.meta.dirname, '../../..');
const out = (text: string): boolean => process.stdout.write(`${text}\n`);
const talk = (text: string): boolean => process.stderr.write(`${text}\n`);

function readOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      work: { type: 'string', default: join(root, 'var/bench') },
      size: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      port: { type: 'string', default: '14100' },
      json: { type: 'string' },
      smoke: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const directory = resolve(values.work, values.smoke ? 'smoke' : '.');
  const sizeBytes = numberOf('size', values.size, values.smoke ? 64 : 2048) * MIB;
  const basePort = numberOf('port', values.port, 0);
  return {
    bench: { directory, sizeBytes, basePort, hawser: join(root, 'bin/hawser') },
    rounds: numberOf('rounds', values.rounds, values.smoke ? 1 : 7),
    seconds: numberOf('seconds', values.seconds, values.smoke ? 0.2 : 1),
    workloads: chosen(values.only),
    jsonFile: values.json ?? join(directory, 'bench-target.json'),
    strict: values.strict,
    warmUp: !values.smoke,
  };
}

function numberOf(name: string, text: string | undefined, absent: number): number {
  const value = text === undefined ? absent : Number(text);
  if (value > 0) return value;
  throw new Failure('usage', `--${name} ${text}: expected a number above 0`);
}

function chosen(only: string | undefined): readonly Workload[] {
  if (only === undefined) return workloads;
  return only.split(',').map((name) => {
    const workload = workloads.find((candidate) => candidate.name === name);
    if (workload !== undefined) return workload;
    throw new Failure('usage', `--only ${name}: there is no such workload; see --help`);
  });
}

type Starter = (bench: Workbench) => Promise<Contestant>;

const tgtd =
  (name: string, store: string, index: number): Starter =>
  (bench) =>
    // its other stores refuse the flag: aio is direct by itself
    startTgtd(bench, { name, store, direct: store === 'rdwr', index });
const hawser =
  (name: string, disk: 'file' | 'memory', index: number): Starter =>
  (bench) =>
    startHawser(bench, { name, disk, index });

const starters: Readonly<Record<string, Starter>> = {
  'tgt-rdwr': tgtd('tgt-rdwr', 'rdwr', 0),
  'tgt-aio': tgtd('tgt-aio', 'aio', 1),
  'tgt-null': tgtd('tgt-null', 'null', 2),
  hawser: hawser('hawser', 'file', 3),
  'hawser-memory': hawser('hawser-memory', 'memory', 4),
};
const RAW_DISK = 'fio';
const DIGEST_SUFFIX = '+digests';
const WITHOUT_DATA = ['tgt-null', 'hawser-memory'];

const serverOf = (contestant: string): string => contestant.replace(DIGEST_SUFFIX, '');

async function startAll(options: Options, started: Map<string, Contestant>): Promise<void> {
  const { bench } = options;
  const names = new Set(options.workloads.flatMap(({ contestants }) => contestants.map(serverOf)));
  if (names.has(RAW_DISK)) await prepareFio(bench.directory, bench.sizeBytes);
  for (const name of names) {
    if (name === RAW_DISK) continue;
    talk(`starting ${name}`);
    const contestant = await starters[name]!(bench);
    started.set(name, contestant);
    if (WITHOUT_DATA.includes(name)) continue;
    await fillDevice(contestant.url, join(bench.directory, `${name}.filled-${bench.sizeBytes}`));
  }
}

async function visit(
  options: Options,
  workload: Workload,
  about: { contestant: string; round: number; server: Contestant | undefined },
): Promise<Measurement> {
  const { contestant, round, server } = about;
  const common = { workload: workload.name, contestant, round };
  const { seconds, bench } = options;
  if (server === undefined) {
    const { sizeBytes } = bench;
    const raw = await runFio(bench.directory, workload, { sizeBytes, seconds });
    const unknown = { serverCpuUsPerOperation: null, clientCpuUsPerOperation: null, maxUs: null };
    return { ...common, ...raw, ...unknown, errors: 0 };
  }
  const { op, blockSizeBytes, depth, connections } = workload;
  const parameters = contestant.endsWith(DIGEST_SUFFIX) ? DIGEST_PARAMETERS : '';
  const rangeBytes = bench.sizeBytes;
  const cpu = cpuSeconds(server.pid);
  const result = await runBench({
    ...{ op, blockSizeBytes, depth, connections, seconds, rangeBytes, seed: round },
    ...{ url: `${server.url}${parameters}`, warmUpSeconds: seconds / 10 },
  });
  const spentUs = (cpuSeconds(server.pid) - cpu) * 1e6;
  const { latencyUs, errors, firstError } = result;
  if (errors > 0) talk(`${workload.name} ${contestant}: ${errors} errors: ${firstError}`);
  return {
    ...common,
    iops: result.iops,
    mbPerSecond: result.mbPerSecond,
    p50Us: latencyUs.p50,
    p99Us: latencyUs.p99,
    maxUs: latencyUs.max,
    errors,
    serverCpuUsPerOperation: spentUs / result.operationsInAll,
    clientCpuUsPerOperation: result.clientCpuUsPerOperation,
  };
}

async function measureAll(
  options: Options,
  started: ReadonlyMap<string, Contestant>,
): Promise<Measurement[]> {
  const runs: Measurement[] = [];
  // round 0 warms up compilers and caches of all, and doesn't count
  for (let round = options.warmUp ? 0 : 1; round <= options.rounds; round++) {
    for (const workload of options.workloads) {
      for (const contestant of rotated(workload.contestants, round)) {
        const server = started.get(serverOf(contestant));
        const run = await visit(options, workload, { contestant, round, server });
        if (round > 0) runs.push(run);
        talk(describeRun(run));
      }
    }
  }
  return runs;
}

function describeRun(run: Measurement): string {
  const cpu = run.serverCpuUsPerOperation?.toFixed(1) ?? '-';
  const figures = `${run.iops.toFixed(0)} IOPS, p99 ${run.p99Us.toFixed(0)} us, CPU ${cpu} us`;
  return `round ${run.round} ${run.workload} ${run.contestant}: ${figures}`;
}

/** Nobody is always first. */
const rotated = <T>(items: readonly T[], by: number): T[] => {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
};

interface CrossCheck {
  readonly contestant: string;
  readonly iops: readonly number[];
}

/** The second opinion: libiscsi's load generator, as many rounds. */
async function crossCheck(
  options: Options,
  started: ReadonlyMap<string, Contestant>,
): Promise<CrossCheck[]> {
  const load = { blockSizeBytes: 4096, depth: 32, seconds: options.seconds };
  const checks = [...started.values()].map((server) => ({ server, iops: [] as number[] }));
  for (let round = 1; round <= Math.min(options.rounds, 3); round++) {
    for (const check of checks) check.iops.push(await runIscsiPerf(check.server.url, load));
  }
  return checks.map(({ server, iops }) => ({ contestant: server.name, iops }));
}

function formatCrossCheck(checks: readonly CrossCheck[]): string {
  const rows = checks.map(({ contestant, iops }) => {
    const { median, min, max } = spreadOf(iops);
    return [contestant, median.toFixed(0), min.toFixed(0), max.toFixed(0)];
  });
  const title = '4 KiB random read, depth 32, by iscsi-perf';
  return [title, ...columns([['', 'IOPS', 'min', 'max'], ...rows]), ''].join('\n');
}

function environment(): object {
  const tgtd = execFileSync('tgtd', ['--version'], { encoding: 'utf8' }).trim();
  const kernel = execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim();
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
    memoryBytes: totalmem(),
    kernel,
    node: process.version,
    tgtd,
  };
}

async function compare(options: Options): Promise<number> {
  mkdirSync(options.bench.directory, { recursive: true });
  const started = new Map<string, Contestant>();
  try {
    await startAll(options, started);
    const runs = await measureAll(options, started);
    const checks = await crossCheck(options, started);
    const reports = options.workloads.map((workload) => reportOn(workload, runs));
    const { rounds, seconds } = options;
    const result = {
      environment: environment(),
      rounds,
      seconds,
      reports,
      crossCheck: checks,
      runs,
    };
    writeFileSync(options.jsonFile, `${JSON.stringify(result, null, 2)}\n`);
    for (const report of reports) out(formatReport(report));
    out(formatCrossCheck(checks));
    talk(`every run is in ${options.jsonFile}`);
    const missed = reports.some((report) => report.missed.length > 0);
    const failed = runs.some(({ errors }) => errors > 0);
    return failed || (options.strict && missed) ? ExitCode.unexpected : ExitCode.done;
  } finally {
    for (const contestant of started.values()) await contestant.stop();
  }
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options !== null) return compare(options);
  out(HELP);
  return ExitCode.done;
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    talk(error instanceof Error ? error.message : String(error));
    process.exitCode = error instanceof Failure ? error.exitCode : ExitCode.unexpected;
  },
);
