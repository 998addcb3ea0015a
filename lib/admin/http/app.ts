/**
 * The HTTP face of a service: guards, routes, problems, events, metrics and the document that
 * describes them.
 */
import swagger from '@fastify/swagger';
import fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Failure } from '../../base/index.ts';
import type { EventLog } from '../events.ts';
import type { Log } from '../log.ts';
import type { TaskEntry, TaskList } from '../task-list.ts';
import { EventStreams } from './event-stream.ts';
import { guard } from './guards.ts';
import type { GuardOptions } from './guards.ts';
import { HttpFailure, problem, problemOf } from './problem.ts';
import { object, text } from './route.ts';
import type { ApiRequest, ApiRoute } from './route.ts';
import { problemSchema, taskEntry } from './schemas.ts';

export const API_PREFIX = '/api/v1';
const BODY_BYTES_MAX = 1_048_576;
const REQUEST_MS_MAX = 120_000;
/** Longest that a caller may ask us to wait before it gets a task. */
const WAIT_SECONDS_MAX = 3600;

export interface AppOptions {
  readonly title: string;
  readonly version: string;
  readonly routes: readonly ApiRoute[];
  readonly guard: GuardOptions;
  readonly events: EventLog;
  readonly tasks: TaskList;
  readonly log: Log;
  /** Why the service isn't ready; undefined: it is. */
  readonly notReady: () => string | undefined;
  /** Prometheus text. */
  readonly metrics: () => Promise<{ contentType: string; text: string }>;
}

export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: true } },
  });
  await app.register(swagger, { openapi: documentHead(options) });
  acceptEmptyBodies(app);
  app.addHook('onRequest', (request, _reply, done) => {
    guard(request, options.guard);
    done();
  });
  app.setErrorHandler((error, request, reply) => answerProblem(error, request, reply, options.log));
  app.setNotFoundHandler((request, reply) => {
    const advice = `see ${API_PREFIX}/openapi.json`;
    const detail = `${request.method} ${request.url}: no such resource; ${advice}`;
    return sendProblem(reply, problem('notFound', detail));
  });
  for (const route of options.routes) addRoute(app, route, options.tasks);
  addServiceRoutes(app, options);
  await app.ready();
  return app;
}

/** No token is asked where the server has none, nor through its Unix socket. */
const security = [{ token: [] }, {}];

const documentHead = ({ title, version }: AppOptions) => ({
  openapi: '3.1.0',
  components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } as const } },
  security,
  info: {
    title,
    version,
    description:
      'Bytes are integers, times RFC 3339 UTC. Refusals are RFC 9457 problems; `code` names ' +
      'their class. Fields are only ever added.',
  },
});

/** A DELETE says `application/json` and has nothing to say. */
function acceptEmptyBodies(app: FastifyInstance): void {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, undefined);
    try {
      return done(null, JSON.parse(body as string));
    } catch {
      // what the parser says may repeat a part of the body, and that may be a secret
      return done(new Failure('usage', 'the body is not JSON'), undefined);
    }
  });
}

function addRoute(app: FastifyInstance, route: ApiRoute, tasks: TaskList): void {
  const { query, body } = route;
  const status = route.status ?? 200;
  app.route({
    method: route.method,
    url: API_PREFIX + route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    schema: {
      summary: route.summary,
      tags: [route.tag],
      operationId: operationId(route),
      ...paramsSchema(route.path),
      ...(query && { querystring: query }),
      ...(body && { body }),
      ...(route.title && { headers: preferSchema }),
      response: {
        [status]: route.answer,
        ...(route.title && { 202: taskEntry }),
        default: problemSchema,
      },
    },
    handler: (request, reply) => handle(route, request, reply, tasks),
  });
}

const preferSchema = {
  type: 'object',
  properties: {
    prefer: {
      type: 'string',
      description: '`respond-async, wait=SECONDS`: a task (202) where the change takes longer',
    },
  },
} as const;

/** `PUT /partitions/{name}/hosts/{host}` → `putPartitionsByNameHostsByHost` */
function operationId({ method, path }: ApiRoute): string {
  const words = path.replaceAll(/\{(\w+)\}/g, 'by/$1').split('/');
  const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
  return method.toLowerCase() + words.map(capital).join('');
}

function paramsSchema(path: string): { params?: object } {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  if (names.length === 0) return {};
  return { params: object(Object.fromEntries(names.map((name) => [name, text]))) };
}

