/** Listens on a portal and gives every accepted socket to a target node. */
import { createServer, Socket } from 'node:net';
import { Failure, KIB } from '../base/index.ts';
import type { OutboxBatch, TargetNode } from '../target/index.ts';
import { ConnectionShell } from './connection-shell.ts';
import { LoopSpin } from './loop-spin.ts';

const RECEIVE_BYTES = 256 * KIB;
const BACKLOG = 1024;

/**
 * One receive buffer for all connections: a read fills it and its PDUs are taken out of it before
 * the next read, so an idle connection costs no buffer.
 */
const receiveBuffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES);

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** No new connections; those there are live on. */
  close(): Promise<void>;
}

/**
 * `net.Server` makes sockets that allocate per read; the accepted handle gets a socket of ours
 * around it instead.
 */
function adoptSocket(accepted: Socket, onBytes: (bytes: number) => void): Socket {
  const { _handle: handle } = accepted as unknown as { _handle: unknown };
  const options = {
    handle,
    onread: {
      buffer: receiveBuffer,
      callback: (bytes: number): boolean => {
        onBytes(bytes);
        return true;
      },
    },
  };
  return new Socket(options as ConstructorParameters<typeof Socket>[0]);
}

function serve(target: TargetNode, accepted: Socket, spin: LoopSpin): void {
  let shell: ConnectionShell<OutboxBatch> | null = null;
  const socket = adoptSocket(accepted, (bytes) => shell?.received(receiveBuffer, bytes));
  shell = new ConnectionShell<OutboxBatch>(socket, {
    unsentBytesMax: target.limits.unsentBytes,
    spin,
  });
  shell.attach(target.accept(shell));
  socket.resume();
}

/** @throws Failure `inUse` where the address is taken, `usage` where it isn't ours. */
export function listen(
  target: TargetNode,
  portal: { host: string; port: number },
): Promise<Listener> {
  const spin = new LoopSpin(target.limits.spinMs);
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: false }, (accepted) =>
    serve(target, accepted, spin),
  );
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFailure(portal, error)));
    server.listen({ ...portal, backlog: BACKLOG }, () => {
      server.on('error', () => undefined);
      const bound = server.address() as { port: number };
      resolve({ host: portal.host, port: bound.port, close: () => closeServer(server) });
    });
  });
}

function closeServer(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    // resolves at once for the caller: live connections belong to the target node
    server.close(() => undefined);
    resolve();
  });
}

function listenFailure(
  portal: { host: string; port: number },
  error: NodeJS.ErrnoException,
): Failure {
  const where = `portal ${portal.host}:${portal.port}`;
  if (error.code === 'EADDRINUSE') {
    return new Failure('inUse', `${where}: the address is in use by another process`);
  }
  return new Failure('usage', `${where}: can't listen: ${error.message}`);
}
