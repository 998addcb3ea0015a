/** Who may log in and what they see, kept ready for the target node to ask. */
import type { DiskArray, PartitionView } from '../../partition/index.ts';
import type { AccessDirectory, HostView, LunAssignment } from '../../target/index.ts';
import { ANY_HOST } from '../desired-state.ts';
import type { HostStore } from '../state/host-store.ts';
import type { UnitSet } from './unit-set.ts';

export class AccessMap implements AccessDirectory {
  readonly #hosts: HostStore;
  readonly #units: UnitSet;
  /** By initiator name. */
  #views = new Map<string, HostView>();
  /** What an initiator sees that isn't listed; null: nothing, it isn't let in. */
  #anyView: HostView | null = null;

  constructor(hosts: HostStore, units: UnitSet) {
    this.#hosts = hosts;
    this.#units = units;
  }

  find(initiatorName: string): HostView | undefined {
    return this.#views.get(initiatorName) ?? this.#anyView ?? undefined;
  }

  /** Follows what hosts and array say now. */
  rebuild(array: DiskArray | null): void {
    const partitions = array?.partitions ?? [];
    const views = new Map<string, HostView>();
    for (const { name, iqn, chap, mutual } of this.#hosts.hosts) {
      views.set(iqn, { host: name, chap, mutual, luns: this.#luns(partitions, name) });
    }
    const open = this.#luns(partitions, ANY_HOST);
    this.#views = views;
    this.#anyView =
      open.size === 0 ? null : { host: ANY_HOST, chap: null, mutual: null, luns: open };
  }

  #luns(partitions: readonly PartitionView[], host: string): Map<number, LunAssignment> {
    const luns = new Map<number, LunAssignment>();
    for (const partition of partitions) {
      const unit = this.#units.get(partition.uuid);
      const rights = rightsOf(partition, host);
      if (unit === undefined || rights === undefined) continue;
      const { lun, name } = partition;
      luns.set(lun, { lun, unit, readOnly: rights === 'ro', partition: name });
    }
    return luns;
  }
}

/** A host's own assignment counts before that of "*"; suspended ones give nothing. */
function rightsOf({ hosts }: PartitionView, host: string): 'rw' | 'ro' | undefined {
  const given = hosts.filter(({ suspended }) => !suspended);
  const own = given.find((assignment) => assignment.host === host);
  return (own ?? given.find((assignment) => assignment.host === ANY_HOST))?.rights;
}
