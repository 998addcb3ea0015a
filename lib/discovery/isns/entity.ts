/**
 * What a storage server registers: one network entity with its portals and the target they lead to.
 */
import { isWildcardHost, plainHost } from '../portal-address.ts';
import type { AdvertisedPortal } from '../send-targets.ts';

/**
 * RFC 4171 leaves it to the client; long enough to be no load, short enough that a dead server is
 * forgotten.
 */
const REGISTRATION_PERIOD_SECONDS = 900;
const V4 = /^\d{1,3}(\.\d{1,3}){3}$/;
const V6 = /^[0-9a-fA-F:]*:[0-9a-fA-F:]*$/;

export interface IsnsPortal {
  /** An address, not a name: IPv4 or IPv6. */
  readonly address: string;
  readonly port: number;
  readonly portalGroupTag: number;
}

export interface IsnsEntity {
  /** Unique in the domain of the iSNS server; the target's name will do. */
  readonly entityId: string;
  readonly targetName: string;
  readonly targetAlias: string;
  readonly portals: readonly IsnsPortal[];
  /** The server forgets us when it has heard nothing for so long. */
  readonly registrationPeriodSeconds: number;
}

export interface IsnsEntityOptions {
  readonly targetName: string;
  readonly targetAlias?: string;
  readonly portals: readonly AdvertisedPortal[];
  /** Addresses of the machine that other machines reach, for portals that listen on all of them. */
  readonly ownAddresses: readonly string[];
}

export function isnsEntity(options: IsnsEntityOptions): IsnsEntity {
  const { targetName, targetAlias = 'Hawser storage server', portals, ownAddresses } = options;
  return {
    entityId: targetName,
    targetName,
    targetAlias,
    portals: portals.flatMap((portal) => registeredPortals(portal, ownAddresses)),
    registrationPeriodSeconds: REGISTRATION_PERIOD_SECONDS,
  };
}

function registeredPortals(
  portal: AdvertisedPortal,
  ownAddresses: readonly string[],
): IsnsPortal[] {
  const { listen, advertise, portalGroupTag } = portal;
  if (advertise !== undefined && isAddress(advertise.host))
    return [{ address: advertise.host, port: advertise.port, portalGroupTag }];
  const hosts = isWildcardHost(listen.host) ? ownAddresses : [plainHost(listen.host)];
  return hosts.filter(isAddress).map((address) => ({ address, port: listen.port, portalGroupTag }));
}

const isAddress = (host: string): boolean => V4.test(host) || V6.test(host);
