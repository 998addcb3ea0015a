/** Looks for what is not as it should be, and says for each how to mend it. */
import { accessSync, constants, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parsePortalAddress, isWildcardHost } from '../../discovery/index.ts';
import type { PartitionView } from '../../partition/index.ts';
import { ANY_HOST } from '../desired-state.ts';
import type { FindingEntry } from '../entries.ts';
import type { ServerParts } from './server-parts.ts';
import type { ServerSettings } from './settings.ts';
import { partitionsOf } from './show.ts';

export interface DoctorOptions {
  readonly parts: ServerParts;
  readonly settings: ServerSettings;
  /** Why the disks are read as they are; empty: nothing to say. */
  readonly engineNote: string;
  /** Why an array that is open isn't served; empty: it is. */
  readonly obstacle: string;
  /** Differences between the configuration file and what is. */
  readonly drift: number;
  readonly configurationFile: string | null;
}

type Check = (options: DoctorOptions) => readonly FindingEntry[];

const STATE_FREE_BYTES_MIN = 16 * 1024 * 1024;
const ARRAY_FREE_SHARE_MIN = 0.05;
const PRIVATE_BITS = 0o077;

const well = (check: string, finding: string): FindingEntry => ({
  check,
  level: 'ok',
  finding,
  remedy: '',
});

const warning = (check: string, finding: string, remedy: string): FindingEntry => ({
  check,
  level: 'warning',
  finding,
  remedy,
});

const error = (check: string, finding: string, remedy: string): FindingEntry => ({
  check,
  level: 'error',
  finding,
  remedy,
});

const checks: readonly Check[] = [
  checkArray,
  checkObstacle,
  checkDisks,
  checkSpace,
  checkStateDirectory,
  checkAccess,
  checkSuspended,
  checkPartitions,
  checkConfiguration,
  checkPortals,
  checkIsns,
  checkEngine,
];

export const examineServer = (options: DoctorOptions): FindingEntry[] =>
  checks.flatMap((check) => check(options));

function checkArray({ parts: { holder } }: DoctorOptions): FindingEntry[] {
  if (!holder.isServed) return [error('array', holder.reason, arrayRemedy(holder))];
  const { failure, volatile, members } = holder.array.status();
  if (failure !== null) {
    const found = `${failure}: flushes and changes are refused, hosts see MEDIUM ERROR`;
    const remedy = 'save its data, mend or replace the disk, then restart the server';
    return [error('array', found, remedy)];
  }
  if (!volatile) return [well('array', `${members.length} disk(s) online`)];
  const found = 'a disk is memory: it is empty after a restart';
  return [warning('array', found, 'use files or devices')];
}

function arrayRemedy({ found }: ServerParts['holder']): string {
  return found === null
    ? 'hawser array status; then bring back the disk it names, it is looked for every 5 s'
    : `hawser array import ${found.uuid}`;
}

function checkObstacle({ obstacle, configurationFile }: DoctorOptions): FindingEntry[] {
  if (obstacle === '') return [];
  const remedy = `mend ${configurationFile ?? 'the configuration'}, then kill -HUP ${process.pid}`;
  return [error('configuration', `nothing is served: ${obstacle}`, remedy)];
}

function checkDisks({ parts: { holder } }: DoctorOptions): FindingEntry[] {
  if (!holder.isServed) return [];
  return holder.array.status().members.flatMap(({ path, ioErrors, failure }) => {
    const remedy = `check it: smartctl -a ${path}`;
    if (failure !== null) return [error('disk', failure, remedy)];
    return ioErrors === 0 ? [] : [warning('disk', `${path}: ${ioErrors} I/O error(s)`, remedy)];
  });
}

function checkSpace({ parts: { holder } }: DoctorOptions): FindingEntry[] {
  if (!holder.isServed) return [];
  const { freeBytes, totalBytes } = holder.array.status();
  const percent = Math.round((100 * freeBytes) / totalBytes);
  if (freeBytes >= totalBytes * ARRAY_FREE_SHARE_MIN) {
    return [well('space', `${percent} % of the array is free`)];
  }
  const remedy = 'delete a partition, or add a disk to a linear array';
  return [warning('space', `${percent} % of the array is free`, remedy)];
}

