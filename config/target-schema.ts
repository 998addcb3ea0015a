/** target.yaml, key by key. */
import { KIB, MIB } from '../lib/base/index.ts';
import { CHAP_ALGORITHMS, LUN_MAX } from './bounds.ts';
import { leaf, listOf, mapByName, optionalSection, section, sensitiveSection } from './fields.ts';
import type { Fields, MapOf } from './fields.ts';
import { parseAddress } from './formats.ts';

const TIMEOUT_MS_MAX = 600_000;

const timeout = (doc: string, value: string) =>
  leaf('duration', { doc, min: 100, max: TIMEOUT_MS_MAX, default: value });

const credentials = (doc: string) =>
  sensitiveSection(doc, {
    user: leaf('text', { doc: 'CHAP name' }),
    secretFile: leaf('text', {
      doc: 'file with the secret, relative to this file, not readable by everybody',
      default: undefined,
    }),
    secret: leaf('text', {
      doc: 'the secret itself; meant for ${ENV}',
      default: undefined,
      sensitive: true,
    }),
  });

const addressMap: MapOf = {
  kind: 'map',
  doc: 'listen address: address told to hosts, where they differ',
  of: leaf('address', { doc: 'address told to hosts' }),
  keyExpected: 'an address of `listen`',
  keyAccepts: (key) => parseAddress(key) !== undefined,
};

const admin = section('administration: HTTP API, metrics, console', {
  listen: leaf('address', { doc: 'address of the API', default: '127.0.0.1:3280' }),
  token: leaf('text', { doc: 'bearer token of the API', default: undefined, sensitive: true }),
  insecure: leaf('switch', {
    doc: 'true: plain HTTP also where the address is not loopback',
    default: false,
  }),
  names: leaf('texts', { doc: 'further names by which the API may be called', default: [] }),
  tls: optionalSection('certificate of the API', {
    certFile: leaf('text', { doc: 'PEM certificate chain, relative to this file' }),
    keyFile: leaf('text', { doc: 'PEM private key, relative to this file' }),
  }),
});

const disk = section('a disk: a file, a block device, or memory', {
  path: leaf('text', { doc: 'file or block device', default: undefined }),
  size: leaf('size', { doc: 'length of a file that is made when absent', default: undefined }),
  sparse: leaf('switch', { doc: 'true: make the file without allocating it', default: undefined }),
  memory: leaf('size', { doc: 'size of a volatile disk in memory', default: undefined }),
  initialize: leaf('initialize', {
    doc: 'true: take the disk although it holds something else; a disk of an array by its UUID',
    default: false,
  }),
});

const array = section('the disk array', {
  layout: leaf('choice', {
    doc: 'how data lies on the disks',
    choices: ['linear', 'stripe', 'mirror'],
    default: 'linear',
    reload: false,
  }),
  chunk: leaf('chunk', {
    doc: 'bytes on one disk before the next one follows (stripe)',
    min: 4 * KIB,
    max: MIB,
    default: '64KiB',
    reload: false,
  }),
  disks: listOf('the disks, in any order: their labels know it', disk),
});

const io = section('how disks are read and written', {
  engine: leaf('choice', {
    doc: 'auto takes io_uring where the kernel lets it',
    choices: ['io_uring', 'threads', 'auto'],
    default: 'auto',
    reload: false,
  }),
  direct: leaf('switch', { doc: 'O_DIRECT: past the page cache', default: true, reload: false }),
  writeCache: leaf('choice', {
    doc: 'off: a write is answered when it is durable',
    choices: ['on', 'off'],
    default: 'on',
    reload: false,
  }),
  spin: leaf('switch', {
    doc: 'spin for up to 100 microseconds instead of sleeping, while little is under way',
    default: true,
    reload: false,
  }),
});

const host = section('a host that may log in', {
  iqn: leaf('iscsiName', { doc: 'its initiator name' }),
  chap: credentials('what the host proves itself with'),
  mutual: credentials('what this server proves itself to the host with'),
});

