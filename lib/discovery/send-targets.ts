/**
 * The answer to SendTargets: which targets there are and through which portals, seen from the
 * connection that asks. RFC 7143 Appendix C.
 */
import { formatPortalAddress, isWildcardHost, plainHost } from './portal-address.ts';
import type { PortalAddress } from './portal-address.ts';

/** A network portal of a target as it was configured. */
export interface AdvertisedPortal {
  readonly listen: PortalAddress;
  /** Told to hosts instead of the listen address: behind address translation, or a name. */
  readonly advertise?: PortalAddress;
  readonly portalGroupTag: number;
}

export interface DiscoverableTarget {
  readonly name: string;
  readonly portals: readonly AdvertisedPortal[];
}

export interface SendTargetsQuery {
  /** `All`, a target name, or empty for the target of this session. */
  readonly value: string;
  readonly sessionType: 'discovery' | 'normal';
  /** The target that a normal session is logged in to. */
  readonly sessionTarget?: string;
  /** Local end of the connection that asks. */
  readonly arrivedAt: PortalAddress;
}

export type TextPair = readonly [key: string, value: string];

/**
 * @param targets those that this initiator may log in to; what isn't in here is not told.
 * @returns keys in the order in which they are sent: a TargetName and its TargetAddresses, again
 * and again; undefined where the question is not allowed in this session, to be answered with
 * Reject.
 */
export function sendTargetsAnswer(
  query: SendTargetsQuery,
  targets: readonly DiscoverableTarget[],
): TextPair[] | undefined {
  const wanted = wantedTarget(query);
  if (wanted === undefined) return undefined;
  return targets
    .filter(({ name }) => wanted === '' || wanted === name)
    .flatMap((target) => describeTarget(target, query.arrivedAt));
}

/** @returns a name, '' for every target, undefined for a question out of place. */
function wantedTarget({ value, sessionType, sessionTarget }: SendTargetsQuery): string | undefined {
  if (sessionType === 'discovery') {
    if (value === 'All') return '';
    return value === '' ? undefined : value;
  }
  const named = value === '' || value === sessionTarget;
  return named ? sessionTarget : undefined;
}

function describeTarget(target: DiscoverableTarget, arrivedAt: PortalAddress): TextPair[] {
  const addresses = nearestFirst(target.portals, arrivedAt).map((portal): TextPair => [
    'TargetAddress',
    targetAddress(portal, arrivedAt),
  ]);
  return [
    ['TargetName', target.name],
    ...new Map(addresses.map((pair) => [pair[1], pair])).values(),
  ];
}

/** Hosts that try one address only take the first: the one by which they came is known to work. */
function nearestFirst(
  portals: readonly AdvertisedPortal[],
  arrivedAt: PortalAddress,
): AdvertisedPortal[] {
  const near = portals.filter(({ listen }) => isArrival(listen, arrivedAt));
  return [...near, ...portals.filter((portal) => !near.includes(portal))];
}

function isArrival(listen: PortalAddress, arrivedAt: PortalAddress): boolean {
  if (listen.port !== arrivedAt.port) return false;
  return isWildcardHost(listen.host) || plainHost(listen.host) === plainHost(arrivedAt.host);
}

function targetAddress(portal: AdvertisedPortal, arrivedAt: PortalAddress): string {
  const { listen, advertise, portalGroupTag } = portal;
  const host = isWildcardHost(listen.host) ? arrivedAt.host : listen.host;
  const told = advertise ?? { host: plainHost(host), port: listen.port };
  return `${formatPortalAddress(told)},${portalGroupTag}`;
}