function checkStateDirectory({ settings: { stateDirectory } }: DoctorOptions): FindingEntry[] {
  const check = 'state';
  try {
    accessSync(stateDirectory, constants.W_OK);
    const mode = statSync(stateDirectory).mode & PRIVATE_BITS;
    const { bavail, bsize } = statfsSync(stateDirectory);
    if (bavail * bsize < STATE_FREE_BYTES_MIN) {
      const found = `the file system of ${stateDirectory} is nearly full`;
      return [error(check, found, 'free some space: changes are refused without it')];
    }
    if (mode !== 0) {
      const found = `${stateDirectory} can be read by others; it holds secrets`;
      return [warning(check, found, `chmod 700 ${stateDirectory}`)];
    }
    return [well(check, `${join(stateDirectory, 'hosts.json')} is private and can be written`)];
  } catch (cause) {
    const found = `${stateDirectory}: ${(cause as Error).message}`;
    return [error(check, found, 'give the server write permission on it')];
  }
}

function checkAccess({ parts }: DoctorOptions): FindingEntry[] {
  const partitions = partitionsOf(parts).filter(({ hosts }) =>
    hosts.some(({ host, suspended }) => host === ANY_HOST && !suspended),
  );
  const hosts = parts.hosts.hosts.filter(({ chap }) => chap === null);
  const findings = [
    ...partitions.map(({ name }) => openPartition(name)),
    ...hosts.map(({ name }) => openHost(name, partitionsOf(parts))),
  ];
  return findings.length > 0 ? findings : [well('access', 'every host proves itself')];
}

const openPartition = (name: string): FindingEntry =>
  warning(
    'access',
    `partition ${name} is open to any host`,
    `hawser partition unassign ${name} '*'`,
  );

function openHost(name: string, partitions: readonly PartitionView[]): FindingEntry {
  const seen = partitions
    .filter(({ hosts }) => hosts.some(({ host, suspended }) => host === name && !suspended))
    .map((partition) => partition.name);
  const found = `host ${name} is open: let in by its name alone`;
  const sees = seen.length === 0 ? '' : `, sees ${seen.join(', ')}`;
  return warning('access', found + sees, `hawser host update ${name} --new-secret`);
}

function checkSuspended({ parts }: DoctorOptions): FindingEntry[] {
  const waiting = partitionsOf(parts).filter(({ hosts }) => hosts.some((one) => one.suspended));
  const uuid = parts.holder.found?.uuid ?? '';
  return waiting.map(({ name }) =>
    warning(
      'import',
      `partition ${name}: its assignments came with the array and wait`,
      `hawser array import ${uuid} --confirm`,
    ),
  );
}

function checkPartitions({ parts }: DoctorOptions): FindingEntry[] {
  return partitionsOf(parts).flatMap(({ name, failure }) =>
    failure === null
      ? []
      : [error('partition', `${name}: ${failure}`, 'mend the disk, then restart the server')],
  );
}

function checkConfiguration({ drift, configurationFile }: DoctorOptions): FindingEntry[] {
  if (configurationFile === null) return [];
  const check = 'configuration';
  if (drift === 0) return [well(check, `${configurationFile} is what is`)];
  const found = `${drift} difference(s) between ${configurationFile} and what is`;
  return [warning(check, found, `hawser plan ${configurationFile}`)];
}

function checkPortals({ settings }: DoctorOptions): FindingEntry[] {
  const wild = settings.portals.filter(
    ({ listen, advertise }) =>
      advertise === null && isWildcardHost(parsePortalAddress(listen).host),
  );
  if (wild.length === 0) return [well('portals', `${settings.portals.length} portal(s)`)];
  return wild.map(({ listen }) =>
    warning(
      'portals',
      `${listen} listens on every network; a host is told the address that it came by`,
      'list one address for each network in `listen`',
    ),
  );
}

function checkIsns({ parts: { isns } }: DoctorOptions): FindingEntry[] {
  return isns.statuses.map(({ server, registered, failure }) => {
    if (registered) return well('iSNS', `registered with ${server}`);
    const found = `not registered with ${server}${failure === '' ? '' : `: ${failure}`}`;
    return warning('iSNS', found, 'start that server, or take it out of `isns`');
  });
}

function checkEngine({ engineNote }: DoctorOptions): FindingEntry[] {
  if (engineNote === '') return [well('I/O engine', 'as configured')];
  const remedy =
    'allow io_uring (kernel.io_uring_disabled, container profile), or io.engine: threads';
  return [warning('I/O engine', engineNote, remedy)];
}
