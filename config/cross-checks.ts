/** What can only be judged by looking at several keys together. */
import { foldIscsiName } from '../lib/iscsi/index.ts';
import { isLoopbackHost, parseAddress } from './formats.ts';
import { parseSize } from './quantity.ts';
import type { FieldReader, Values } from './fields.ts';
import type { KeyPath } from './document.ts';

const ANY_HOST = '*';
const CLUSTER_EXPECTED =
  '`shared: cluster` where more than one host may write: ' +
  'two hosts that mount one ordinary file system destroy it';

/** Values as the reader left them; keys that were wrong are absent or null. */
export function crossCheck(reader: FieldReader, values: Values): void {
  checkPortals(reader, values);
  checkAdmin(reader, values['admin'] as Values);
  checkArray(reader, values['array'] as Values);
  checkHosts(reader, values['hosts'] as Values);
  checkPartitions(reader, values);
  checkLimits(reader, values['limits'] as Values);
}

function checkPortals(reader: FieldReader, values: Values): void {
  const listen = values['listen'];
  if (!Array.isArray(listen)) return;
  if (listen.length === 0) reader.report(['listen'], 'at least one address', 'an empty list');
  reportTwins(
    reader,
    listen.map((address, index) => [address, ['listen', index]]),
  );
  for (const address of Object.keys(values['advertise'] as Values)) {
    if (listen.includes(address)) continue;
    reader.report(['advertise', address], 'an address of `listen`', JSON.stringify(address));
  }
}

function checkAdmin(reader: FieldReader, admin: Values): void {
  const address = typeof admin['listen'] === 'string' ? parseAddress(admin['listen']) : undefined;
  if (address === undefined || isLoopbackHost(address.host)) return;
  const found = `none with ${admin['listen'] as string}, which is not loopback`;
  if (admin['token'] === undefined) {
    reader.report(['admin', 'token'], 'a token where others can reach the API', found);
  }
  if (admin['tls'] === undefined && admin['insecure'] !== true) {
    const expected = 'a certificate, or `insecure: true` to go without';
    reader.report(['admin', 'tls'], expected, found);
  }
}

function checkArray(reader: FieldReader, { layout, disks }: Values): void {
  if (layout === 'mirror') {
    reader.report(['array', 'layout'], 'linear or stripe', 'mirror, which this version has not');
  }
  checkDisks(reader, disks as Values[]);
}

function checkDisks(reader: FieldReader, disks: readonly Values[]): void {
  const path = ['array', 'disks'];
  if (disks.length === 0) reader.report(path, 'at least one disk', 'none');
  const volatile = disks.findIndex((disk) => disk['memory'] !== undefined);
  const isLasting = (disk: Values): boolean =>
    disk['path'] !== undefined && disk['memory'] === undefined;
  if (volatile >= 0 && disks.some(isLasting)) {
    const expected = 'only `path`, or only `memory`: an array is as lasting as its least disk';
    reader.report([...path, volatile], expected, 'both');
  }
  for (const [index, disk] of disks.entries()) checkDisk(reader, disk, [...path, index]);
  const paths = disks.map((disk, index) => [disk['path'], [...path, index, 'path']] as const);
  reportTwins(
    reader,
    paths.filter(([value]) => typeof value === 'string'),
  );
}

function checkDisk(reader: FieldReader, disk: Values, path: KeyPath): void {
  const hasPath = disk['path'] !== undefined;
  const hasMemory = disk['memory'] !== undefined;
  if (hasPath === hasMemory) {
    reader.report(path, 'either `path` or `memory`', hasPath ? 'both' : 'neither');
  }
  for (const key of ['size', 'sparse']) {
    if (!hasMemory || disk[key] === undefined) continue;
    reader.report([...path, key], 'no such key beside `memory`', String(disk[key]));
  }
}

function checkHosts(reader: FieldReader, hosts: Values): void {
  const names: [unknown, KeyPath][] = [];
  for (const [name, value] of Object.entries(hosts)) {
    const { iqn, chap, mutual } = value as Values;
    const path = ['hosts', name];
    if (typeof iqn === 'string') names.push([foldIscsiName(iqn), [...path, 'iqn']]);
    if (mutual === undefined || chap !== undefined) continue;
    reader.report([...path, 'mutual'], '`chap` beside `mutual`', 'no `chap`');
  }
  reportTwins(reader, names);
}

function checkPartitions(reader: FieldReader, values: Values): void {
  const partitions = Object.entries(values['partitions'] as Values) as [string, Values][];
  const luns = partitions.map(
    ([name, { lun }]) => [lun, ['partitions', name, 'lun']] as [unknown, KeyPath],
  );
  reportTwins(
    reader,
    luns.filter(([lun]) => typeof lun === 'number'),
  );
  for (const [name, partition] of partitions) {
    checkWholeBlocks(reader, partition, name);
    checkAssignments(reader, partition, Object.keys(values['hosts'] as Values), name);
  }
}

const BLOCK_BYTES_MIN = 512;

function checkWholeBlocks(reader: FieldReader, { size, blockSize }: Values, name: string): void {
  const bytes = parseSize(String(size));
  const block = typeof blockSize === 'number' ? blockSize : BLOCK_BYTES_MIN;
  if (bytes === undefined || bytes % block === 0) return;
  const expected = `whole blocks of ${block} bytes`;
  reader.report(['partitions', name, 'size'], expected, `${String(size)} (${bytes} bytes)`);
}

function checkAssignments(
  reader: FieldReader,
  partition: Values,
  known: readonly string[],
  name: string,
): void {
  const path = ['partitions', name, 'hosts'];
  const hosts = partition['hosts'] as Values;
  for (const host of Object.keys(hosts)) {
    if (host === ANY_HOST || known.includes(host)) continue;
    reader.report([...path, host], 'a host of `hosts`', JSON.stringify(host));
  }
  const writers = Object.keys(hosts).filter((host) => hosts[host] === 'rw');
  const several = writers.length > 1 || writers.includes(ANY_HOST);
  if (several && partition['shared'] !== 'cluster') {
    reader.report(path, CLUSTER_EXPECTED, `rw for ${writers.join(', ')}`);
  }
}

function checkLimits(reader: FieldReader, limits: Values): void {
  const first = parseSize(String(limits['firstBurstLength']));
  const max = parseSize(String(limits['maxBurstLength']));
  if (first === undefined || max === undefined || first <= max) return;
  const found = String(limits['firstBurstLength']);
  reader.report(['limits', 'firstBurstLength'], 'no more than `maxBurstLength`', found);
}

/** Every value that stands a second time. */
function reportTwins(reader: FieldReader, entries: readonly (readonly [unknown, KeyPath])[]): void {
  const seen = new Set<unknown>();
  for (const [value, path] of entries) {
    if (seen.has(value)) reader.report(path, 'a value of its own', `${String(value)} twice`);
    seen.add(value);
  }
}
