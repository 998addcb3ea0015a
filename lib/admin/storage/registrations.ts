/** Persistent registrations outlive sessions; they must not outlive the right to have them. */
import type { PartitionView } from '../../partition/index.ts';
import type { LogicalUnit } from '../../scsi/index.ts';
import { ANY_HOST } from '../desired-state.ts';
import type { HostStore } from '../state/host-store.ts';
import type { ArrayHolder } from './array-holder.ts';
import type { UnitSet } from './unit-set.ts';

export interface RegistrationOwners {
  readonly holder: ArrayHolder;
  readonly hosts: HostStore;
  readonly units: UnitSet;
}

/**
 * Ends the registrations of every initiator that no assignment lets in, connected or not: of a host
 * that lost a partition, of all who came by "*" when that ended, of a host that was removed or got
 * another name. Resolves when that is durable.
 */
export async function dropStrangers({ holder, hosts, units }: RegistrationOwners): Promise<void> {
  if (!holder.isServed) return;
  const drops = holder.array.partitions.flatMap((partition) => {
    const unit = units.get(partition.uuid);
    if (unit === undefined) return [];
    const strangers = registered(unit).filter((name) => !mayRegister(partition, name, hosts));
    return strangers.map((name) => unit.reservations.dropInitiator(name));
  });
  await Promise.all(drops);
}

const registered = ({ reservations }: LogicalUnit): string[] => [
  ...new Set([...reservations.persistent.registrations.values()].map(({ port }) => port.name)),
];

/** A suspended assignment counts: who waits for its confirmation keeps his place in the cluster. */
function mayRegister(partition: PartitionView, initiatorName: string, hosts: HostStore): boolean {
  const name = hosts.findByIqn(initiatorName)?.name;
  return partition.hosts.some(({ host }) => host === ANY_HOST || host === name);
}
