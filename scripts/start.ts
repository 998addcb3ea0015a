/**
 * npm start: a storage server on files below ./var, a partition on it, and the proof that it works:
 * a real file goes through iSCSI and comes back the same. Stays up until Ctrl-C; the next start
 * finds what this one left.
 */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { loadTargetConfig } from '../config/index.ts';
import type { TargetConfig } from '../config/index.ts';
import { Failure } from '../lib/base/index.ts';
import { DEMO_HOST, demoConfiguration } from './cli/demo-configuration.ts';
import { generateSecret } from './cli/secret-source.ts';
import { serviceLog } from './cli/service-log.ts';
import { proveDisk } from './cli/start-proof.ts';
import { stopSignal } from './cli/stop-signal.ts';
import { packageVersion } from './cli/version.ts';
import { startTarget } from './serve-target.ts';

const PORTAL = '127.0.0.1:3260';
const ADMIN = '127.0.0.1:3280';
const PRIVATE_FILE_MODE = 0o600;
const PRIVATE_DIRECTORY_MODE = 0o700;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function start(): Promise<void> {
  const directory = resolve('var');
  const file = join(directory, 'target.yaml');
  prepare(directory, file);
  const load = (): TargetConfig => loadTargetConfig(file);
  const log = serviceLog('target', process.env['HAWSER_LOG'] ?? 'warn');
  const asked = stopSignal();
  const version = packageVersion();
  const running = await startTarget({ config: load(), load, version, log });
  process.on('SIGHUP', () => void running.reload());
  try {
    const { iqn, portals, serving, array } = running.server.status();
    if (!serving) throw new Failure('inUse', array.detail);
    const portal = portals[0]!.address;
    say(`Hawser ${version}: storage server ${iqn}`);
    say(`  portal ${portal}, API http://${running.adminAddress}, files in ${shown(directory)}`);
    await prove(`iscsi://${portal}/${iqn}/0`, load());
    tellNext(running.adminAddress);
    await asked;
    say('stopping');
  } finally {
    await running.stop();
  }
}

function prepare(directory: string, file: string): void {
  mkdirSync(directory, { recursive: true, mode: PRIVATE_DIRECTORY_MODE });
  if (existsSync(file)) return;
  const secretFile = join(directory, `${DEMO_HOST}.secret`);
  writeFileSync(secretFile, `${generateSecret()}\n`, { mode: PRIVATE_FILE_MODE });
  chmodSync(secretFile, PRIVATE_FILE_MODE);
  writeFileSync(file, demoConfiguration(PORTAL, ADMIN));
}

async function prove(url: string, { desired }: TargetConfig): Promise<void> {
  const host = desired.hosts.find(({ name }) => name === DEMO_HOST);
  const credentials = host?.chap ?? null;
  if (host === undefined || credentials === null || credentials.secret === null) {
    say(`  (var/target.yaml has no host "${DEMO_HOST}" with CHAP any more: nothing is written)`);
    return;
  }
  const chap = { user: credentials.user, secret: credentials.secret };
  for (const line of await proveDisk(url, { initiatorName: host.iqn, chap })) say(`  ${line}`);
}

function tellNext(adminAddress: string): void {
  const admin = adminAddress === '127.0.0.1:3280' ? '' : ` --admin ${adminAddress}`;
  say('Try next, in another terminal:');
  say(`  bin/hawser status${admin}`);
  say(`  bin/hawser partition list${admin}`);
  say(`  bin/hawser share create mydisk --size 64MiB --to iqn.1993-08.org.debian:01:me${admin}`);
  say('Running until Ctrl-C.');
}

const shown = (path: string): string => `./${relative('.', path)}`;

try {
  await start();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`hawser: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
