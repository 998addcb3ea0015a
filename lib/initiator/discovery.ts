/**
 * What a discovery session asks: which targets there are, and what of ours is assigned to this
 * host.
 */
import { Failure } from '../base/index.ts';
import { parsePartitions, parsePortalAddress, PARTITIONS_KEY } from '../discovery/index.ts';
import type { ListedPartition, PortalAddress } from '../discovery/index.ts';
import type { TextPair } from '../iscsi/index.ts';
import type { InitiatorSession } from './initiator-session.ts';

/** Listings come in pieces; no host has that many. */
const LISTING_PIECES_MAX = 64;

export interface DiscoveredPortal extends PortalAddress {
  readonly portalGroupTag: number;
}

export interface DiscoveredTarget {
  readonly targetName: string;
  readonly portals: readonly DiscoveredPortal[];
}

/** @param what `All` in a discovery session; empty in a normal one: its own target. */
export async function sendTargets(
  session: InitiatorSession,
  what = 'All',
): Promise<DiscoveredTarget[]> {
  return readTargets(await session.text([{ key: 'SendTargets', value: what }]));
}

/** @throws Failure `unexpected` where the answer is none. */
export function readTargets(pairs: readonly TextPair[]): DiscoveredTarget[] {
  const targets: { targetName: string; portals: DiscoveredPortal[] }[] = [];
  for (const { key, value } of pairs) {
    if (key === 'TargetName') targets.push({ targetName: value, portals: [] });
    else if (key === 'TargetAddress') targets.at(-1)?.portals.push(readAddress(value));
    else if (key === 'SendTargets') {
      throw new Failure('notAllowed', `SendTargets: the target answers ${value}`);
    }
  }
  return targets;
}

function readAddress(value: string): DiscoveredPortal {
  const match = /^(.*),(\d{1,5})$/.exec(value);
  if (match === null) return { ...parsePortalAddress(value), portalGroupTag: 1 };
  return { ...parsePortalAddress(match[1]!), portalGroupTag: Number(match[2]) };
}

/** @returns the partitions assigned to this host; null where the target is none of ours. */
export async function assignedPartitions(
  session: InitiatorSession,
): Promise<ListedPartition[] | null> {
  const partitions: ListedPartition[] = [];
  let question = 'All';
  for (let piece = 0; piece < LISTING_PIECES_MAX; piece++) {
    const pairs = await session.text([{ key: PARTITIONS_KEY, value: question }]);
    const value = pairs.find(({ key }) => key === PARTITIONS_KEY)?.value;
    const listing = value === undefined ? undefined : parsePartitions(value);
    if (listing === undefined) return piece === 0 ? null : partitions;
    partitions.push(...listing.partitions);
    const last = listing.partitions.at(-1);
    if (last === undefined || partitions.length >= listing.total) break;
    question = String(last.lun + 1);
  }
  return partitions;
}
