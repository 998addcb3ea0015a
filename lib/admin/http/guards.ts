/** Who may speak to the API: looked at before a request's body is read. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { Failure } from '../../base/index.ts';
import { HttpFailure } from './problem.ts';

export interface GuardOptions {
  /** Bearer token for callers that come over TCP; null: none is asked. */
  readonly token: string | null;
  /** Further names by which this server may be called. */
  readonly names: readonly string[];
  /** The caller came through the Unix socket, whose directory says who may. */
  readonly isLocal: (request: FastifyRequest) => boolean;
}

/** Probes carry no token. */
const openPaths = new Set(['/healthz', '/readyz']);
const writeMethods = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** @throws HttpFailure */
export function guard(request: FastifyRequest, options: GuardOptions): void {
  if (!options.isLocal(request)) {
    checkHost(request, options.names);
    checkOrigin(request, options.names);
    checkToken(request, options.token);
  }
  checkContentType(request);
}

/** A name of somebody else that leads here is how a foreign page gets at a local service. */
function checkHost(request: FastifyRequest, names: readonly string[]): void {
  const host = request.headers.host ?? '';
  if (isOurs(host, request, names)) return;
  const found = `Host "${host}" is not an address of this server`;
  throw new HttpFailure('notAllowed', 421, `${found}; a name of its own goes into admin.names`);
}

function checkOrigin(request: FastifyRequest, names: readonly string[]): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  const match = /^https?:\/\/([^/]+)$/.exec(origin);
  if (match !== null && isOurs(match[1]!, request, names)) return;
  throw new Failure(
    'notAllowed',
    `Origin "${origin}" is foreign; only pages of this server may ask`,
  );
}

function isOurs(authority: string, request: FastifyRequest, names: readonly string[]): boolean {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(authority.toLowerCase());
  if (match === null) return false;
  const name = match[1] ?? match[2]!;
  if (names.includes(name)) return true;
  const { localAddress = '', localPort } = request.raw.socket;
  if (localPort !== undefined && Number(match[3] ?? defaultPort(request)) !== localPort)
    return false;
  const ours = localAddress.replace(/^::ffff:/, '');
  if (name === 'localhost') return isLoopback(ours);
  return isIP(name) !== 0 && (name === ours || (isLoopback(name) && isLoopback(ours)));
}

const defaultPort = (request: FastifyRequest): number => (request.protocol === 'https' ? 443 : 80);
const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.');

function checkToken(request: FastifyRequest, token: string | null): void {
  if (token === null || openPaths.has(request.url.split('?')[0]!)) return;
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given !== undefined && equalSecrets(given, token)) return;
  const advice = 'set HAWSER_TOKEN, or ask through the Unix socket in the state directory';
  throw new HttpFailure('notAllowed', 401, `the API's token is missing or wrong; ${advice}`);
}

function equalSecrets(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

/** A form of a foreign page can't send JSON without asking first. */
function checkContentType(request: FastifyRequest): void {
  if (!writeMethods.has(request.method)) return;
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type === 'application/json') return;
  const found = type === undefined ? 'nothing' : `"${type}"`;
  const message = `Content-Type: expected "application/json" for a change, found ${found}`;
  throw new HttpFailure('usage', 415, message);
}
