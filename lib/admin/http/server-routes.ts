import type {
  DesiredCredentials,
  DesiredHost,
  DesiredPartition,
  DesiredState,
} from '../desired-state.ts';
import type { ShareRequest, StorageServer } from '../storage/storage-server.ts';
import { flag, list, object, orNull, text } from './route.ts';
import type { ApiRoute } from './route.ts';
import {
  arrayEntry,
  blockSize,
  credentials,
  desiredState,
  findingEntry,
  hostEntry,
  iscsiName,
  lun,
  name,
  partitionEntry,
  planLine,
  size,
  statusEntry,
  taskEntry,
} from './schemas.ts';

interface ApplyBody {
  readonly desired: {
    readonly hosts: readonly (Omit<DesiredHost, 'mutual'> & Partial<DesiredHost>)[];
    readonly partitions: readonly (Pick<DesiredPartition, 'name' | 'sizeBytes'> &
      Partial<DesiredPartition>)[];
  };
  readonly prune?: boolean;
  readonly force?: boolean;
  readonly source?: string | null;
}

/** What is left out as it is meant. */
const wholeState = ({ hosts, partitions }: ApplyBody['desired']): DesiredState => ({
  hosts: hosts.map(({ name, iqn, chap, mutual }) => ({
    name,
    iqn,
    chap: wholeCredentials(chap),
    mutual: wholeCredentials(mutual),
  })),
  partitions: partitions.map((partition) => ({
    lun: null,
    blockSizeBytes: null,
    shared: false,
    hosts: {},
    ...partition,
  })),
});

const wholeCredentials = (
  given: Partial<DesiredCredentials> | null | undefined,
): DesiredCredentials | null =>
  given ? { user: given.user!, secret: given.secret ?? null } : null;

const applyBody = object(
  { desired: desiredState, prune: flag, force: flag, source: orNull(text) },
  ['prune', 'force', 'source'],
);
const newShare = object(
  {
    name,
    sizeBytes: size,
    lun,
    blockSizeBytes: blockSize,
    iqn: iscsiName,
    host: name,
    chap: orNull(credentials),
  },
  ['lun', 'blockSizeBytes', 'host'],
);

const stateRoutes = (server: StorageServer): readonly ApiRoute[] => [
  {
    method: 'GET',
    path: '/status',
    tag: 'server',
    summary: 'The server at a glance',
    answer: statusEntry,
    run: () => server.status(),
  },
  {
    method: 'GET',
    path: '/doctor',
    tag: 'server',
    summary: 'What is not as it should be, each with a line that mends it',
    answer: list(findingEntry),
    run: () => server.doctor(),
  },
  {
    method: 'GET',
    path: '/array',
    tag: 'array',
    summary: 'The disk array',
    answer: arrayEntry,
    run: () => server.array(),
  },
  {
    method: 'POST',
    path: '/array/import',
    tag: 'array',
    summary: 'Take over the array of another server, then confirm the assignments it came with',
    body: object({ uuid: text, confirm: flag }, ['confirm']),
    answer: arrayEntry,
    title: () => 'import array',
    run: ({ body }) => {
      const { uuid, confirm } = body as { uuid: string; confirm?: boolean };
      return server.importArray(uuid, { confirm: confirm ?? false });
    },
  },
];

const changeRoutes = (server: StorageServer): readonly ApiRoute[] => [
  {
    method: 'POST',
    path: '/plan',
    tag: 'configuration',
    summary: 'What apply would do',
    body: applyBody,
    answer: object({ lines: list(planLine) }),
    run: ({ body }) => {
      const { desired, prune } = body as ApplyBody;
      return { lines: server.plan(wholeState(desired), prune ?? false) };
    },
  },
  {
    method: 'POST',
    path: '/apply',
    tag: 'configuration',
    summary:
      'Bring hosts, partitions and assignments about; shrinks nothing, deletes only to prune',
    body: applyBody,
    answer: object({ changed: flag, lines: list(planLine) }),
    title: () => 'apply configuration',
    run: ({ body }) => {
      const { desired, prune = false, force = false, source = null } = body as ApplyBody;
      return server.apply(wholeState(desired), { prune, force, source });
    },
  },
  {
    method: 'GET',
    path: '/export',
    tag: 'configuration',
    summary: 'Hosts, partitions and assignments as a desired state; secrets stay here',
    answer: object({
      settings: { type: 'object', additionalProperties: true },
      desired: desiredState,
    }),
    run: () => server.exportState(),
  },
  {
    method: 'POST',
    path: '/shares',
    tag: 'configuration',
    summary: 'Partition, host and assignment in one; all of it or nothing',
    body: newShare,
    answer: object({
      partition: partitionEntry,
      host: hostEntry,
      hostIsNew: flag,
      portals: list(text),
    }),
    status: 201,
    title: ({ body }) => `share ${(body as { name: string }).name}`,
    run: ({ body }) => server.createShare(body as ShareRequest),
  },
];

const taskRoutes = (server: StorageServer): readonly ApiRoute[] => [
  {
    method: 'GET',
    path: '/tasks',
    tag: 'tasks',
    summary: 'Changes that went on after their caller stopped waiting',
    answer: list(taskEntry),
    run: () => server.tasks.entries,
  },
  {
    method: 'GET',
    path: '/tasks/{id}',
    tag: 'tasks',
    summary: 'One of them',
    answer: taskEntry,
    run: ({ params }) => server.tasks.get(params['id']!),
  },
  {
    method: 'DELETE',
    path: '/tasks/{id}',
    tag: 'tasks',
    summary: 'Forget one that has ended; one that runs is refused, for it can only go on',
    answer: taskEntry,
    run: ({ params }) => server.tasks.remove(params['id']!),
  },
];

export const serverRoutes = (server: StorageServer): readonly ApiRoute[] => [
  ...stateRoutes(server),
  ...changeRoutes(server),
  ...taskRoutes(server),
];
