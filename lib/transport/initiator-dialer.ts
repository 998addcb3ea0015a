/** Connects a session of an initiator to a portal. */
import { connect } from 'node:net';
import type { OnReadOpts, Socket, TcpSocketConnectOpts } from 'node:net';
import { Failure, KIB } from '../base/index.ts';
import { formatPortalAddress } from '../discovery/index.ts';
import type { PortalAddress } from '../discovery/index.ts';
import type { InitiatorSession, SendBatch } from '../initiator/index.ts';
import { ConnectionShell } from './connection-shell.ts';

const RECEIVE_BYTES = 512 * KIB;
const CONNECT_MS_DEFAULT = 10_000;

/** One for all connections: a chunk's PDUs are taken out of it before the next read. */
const receiveBuffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES);

export interface DialOptions {
  /** Time for the TCP connection. */
  readonly connectMs?: number;
  readonly localAddress?: string;
}

/**
 * Opens the TCP connection and begins the session's login on it; the session's handlers tell how
 * that goes.
 * @throws Failure `unreachable`, as rejection, where there is no TCP connection.
 */
export function dial(
  session: InitiatorSession,
  portal: PortalAddress,
  options: DialOptions = {},
): Promise<void> {
  const connectMs = options.connectMs ?? CONNECT_MS_DEFAULT;
  return new Promise((resolve, reject) => {
    let shell: ConnectionShell<SendBatch> | null = null;
    const onread: OnReadOpts = {
      buffer: receiveBuffer,
      callback: (bytes) => {
        shell?.received(receiveBuffer, bytes);
        return true;
      },
    };
    const socket = connect({ ...portal, ...localOf(options), onread } as TcpSocketConnectOpts);
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no answer within ${connectMs} ms`));
    }, connectMs);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      const where = `portal ${formatPortalAddress(portal)}`;
      reject(new Failure('unreachable', `${where}: can't connect: ${error.message}`));
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', failed);
      shell = begin(session, socket);
      resolve();
    });
  });
}

function begin(session: InitiatorSession, socket: Socket): ConnectionShell<SendBatch> {
  // an initiator always reads on: what it has to send may wait for what it reads
  const shell = new ConnectionShell<SendBatch>(socket, { unsentBytesMax: Infinity });
  shell.attach(session.connect(shell));
  return shell;
}

const localOf = ({ localAddress }: DialOptions): { localAddress?: string } =>
  localAddress === undefined ? {} : { localAddress };
