/** Looks for what is not as it should be, and says for each how to mend it. */
import { accessSync, constants, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parsePortalAddress, isWildcardHost } from '../../discovery/index.ts';
import type { FindingEntry } from '../entries.ts';
import type { ServerParts } from './server-parts.ts';
import type { ServerSettings } from './settings.ts';
import { isOpen, partitionsOf } from './show.ts';

export interface DoctorOptions {
  readonly parts: ServerParts;
  readonly settings: ServerSettings;
  /** Why the disks are read as they are; empty: nothing to say. */
  readonly engineNote: string;
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
  checkSpace,
  checkStateDirectory,
  checkAccess,
  checkSuspended,
  checkPortals,
  checkIsns,
  checkEngine,
];

export const examineServer = (options: DoctorOptions): FindingEntry[] =>
  checks.flatMap((check) => check(options));

function checkArray({ parts }: DoctorOptions): FindingEntry[] {
  const { holder } = parts;
  if (!holder.isServed) {
    return [
      error('array', holder.reason, 'hawser array status; then bring back the disk it names'),
    ];
  }
  const { failure, volatile, members } = holder.array.status();
  if (failure !== null) {
    return [error('array', failure, 'replace or reconnect the disk, then restart the server')];
  }
  const findings = members
    .filter(({ ioErrors }) => ioErrors > 0)
    .map(({ path, ioErrors }) =>
      warning('array', `disk ${path}: ${ioErrors} I/O error(s)`, `check it: smartctl -a ${path}`),
    );
  if (volatile) {
    findings.push(
      warning('array', 'a disk is memory: it is empty after a restart', 'use files or devices'),
    );
  }
  return findings.length > 0 ? findings : [well('array', `${members.length} disk(s) online`)];
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
  const findings = partitionsOf(parts).flatMap(({ name, hosts }) =>
    hosts
      .filter(({ host, suspended }) => !suspended && isOpen(parts, host))
      .map(({ host }) => openFinding(name, host)),
  );
  return findings.length > 0 ? findings : [well('access', 'every host proves itself')];
}

function openFinding(partition: string, host: string): FindingEntry {
  if (host === '*') {
    const remedy = `hawser partition unassign ${partition} '*'`;
    return warning('access', `partition ${partition} is open to any host`, remedy);
  }
  const found = `partition ${partition}: host ${host} is let in by its name alone`;
  return warning('access', found, `hawser host update ${host} --new-secret`);
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
