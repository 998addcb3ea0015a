import type { ChangedHost, NewHost, StorageServer } from '../storage/storage-server.ts';
import { list, object, orNull, switches, text } from './route.ts';
import type { ApiRoute } from './route.ts';
import { credentials, hostEntry, iscsiName, name, sessionEntry } from './schemas.ts';

const HOSTS = '/hosts';
const HOST = '/hosts/{name}';
const SESSION = '/sessions/{tsih}';

const ownRoutes = (server: StorageServer): readonly ApiRoute[] => [
  {
    method: 'GET',
    path: HOSTS,
    tag: 'hosts',
    summary: 'All hosts',
    answer: list(hostEntry),
    run: () => server.hosts(),
  },
  {
    method: 'GET',
    path: HOST,
    tag: 'hosts',
    summary: 'One host',
    answer: hostEntry,
    run: ({ params }) => server.host(params['name']!),
  },
  {
    method: 'POST',
    path: HOSTS,
    tag: 'hosts',
    summary: 'Add a host; without `chap` it is let in by its name alone',
    body: object({ name, iqn: iscsiName, chap: orNull(credentials), mutual: orNull(credentials) }, [
      'mutual',
    ]),
    answer: hostEntry,
    status: 201,
    title: ({ body }) => `add host ${(body as NewHost).name}`,
    run: ({ body }) => server.addHost(body as NewHost),
  },
  {
    method: 'PATCH',
    path: HOST,
    tag: 'hosts',
    summary: 'Change initiator name or credentials of a host',
    body: object({ iqn: iscsiName, chap: orNull(credentials), mutual: orNull(credentials) }, [
      'iqn',
      'chap',
      'mutual',
    ]),
    answer: hostEntry,
    title: ({ params }) => `change host ${params['name']!}`,
    run: ({ params, body }) => server.changeHost(params['name']!, body as ChangedHost),
  },
  {
    method: 'DELETE',
    path: HOST,
    tag: 'hosts',
    summary: 'Remove a host; refused while it has partitions or sessions, unless forced',
    query: switches('force'),
    answer: object({ removed: text }),
    title: ({ params }) => `remove host ${params['name']!}`,
    run: async ({ params, query }) => {
      await server.removeHost(params['name']!, { force: query['force'] === 'true' });
      return { removed: params['name'] };
    },
  },
];

const sessionRoutes = (server: StorageServer): readonly ApiRoute[] => [
  {
    method: 'GET',
    path: '/sessions',
    tag: 'sessions',
    summary: 'Who is logged in',
    answer: list(sessionEntry),
    run: () => server.sessions(),
  },
  {
    method: 'DELETE',
    path: SESSION,
    tag: 'sessions',
    summary: 'End a session; its host may log in again',
    answer: object({ dropped: text }),
    title: ({ params }) => `drop session ${params['tsih']!}`,
    run: async ({ params }) => {
      await server.dropSession(params['tsih']!);
      return { dropped: params['tsih'] };
    },
  },
];

export const hostRoutes = (server: StorageServer): readonly ApiRoute[] => [
  ...ownRoutes(server),
  ...sessionRoutes(server),
];