const partition = section('a partition of the array', {
  size: leaf('size', { doc: 'capacity', min: MIB }),
  lun: leaf('whole', {
    doc: 'LUN number, for all hosts',
    min: 0,
    max: LUN_MAX,
    default: undefined,
  }),
  blockSize: leaf('choice', {
    doc: 'logical block; left out: 512, or what the disks demand',
    choices: [512, 4096],
    default: undefined,
  }),
  shared: leaf('choice', {
    doc: 'cluster: several hosts may write, their file system knows how to',
    choices: ['cluster'],
    default: undefined,
  }),
  hosts: mapByName(
    'host: rights; "*" is any host',
    leaf('choice', { doc: 'rights', choices: ['rw', 'ro'] }),
    '*',
  ),
});

const limits = section('limits, each with its default; they hold from the next start', {
  sessions: leaf('whole', { doc: 'sessions', min: 1, max: 65_535, default: 4096 }),
  connectionsBeforeLogin: leaf('whole', {
    doc: 'TCP connections that have not logged in',
    min: 1,
    max: 65_535,
    default: 512,
  }),
  connectionsPerSession: leaf('whole', {
    doc: 'connections of one session (MaxConnections)',
    min: 1,
    max: 64,
    default: 8,
  }),
  queueDepth: leaf('whole', {
    doc: 'commands of one session under way',
    min: 1,
    max: 1024,
    default: 128,
  }),
  maxRecvDataSegmentLength: leaf('size', {
    doc: 'longest data segment we take',
    min: 512,
    max: 16 * MIB - 1,
    default: '256KiB',
  }),
  firstBurstLength: leaf('size', {
    doc: 'most unsolicited data of a command',
    min: 512,
    max: 16 * MIB - 1,
    default: '64KiB',
  }),
  maxBurstLength: leaf('size', {
    doc: 'most data of one sequence',
    min: 512,
    max: 16 * MIB - 1,
    default: '1MiB',
  }),
  maxOutstandingR2t: leaf('whole', {
    doc: 'R2Ts of a command under way',
    min: 1,
    max: 64,
    default: 8,
  }),
  transferMemory: leaf('size', {
    doc: 'memory for data under way, all sessions together',
    min: 8 * MIB,
    default: '256MiB',
  }),
  loginTimeout: timeout('time from connect to the end of login', '15s'),
  nopInterval: timeout('silence after which a connection is asked for a sign of life', '30s'),
  nopTimeout: timeout('time for that sign', '45s'),
  abortTimeout: timeout('time for aborted commands to leave the disk', '15s'),
  drainTimeout: timeout('time for commands under way when the server stops', '10s'),
});

export const targetFields: Fields = {
  iqn: leaf('iscsiName', { doc: 'name of this target', reload: false }),
  state: leaf('text', {
    doc: 'directory for everything that must survive a restart',
    reload: false,
  }),
  listen: leaf('addresses', {
    doc: 'portals, one for each network',
    default: ['127.0.0.1:3260'],
  }),
  advertise: addressMap,
  isns: leaf('addresses', { doc: 'iSNS servers to register with', default: [], reload: false }),
  chapAlgorithms: leaf('choices', {
    doc: 'CHAP hashes that a host may choose from',
    choices: CHAP_ALGORITHMS,
    default: [...CHAP_ALGORITHMS],
    reload: false,
  }),
  admin,
  array,
  io,
  hosts: mapByName('hosts', host),
  partitions: mapByName('partitions', partition),
  limits,
  controllers: leaf('addresses', { doc: 'controllers of a virtual SAN', default: [] }),
  joinTokenFile: leaf('text', { doc: 'token to join them', default: undefined }),
  zone: leaf('text', { doc: 'what fails together', default: undefined }),
  mirrorListen: leaf('addresses', { doc: 'dedicated mirror network', default: [] }),
  pool: optionalSection('what of the array the controller may use', {
    size: leaf('size', { doc: 'size' }),
  }),
};
