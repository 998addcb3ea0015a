/** Shapes that several routes take or give; they mirror entries.ts and desired-state.ts. */
import { NAME_PATTERN } from '../desired-state.ts';
import { choice, flag, list, object, orNull, text, whole } from './route.ts';

const LUN_MAX = 16_383;
const SECRET_BYTES_MIN = 12;
const SECRET_BYTES_MAX = 255;

export const name = { type: 'string', pattern: NAME_PATTERN } as const;
export const iscsiName = { type: 'string', minLength: 5, maxLength: 223 } as const;
export const rights = choice('rw', 'ro');
export const lun = { type: 'integer', minimum: 0, maximum: LUN_MAX } as const;
export const size = { type: 'integer', minimum: 1 } as const;
export const blockSize = { type: 'integer', enum: [512, 4096] } as const;
const secret = {
  type: 'string',
  minLength: SECRET_BYTES_MIN,
  maxLength: SECRET_BYTES_MAX,
  pattern: '^[^\\r\\n]*$',
  writeOnly: true,
} as const;
export const credentials = object(
  { user: { type: 'string', minLength: 1 }, secret: orNull(secret) },
  ['secret'],
);
export const rightsByHost = {
  type: 'object',
  additionalProperties: rights,
} as const;

export const desiredHost = object(
  { name, iqn: iscsiName, chap: orNull(credentials), mutual: orNull(credentials) },
  ['mutual'],
);
export const desiredPartition = object(
  {
    name,
    sizeBytes: size,
    lun: orNull(lun),
    blockSizeBytes: orNull(blockSize),
    shared: flag,
    hosts: rightsByHost,
  },
  ['lun', 'blockSizeBytes', 'shared', 'hosts'],
);
export const desiredState = object({
  hosts: list(desiredHost),
  partitions: list(desiredPartition),
});

export const hostEntry = object({
  name: text,
  iqn: text,
  chapUser: orNull(text),
  mutualUser: orNull(text),
  open: flag,
  partitions: list(object({ name: text, lun: whole, rights: text })),
  sessions: whole,
});

export const partitionEntry = object({
  name: text,
  uuid: text,
  lun: whole,
  sizeBytes: whole,
  blockSizeBytes: whole,
  state: choice('ready', 'zeroing', 'deleting'),
  detail: text,
  shared: flag,
  open: flag,
  assignments: list(object({ host: text, rights: text, suspended: flag })),
  connected: list(object({ tsih: whole, host: text, initiatorName: text, remoteAddress: text })),
  createdAt: text,
});

export const arrayEntry = object({
  state: choice('online', 'failed', 'unavailable'),
  detail: text,
  uuid: orNull(text),
  layout: text,
  chunkBytes: whole,
  capacityBytes: whole,
  freeBytes: whole,
  volatile: flag,
  members: list(object({ path: text, uuid: text, sizeBytes: whole, state: text, detail: text })),
});

export const sessionEntry = object({
  tsih: whole,
  host: text,
  initiatorName: text,
  isid: text,
  type: choice('normal', 'discovery'),
  authenticatedAs: orNull(text),
  since: text,
  connections: list(
    object({
      cid: whole,
      localAddress: text,
      remoteAddress: text,
      headerDigest: flag,
      dataDigest: flag,
    }),
  ),
  luns: list(whole),
  commands: whole,
  outstandingCommands: whole,
  dataInBytes: whole,
  dataOutBytes: whole,
});

export const statusEntry = object({
  role: text,
  version: text,
  iqn: text,
  serverUuid: text,
  incarnation: whole,
  pid: whole,
  startedAt: text,
  serving: flag,
  portals: list(object({ address: text, advertise: orNull(text) })),
  ioEngine: text,
  array: arrayEntry,
  hosts: whole,
  partitions: whole,
  sessions: whole,
  openHosts: list(text),
  openPartitions: list(text),
  attention: list(text),
});

export const findingEntry = object({
  check: text,
  level: choice('ok', 'warning', 'error'),
  finding: text,
  remedy: text,
});

const planValue = { type: ['string', 'integer', 'boolean', 'null'] } as const;
export const planLine = object({
  action: choice('create', 'update', 'delete', 'keep'),
  kind: choice('host', 'partition', 'assignment'),
  name: text,
  changes: list(object({ field: text, from: planValue, to: planValue })),
  note: text,
});

export const taskEntry = object({
  id: text,
  title: text,
  state: choice('running', 'done', 'failed'),
  startedAt: text,
  endedAt: orNull(text),
  result: {},
  failure: orNull(object({ code: text, message: text })),
});

export const problemSchema = object({
  type: text,
  title: text,
  status: whole,
  detail: text,
  code: text,
});
