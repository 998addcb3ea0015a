/** Reads target.yaml: every error of the file at once, or a typed configuration. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Failure } from '../lib/base/index.ts';
import type { DesiredHost, DesiredPartition, DesiredState, Rights } from '../lib/admin/index.ts';
import { foldIscsiName } from '../lib/iscsi/index.ts';
import { crossCheck } from './cross-checks.ts';
import { ConfigDocument } from './document.ts';
import type { Environment } from './document.ts';
import { FieldReader } from './fields.ts';
import type { Values } from './fields.ts';
import { ConfigFailure } from './problem.ts';
import { parseDuration, parseSize } from './quantity.ts';
import { readCredentials } from './secrets.ts';
import type { AdminConfig, DiskConfig, LimitsConfig, TargetConfig } from './target-config.ts';
import { targetFields } from './target-schema.ts';

/** Known, so that one file can be written for this version and the next. */
const KEYS_FOR_LATER = ['controllers', 'joinTokenFile', 'zone', 'mirrorListen', 'pool'] as const;

/** @throws ConfigFailure with everything that is wrong; Failure `notFound` without the file. */
export function loadTargetConfig(
  file: string,
  environment: Environment = process.env,
): TargetConfig {
  const path = resolve(file);
  return parseTargetConfig(path, readText(path), environment);
}

/** @param file absolute path, for messages and for what is relative to the file. */
export function parseTargetConfig(
  file: string,
  text: string,
  environment: Environment = process.env,
): TargetConfig {
  const document = new ConfigDocument(file, text, environment);
  const reader = new FieldReader(document);
  if (document.value === undefined) throw new ConfigFailure(reader.problems);
  const values = reader.section(targetFields, document.value, []);
  crossCheck(reader, values);
  const desired = desiredState(reader, dirname(file), values);
  if (reader.problems.length > 0) throw new ConfigFailure(inFileOrder(reader.problems));
  return toConfig(file, values, desired);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw new Failure('usage', `${path}: can't read the configuration file (${code})`, {
      cause: error,
    });
  }
}

const inFileOrder = <T extends { readonly line: number }>(problems: readonly T[]): T[] =>
  [...problems].sort((left, right) => left.line - right.line);

function desiredState(reader: FieldReader, directory: string, values: Values): DesiredState {
  const hosts = entries(values['hosts']).map(([name, host]): DesiredHost => {
    const read = (key: 'chap' | 'mutual') =>
      readCredentials(reader, directory, host[key] as Values | undefined, ['hosts', name, key]);
    const [chap, mutual] = [read('chap'), read('mutual')];
    const secret = chap?.secret ?? null;
    if (secret !== null && secret === mutual?.secret) {
      reader.report(['hosts', name, 'mutual'], 'a secret of its own', 'the secret of `chap`');
    }
    return { name, iqn: foldIscsiName(String(host['iqn'])), chap, mutual };
  });
  return { hosts, partitions: entries(values['partitions']).map(desiredPartition) };
}

function desiredPartition([name, values]: [string, Values]): DesiredPartition {
  return {
    name,
    sizeBytes: bytesOf(values['size']) ?? 0,
    lun: (values['lun'] as number | undefined) ?? null,
    blockSizeBytes: (values['blockSize'] as number | undefined) ?? null,
    shared: values['shared'] === 'cluster',
    hosts: Object.fromEntries(
      Object.entries(values['hosts'] as Record<string, Rights>).sort(byKey),
    ),
  };
}

const byKey = ([left]: [string, unknown], [right]: [string, unknown]): number =>
  left < right ? -1 : 1;
const entries = (map: unknown): [string, Values][] =>
  (Object.entries(map as Values) as [string, Values][]).sort(byKey);
const bytesOf = (value: unknown): number | undefined =>
  value === undefined ? undefined : parseSize(String(value));

function toConfig(file: string, values: Values, desired: DesiredState): TargetConfig {
  const directory = dirname(file);
  const array = values['array'] as Values;
  const io = values['io'] as Values;
  return {
    file,
    iqn: foldIscsiName(String(values['iqn'])),
    stateDirectory: resolve(directory, values['state'] as string),
    listen: values['listen'] as string[],
    advertise: values['advertise'] as Record<string, string>,
    isns: values['isns'] as string[],
    chapAlgorithms: values['chapAlgorithms'] as string[],
    admin: adminConfig(values['admin'] as Values, directory),
    array: {
      layout: array['layout'] as TargetConfig['array']['layout'],
      chunkBytes: bytesOf(array['chunk'])!,
      disks: (array['disks'] as Values[]).map((disk) => diskConfig(disk, directory)),
    },
    io: {
      engine: io['engine'] as TargetConfig['io']['engine'],
      direct: io['direct'] as boolean,
      writeCache: io['writeCache'] === 'on',
      spin: io['spin'] as boolean,
    },
    desired,
    limits: limitsConfig(values['limits'] as Values),
    exportedLimits: values['limits'] as Values,
    ignoredKeys: KEYS_FOR_LATER.filter((key) => isGiven(values[key])),
  };
}

const isGiven = (value: unknown): boolean =>
  value !== undefined && !(Array.isArray(value) && value.length === 0);

function adminConfig(admin: Values, directory: string): AdminConfig {
  const tls = admin['tls'] as Values | undefined;
  return {
    listen: admin['listen'] as string,
    token: admin['token'] as string | undefined,
    insecure: admin['insecure'] as boolean,
    names: admin['names'] as string[],
    tls: tls && {
      certFile: resolve(directory, tls['certFile'] as string),
      keyFile: resolve(directory, tls['keyFile'] as string),
    },
  };
}

function diskConfig(disk: Values, directory: string): DiskConfig {
  const path = disk['path'] as string | undefined;
  return {
    path: path === undefined ? undefined : resolve(directory, path),
    memoryBytes: bytesOf(disk['memory']),
    sizeBytes: bytesOf(disk['size']),
    sparse: disk['sparse'] === true,
    initialize: disk['initialize'] as boolean | string,
  };
}

function limitsConfig(limits: Values): LimitsConfig {
  const whole = (key: string) => limits[key] as number;
  const size = (key: string) => bytesOf(limits[key])!;
  const duration = (key: string) => parseDuration(String(limits[key]))!;
  return {
    sessions: whole('sessions'),
    connectionsBeforeLogin: whole('connectionsBeforeLogin'),
    connectionsPerSession: whole('connectionsPerSession'),
    queueDepth: whole('queueDepth'),
    maxRecvDataSegmentLengthBytes: size('maxRecvDataSegmentLength'),
    firstBurstLengthBytes: size('firstBurstLength'),
    maxBurstLengthBytes: size('maxBurstLength'),
    maxOutstandingR2t: whole('maxOutstandingR2t'),
    transferMemoryBytes: size('transferMemory'),
    loginMs: duration('loginTimeout'),
    nopIntervalMs: duration('nopInterval'),
    nopTimeoutMs: duration('nopTimeout'),
    abortMs: duration('abortTimeout'),
    drainMs: duration('drainTimeout'),
  };
}
