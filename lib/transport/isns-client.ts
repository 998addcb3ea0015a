/**
 * The connection of a storage server to its iSNS server: sockets for lib/discovery's registration.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Random, Timers } from '../base/index.ts';
import { IsnsRegistration } from '../discovery/index.ts';
import type { IsnsEntity, IsnsLink, IsnsState, PortalAddress } from '../discovery/index.ts';

export const ISNS_PORT = 3205;
const CONNECT_LIMIT_MS = 10_000;

export interface IsnsClientOptions {
  readonly server: PortalAddress;
  readonly entity: IsnsEntity;
  readonly timers: Timers;
  readonly random: Random;
  readonly onState?: (state: IsnsState, detail: string) => void;
}

export class IsnsClient {
  readonly server: PortalAddress;
  readonly #registration: IsnsRegistration;

  /** Begins at once and keeps trying until `stop`. */
  constructor(options: IsnsClientOptions) {
    const { server, ...rest } = options;
    this.server = server;
    const link = new TcpLink(server, () => this.#registration);
    this.#registration = new IsnsRegistration({ ...rest, link });
    this.#registration.start();
  }

  get state(): IsnsState {
    return this.#registration.state;
  }

  /** Why the last attempt failed; empty while all is well. */
  get lastFailure(): string {
    return this.#registration.lastFailure;
  }

  update(entity: IsnsEntity): void {
    this.#registration.update(entity);
  }

  /** Deregisters and hangs up; bounded by the response limit of the registration. */
  stop(): Promise<void> {
    return new Promise((resolve) => this.#registration.stop(resolve));
  }
}

class TcpLink implements IsnsLink {
  readonly #server: PortalAddress;
  readonly #registration: () => IsnsRegistration;
  #socket: Socket | null = null;

  constructor(server: PortalAddress, registration: () => IsnsRegistration) {
    this.#server = server;
    this.#registration = registration;
  }

  connect(): void {
    this.disconnect();
    const socket = connect(this.#server);
    this.#socket = socket;
    let failure = 'the server closed the connection';
    socket.setTimeout(CONNECT_LIMIT_MS, () => socket.destroy(new Error('no answer in time')));
    socket.on('connect', () => {
      socket.setTimeout(0);
      this.#registration().connected();
    });
    socket.on('data', (chunk) => this.#registration().received(chunk));
    socket.on('error', (error) => (failure = error.message));
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#registration().disconnected(failure);
    });
  }

  send(bytes: Buffer): void {
    this.#socket?.write(bytes);
  }

  disconnect(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.end();
    // the answer to our end may never come
    socket?.destroySoon();
  }
}

/**
 * Addresses by which other machines reach this one; link-local ones need a zone and are left out.
 */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ internal, address }) => !internal && !address.toLowerCase().startsWith('fe80:'))
    .map(({ address }) => address);
}
