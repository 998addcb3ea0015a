/** Registrations of this target with iSNS servers, kept in step with its portals. */
import type { Random, Timers } from '../../base/index.ts';
import { isnsEntity, parsePortalAddress } from '../../discovery/index.ts';
import type { IsnsEntity } from '../../discovery/index.ts';
import { PORTAL_GROUP_TAG } from '../../target/index.ts';
import { IsnsClient, ownAddresses } from '../../transport/index.ts';
import type { Log } from '../log.ts';

export interface IsnsOptions {
  readonly targetName: string;
  /** `host:port` */
  readonly servers: readonly string[];
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
}

interface OpenPortal {
  readonly address: string;
  readonly advertise: string | null;
}

export interface IsnsStatus {
  readonly server: string;
  readonly registered: boolean;
  readonly failure: string;
}

export class IsnsSet {
  readonly #options: IsnsOptions;
  #clients: readonly { readonly server: string; readonly client: IsnsClient }[] = [];

  constructor(options: IsnsOptions) {
    this.#options = options;
  }

  get statuses(): IsnsStatus[] {
    return this.#clients.map(({ server, client }) => ({
      server,
      registered: client.state === 'registered',
      failure: client.lastFailure,
    }));
  }

  /** Registers at first, and again when the portals change. */
  follow(portals: readonly OpenPortal[]): void {
    const entity = this.#entity(portals);
    for (const { client } of this.#clients) client.update(entity);
    if (this.#clients.length > 0) return;
    const { timers, random, log } = this.#options;
    this.#clients = this.#options.servers.map((server) => {
      const onState = (state: string, detail: string): void =>
        log.info({ isns: server, state, detail }, 'iSNS registration');
      const address = parsePortalAddress(server);
      return {
        server,
        client: new IsnsClient({ server: address, entity, timers, random, onState }),
      };
    });
  }

  #entity(portals: readonly OpenPortal[]): IsnsEntity {
    return isnsEntity({
      targetName: this.#options.targetName,
      ownAddresses: ownAddresses(),
      portals: portals.map(({ address, advertise }) => ({
        listen: parsePortalAddress(address),
        ...(advertise !== null && { advertise: parsePortalAddress(advertise) }),
        portalGroupTag: PORTAL_GROUP_TAG,
      })),
    });
  }

  /** Takes the registrations back. */
  async stop(): Promise<void> {
    await Promise.all(this.#clients.map(({ client }) => client.stop()));
    this.#clients = [];
  }
}
