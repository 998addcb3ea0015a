/** Memory of an idle `hawser target`, and what a thousand idle sessions add to it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ExitCode, Failure, MIB } from '../../lib/base/index.ts';
import type { InitiatorSession } from '../../lib/initiator/index.ts';
import { Initiator } from '../../lib/transport/index.ts';
import { sleep } from './child-process.ts';
import { startHawser } from './contestants.ts';
import { cpuSeconds, residentBytes } from './process-usage.ts';

const HELP = `usage: scripts/bench-idle [options]
  --work DIR      disks and logs (default ./var/bench)
  --sessions N    idle sessions (default 1000)
  --settle S      seconds of rest before each reading (default 5)
  --port N        port used (default 14300)
  --json FILE     result (default <work>/bench-idle.json)
  --strict        exit 1 where a limit is exceeded
`;

/** Most that an idle server may take, and that the sessions may add. */
const IDLE_BYTES_MAX = 100 * MIB;
const SESSIONS_BYTES_MAX = 60 * MIB;
const DISK_BYTES = 64 * MIB;
/** Logins under way at once. */
const LOGINS_AT_ONCE = 16;

const root = resolve(import.meta.dirname, '../../..');

interface Reading {
  readonly residentBytes: number;
  /** CPU spent while nothing was asked, seconds a second. */
  readonly cpuShare: number;
}

async function readAfter(pid: number, settleSeconds: number): Promise<Reading> {
  await sleep(settleSeconds * 500);
  const before = cpuSeconds(pid);
  await sleep(settleSeconds * 500);
  const cpuShare = (cpuSeconds(pid) - before) / (settleSeconds / 2);
  return { residentBytes: residentBytes(pid), cpuShare };
}

async function openSessions(url: string, count: number): Promise<InitiatorSession[]> {
  const sessions: InitiatorSession[] = [];
  let started = 0;
  const opener = async (): Promise<void> => {
    while (started < count) {
      started++;
      sessions.push(await Initiator.session(url));
    }
  };
  await Promise.all(Array.from({ length: LOGINS_AT_ONCE }, opener));
  return sessions;
}

async function measure(options: {
  directory: string;
  sessions: number;
  settleSeconds: number;
  port: number;
}): Promise<{ idle: Reading; loaded: Reading; alive: number }> {
  const { directory, sessions, settleSeconds, port } = options;
  mkdirSync(directory, { recursive: true });
  const server = await startHawser(
    { directory, sizeBytes: DISK_BYTES, basePort: port, hawser: join(root, 'bin/hawser') },
    { name: 'hawser-idle', disk: 'file', index: 0 },
  );
  try {
    const idle = await readAfter(server.pid, settleSeconds);
    const open = await openSessions(server.url, sessions);
    const loaded = await readAfter(server.pid, settleSeconds);
    const alive = open.filter(({ state }) => state === 'ready').length;
    for (const session of open) session.drop('measured');
    return { idle, loaded, alive };
  } finally {
    await server.stop();
  }
}

const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;

function line(what: string, { residentBytes: bytes, cpuShare }: Reading, max: number): string {
  const cpu = `${(cpuShare * 100).toFixed(1)} % of a CPU`;
  return `${what}: ${mib(bytes)} (at most ${mib(max)}), ${cpu}\n`;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      work: { type: 'string', default: join(root, 'var/bench') },
      sessions: { type: 'string', default: '1000' },
      settle: { type: 'string', default: '5' },
      port: { type: 'string', default: '14300' },
      json: { type: 'string' },
      strict: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return ExitCode.done;
  }
  const directory = resolve(values.work);
  const sessions = Number(values.sessions);
  const settleSeconds = Number(values.settle);
  const result = await measure({ directory, sessions, settleSeconds, port: Number(values.port) });
  const { idle, loaded, alive } = result;
  const addedBytes = loaded.residentBytes - idle.residentBytes;
  const within =
    idle.residentBytes <= IDLE_BYTES_MAX && addedBytes <= SESSIONS_BYTES_MAX && alive === sessions;
  const added = { ...loaded, residentBytes: addedBytes };
  process.stdout.write(line('idle server', idle, IDLE_BYTES_MAX));
  const what = `added by ${alive} of ${sessions} idle sessions`;
  process.stdout.write(line(what, added, SESSIONS_BYTES_MAX));
  const json = values.json ?? join(directory, 'bench-idle.json');
  writeFileSync(
    json,
    `${JSON.stringify({ sessions, alive, idle, loaded, addedBytes }, null, 2)}\n`,
  );
  return values.strict && !within ? ExitCode.unexpected : ExitCode.done;
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof Failure ? error.exitCode : ExitCode.unexpected;
  },
);
