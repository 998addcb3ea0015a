/** Where the API listens: the Unix socket in the state directory, and TCP with or without TLS. */
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { Failure } from '../../base/index.ts';

/** A path longer than this doesn't fit a socket address (108 bytes with the zero at its end). */
const SOCKET_PATH_BYTES_MAX = 107;
const SOCKET_MODE = 0o600;
/** Connections to the API at once, each listener. */
const CONNECTIONS_MAX = 512;

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface ApiListener {
  /** `host:port`, or the socket's path. */
  readonly address: string;
  close(): Promise<void>;
}

/** Sockets of callers that came through the file system. */
const localSockets = new WeakSet<Socket>();
export const isLocalCaller = (request: { readonly raw: IncomingMessage }): boolean =>
  localSockets.has(request.raw.socket);

export async function listenOnSocket(path: string, handler: RequestListener): Promise<ApiListener> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    const limit = `a socket's path has at most ${SOCKET_PATH_BYTES_MAX} bytes`;
    throw new Failure('usage', `${path}: ${limit}; choose a shorter state directory`);
  }
  // the state directory is locked, so a socket found here is a dead one
  rmSync(path, { force: true });
  const server = createServer(handler);
  server.on('connection', (socket: Socket) => localSockets.add(socket));
  const before = process.umask(0o177);
  try {
    await listening(server, path, { path });
  } finally {
    process.umask(before);
  }
  chmodSync(path, SOCKET_MODE);
  return { address: path, close: () => closed(server) };
}

export async function listenOnTcp(
  where: { readonly host: string; readonly port: number; readonly tls: TlsFiles | null },
  handler: RequestListener,
): Promise<ApiListener> {
  const { host, port, tls } = where;
  const server = tls === null ? createServer(handler) : tlsServer(tls, handler);
  const shown = host.includes(':') ? `[${host}]` : host;
  await listening(server, `${shown}:${port}`, { host, port });
  const bound = server.address() as { port: number };
  return { address: `${shown}:${bound.port}`, close: () => closed(server) };
}

function tlsServer(
  files: TlsFiles,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const read = (file: string): Buffer => {
    try {
      return readFileSync(file);
    } catch (error) {
      throw new Failure('usage', `admin.tls: ${(error as Error).message}`, { cause: error });
    }
  };
  const [cert, key] = [read(files.certFile), read(files.keyFile)];
  try {
    return createTlsServer({ cert, key }, handler);
  } catch (error) {
    const found = `${files.certFile} and ${files.keyFile} make no certificate with its key`;
    throw new Failure('usage', `admin.tls: ${found}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function listening(server: Server, where: string, address: object): Promise<void> {
  server.maxConnections = CONNECTIONS_MAX;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFailure(where, error)));
    server.listen(address, resolve);
  });
}

function listenFailure(where: string, error: NodeJS.ErrnoException): Failure {
  if (error.code === 'EADDRINUSE') {
    const advice = 'another process uses it; choose another `admin.listen`';
    return new Failure('inUse', `admin address ${where}: ${advice}`, { cause: error });
  }
  return new Failure('usage', `admin address ${where}: ${error.message}`, { cause: error });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