async function handle(
  route: ApiRoute,
  request: FastifyRequest,
  reply: FastifyReply,
  tasks: TaskList,
): Promise<unknown> {
  const call: ApiRequest = {
    params: request.params as Record<string, string>,
    query: request.query as Record<string, string>,
    body: request.body,
  };
  const waitSeconds = route.title && asyncWait(request.headers['prefer']);
  if (waitSeconds === undefined) return reply.code(route.status ?? 200).send(await route.run(call));
  const change = Promise.resolve(route.run(call));
  const { entry, settled } = tasks.follow(route.title!(call), change);
  const inTime = waitSeconds > 0 && (await settledWithin(settled, waitSeconds * 1000));
  if (!inTime) return sendTask(reply, entry);
  return reply.code(route.status ?? 200).send(await change);
}

/**
 * RFC 7240: `respond-async, wait=10`. @returns undefined where the caller wants to wait for the
 * end.
 */
function asyncWait(prefer: string | string[] | undefined): number | undefined {
  const wishes = [prefer]
    .flat()
    .join(',')
    .split(/[,;]/)
    .map((wish) => wish.trim());
  if (!wishes.includes('respond-async')) return undefined;
  const wait = Number(wishes.map((wish) => /^wait=(\d+)$/.exec(wish)?.[1]).find(Boolean) ?? 0);
  return Math.min(wait, WAIT_SECONDS_MAX);
}

async function settledWithin(settled: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const inTime = await Promise.race([settled.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}

function sendTask(reply: FastifyReply, entry: TaskEntry): FastifyReply {
  const location = `${API_PREFIX}/tasks/${entry.id}`;
  // past the answer's schema: this is another shape
  const body = JSON.stringify(entry);
  return reply
    .code(202)
    .header('location', location)
    .type('application/json')
    .serializer(String)
    .send(body);
}

const textContent = (type: string): object => ({
  description: 'text',
  content: { [type]: { schema: { type: 'string' } } },
});
const aliveSchema = object({ status: text });
const readySchema = object({ status: text, reason: text }, ['reason']);

const serviceSchema = (summary: string, response: object): object => ({
  schema: { summary, tags: ['service'], response },
});

function addServiceRoutes(app: FastifyInstance, options: AppOptions): void {
  const hidden = { schema: { hide: true } };
  const alive = serviceSchema('The process answers', { 200: aliveSchema });
  app.get('/healthz', alive, () => ({ status: 'ok' }));
  const ready = serviceSchema('Logins are taken', { 200: readySchema, 503: readySchema });
  app.get('/readyz', ready, (_request, reply) => {
    const reason = options.notReady();
    return reply.code(reason === undefined ? 200 : 503).send({
      status: reason === undefined ? 'ready' : 'not ready',
      ...(reason !== undefined && { reason }),
    });
  });
  const counted = serviceSchema('Metrics for Prometheus', { 200: textContent('text/plain') });
  app.get('/metrics', counted, async (_request, reply) => {
    const { contentType, text: body } = await options.metrics();
    return reply.type(contentType).serializer(String).send(body);
  });
  app.get(`${API_PREFIX}/openapi.json`, hidden, () => app.swagger());
  app.get('/', hidden, (_request, reply) => {
    const lines = [options.title, `API: ${API_PREFIX}/openapi.json`, 'metrics: /metrics'];
    return reply.type('text/plain').send(`${lines.join('\n')}\n`);
  });
  addEvents(app, options.events);
}

function addEvents(app: FastifyInstance, events: EventLog): void {
  const streams = new EventStreams(events);
  const schema = {
    summary: 'What happens, as server-sent events; resumed by Last-Event-ID',
    tags: ['events'],
    operationId: 'getEvents',
    response: { 200: textContent('text/event-stream') },
  };
  app.get(`${API_PREFIX}/events`, { schema }, (request, reply) => {
    if (streams.full) throw new HttpFailure('inUse', 503, 'too many watch the events already');
    const lastId = Number(request.headers['last-event-id'] ?? 0);
    reply.hijack();
    streams.serve(reply.raw, Number.isSafeInteger(lastId) ? lastId : 0);
  });
  app.addHook('preClose', () => streams.close());
}

function answerProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Log,
): FastifyReply {
  const found = problemOf(error);
  if (found.status >= 500) {
    log.error({ err: error, method: request.method, url: request.url }, 'request failed');
  }
  return sendProblem(reply, found);
}

function sendProblem(reply: FastifyReply, found: ReturnType<typeof problem>): FastifyReply {
  return reply
    .code(found.status)
    .type('application/problem+json')
    .serializer((value: unknown) => JSON.stringify(value))
    .send(found);
}
