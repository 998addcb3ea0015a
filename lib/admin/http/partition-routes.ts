import type { Rights } from '../desired-state.ts';
import type { NewPartition, StorageServer } from '../storage/storage-server.ts';
import { choice, flag, list, object, switches } from './route.ts';
import type { ApiRoute } from './route.ts';
import { blockSize, lun, name, partitionEntry, rights, rightsByHost, size } from './schemas.ts';

const tag = 'partitions';
const PARTITIONS = '/partitions';
const PARTITION = '/partitions/{name}';
const ASSIGNMENT = '/partitions/{name}/hosts/{host}';

const newPartition = object(
  {
    name,
    sizeBytes: size,
    lun,
    blockSizeBytes: blockSize,
    shared: choice('cluster'),
    hosts: rightsByHost,
    force: flag,
  },
  ['lun', 'blockSizeBytes', 'shared', 'hosts', 'force'],
);

interface NewPartitionBody {
  readonly name: string;
  readonly sizeBytes: number;
  readonly lun?: number;
  readonly blockSizeBytes?: number;
  readonly shared?: 'cluster';
  readonly hosts?: Readonly<Record<string, Rights>>;
  readonly force?: boolean;
}

const toNewPartition = (body: NewPartitionBody): NewPartition => ({
  name: body.name,
  sizeBytes: body.sizeBytes,
  lun: body.lun ?? null,
  blockSizeBytes: body.blockSizeBytes ?? null,
  shared: body.shared === 'cluster',
  hosts: body.hosts ?? {},
  force: body.force ?? false,
});

const readRoutes = (server: StorageServer): readonly ApiRoute[] => [
  {
    method: 'GET',
    path: PARTITIONS,
    tag,
    summary: 'All partitions',
    answer: list(partitionEntry),
    run: () => server.partitions(),
  },
  {
    method: 'GET',
    path: PARTITION,
    tag,
    summary: 'One partition',
    answer: partitionEntry,
    run: ({ params }) => server.partition(params['name']!),
  },
];

const changeRoutes = (server: StorageServer): readonly ApiRoute[] => [
  {
    method: 'POST',
    path: PARTITIONS,
    tag,
    summary: 'Create a partition; its space reads as zeros',
    body: newPartition,
    answer: partitionEntry,
    status: 201,
    title: ({ body }) => `create partition ${(body as NewPartitionBody).name}`,
    run: ({ body }) => server.createPartition(toNewPartition(body as NewPartitionBody)),
  },
  {
    method: 'PATCH',
    path: PARTITION,
    tag,
    summary: 'Grow or rename a partition, or say that a cluster shares it; in use',
    body: object({ sizeBytes: size, name, shared: choice('cluster', 'none') }, [
      'sizeBytes',
      'name',
      'shared',
    ]),
    answer: partitionEntry,
    title: ({ params }) => `change partition ${params['name']!}`,
    run: ({ params, body }) =>
      server.changePartition(
        params['name']!,
        body as { sizeBytes?: number; name?: string; shared?: 'cluster' | 'none' },
      ),
  },
  {
    method: 'DELETE',
    path: PARTITION,
    tag,
    summary: 'Delete a partition and its data; refused while a host is connected, unless forced',
    query: switches('force'),
    answer: object({ deleted: name }),
    title: ({ params }) => `delete partition ${params['name']!}`,
    run: async ({ params, query }) => {
      await server.deletePartition(params['name']!, { force: query['force'] === 'true' });
      return { deleted: params['name'] };
    },
  },
];

const assignmentRoutes = (server: StorageServer): readonly ApiRoute[] => [
  {
    method: 'PUT',
    path: ASSIGNMENT,
    tag,
    summary: 'Assign a partition to a host, or to "*"',
    body: object({ rights, shared: choice('cluster') }, ['shared']),
    answer: partitionEntry,
    title: ({ params }) => `assign partition ${params['name']!} to ${params['host']!}`,
    run: ({ params, body }) => {
      const wanted = body as { rights: Rights; shared?: 'cluster' };
      return server.assign(params['name']!, params['host']!, {
        rights: wanted.rights,
        shared: wanted.shared === 'cluster',
      });
    },
  },
  {
    method: 'DELETE',
    path: ASSIGNMENT,
    tag,
    summary: 'Take a partition from a host; done when its commands have ended',
    answer: partitionEntry,
    title: ({ params }) => `take partition ${params['name']!} from ${params['host']!}`,
    run: ({ params }) => server.unassign(params['name']!, params['host']!),
  },
];

export const partitionRoutes = (server: StorageServer): readonly ApiRoute[] => [
  ...readRoutes(server),
  ...changeRoutes(server),
  ...assignmentRoutes(server),
];
