/**
 * What has to be done to get from what is to what is wanted. Pure: it changes nothing and looks at
 * nothing else.
 */
import { ANY_HOST } from './desired-state.ts';
import type { DesiredHost, DesiredPartition, DesiredState, Rights } from './desired-state.ts';
import type { StoredHost } from './state/host-store.ts';

export interface CurrentPartition {
  readonly name: string;
  readonly sizeBytes: number;
  readonly lun: number;
  readonly blockSizeBytes: number;
  readonly shared: boolean;
  readonly hosts: Readonly<Record<string, Rights>>;
}

export interface CurrentState {
  readonly hosts: readonly StoredHost[];
  readonly partitions: readonly CurrentPartition[];
}

/**
 * A step of a plan; steps stand in the order in which they are safe: access is taken before it is
 * given.
 */
export type PlanStep =
  | {
      readonly do: 'unassign';
      readonly partition: string;
      readonly host: string;
      readonly from: Rights;
    }
  | { readonly do: 'deletePartition'; readonly partition: string; readonly sizeBytes: number }
  | { readonly do: 'deleteHost'; readonly host: string }
  | { readonly do: 'putHost'; readonly host: DesiredHost; readonly from: StoredHost | null }
  | { readonly do: 'createPartition'; readonly partition: DesiredPartition }
  | {
      readonly do: 'growPartition';
      readonly partition: string;
      readonly fromBytes: number;
      readonly toBytes: number;
    }
  | { readonly do: 'share'; readonly partition: string; readonly shared: boolean }
  | {
      readonly do: 'assign';
      readonly partition: string;
      readonly host: string;
      readonly from: Rights | null;
      readonly to: Rights;
    }
  /** A difference that stays: apply never shrinks, and deletes only when told to prune. */
  | {
      readonly do: 'keep';
      readonly kind: 'host' | 'partition';
      readonly name: string;
      readonly why: string;
    };

export interface Plan {
  readonly steps: readonly PlanStep[];
  /** What can't be brought about; with any of them nothing is done. */
  readonly conflicts: readonly string[];
}

/** @param prune delete hosts and partitions that aren't wanted. */
export function makePlan(desired: DesiredState, current: CurrentState, prune: boolean): Plan {
  const planner = new Planner(desired, current, prune);
  return { steps: planner.steps(), conflicts: planner.conflicts };
}

/**
 * Rights are lessened before a partition stops being shared and widened after it has begun to be.
 */
const orderOfSteps = [
  'unassign',
  'deletePartition',
  'deleteHost',
  'putHost',
  'createPartition',
  'growPartition',
  'assign ro',
  'share',
  'assign rw',
  'keep',
] as const;

const rankOf = (step: PlanStep): number =>
  orderOfSteps.indexOf(step.do === 'assign' ? `assign ${step.to}` : step.do);

class Planner {
  readonly conflicts: string[] = [];
  readonly #desired: DesiredState;
  readonly #current: CurrentState;
  readonly #prune: boolean;
  readonly #steps: PlanStep[] = [];

  constructor(desired: DesiredState, current: CurrentState, prune: boolean) {
    this.#desired = desired;
    this.#current = current;
    this.#prune = prune;
  }

  steps(): readonly PlanStep[] {
    this.#refuseTwins();
    for (const host of this.#desired.hosts) this.#host(host);
    this.#extraHosts();
    for (const partition of this.#desired.partitions) this.#partition(partition);
    this.#extraPartitions();
    return this.#steps.sort((left, right) => rankOf(left) - rankOf(right));
  }

  #refuseTwins(): void {
    const { hosts, partitions } = this.#desired;
    const luns = partitions.flatMap(({ lun }) => lun ?? []);
    const twins = [
      ...repeated(hosts.map(({ name }) => `host ${name}`)),
      ...repeated(hosts.map(({ iqn }) => `initiator name ${iqn}`)),
      ...repeated(partitions.map(({ name }) => `partition ${name}`)),
      ...repeated(luns.map((lun) => `LUN ${lun}`)),
    ];
    this.conflicts.push(...twins.map((what) => `${what} stands twice`));
  }

  #host(wanted: DesiredHost): void {
    const from = this.#current.hosts.find(({ name }) => name === wanted.name) ?? null;
    const twin = this.#current.hosts.find(
      ({ name, iqn }) => iqn === wanted.iqn && name !== wanted.name && !this.#goesAway(name),
    );
    if (twin !== undefined) {
      this.conflicts.push(`host ${wanted.name}: ${wanted.iqn} belongs to host ${twin.name}`);
    }
    for (const key of ['chap', 'mutual'] as const) {
      const kept = from?.[key] ?? null;
      if (wanted[key] === null || wanted[key].secret !== null || kept !== null) continue;
      this.conflicts.push(`host ${wanted.name}: ${key} has no secret, and the server has none`);
    }
    if (from === null || hostDiffers(wanted, from)) {
      this.#steps.push({ do: 'putHost', host: wanted, from });
    }
  }

  #goesAway(host: string): boolean {
    return this.#prune && !this.#desired.hosts.some(({ name }) => name === host);
  }

  #extraHosts(): void {
    for (const { name } of this.#current.hosts) {
      if (this.#desired.hosts.some((wanted) => wanted.name === name)) continue;
      if (this.#prune) this.#steps.push({ do: 'deleteHost', host: name });
      else this.#keep('host', name, 'not in the file; `apply --prune` deletes it');
    }
  }

  #partition(wanted: DesiredPartition): void {
    const current = this.#current.partitions.find(({ name }) => name === wanted.name);
    this.#refuseTakenLun(wanted);
    this.#refuseHosts(wanted);
    if (current === undefined) this.#create(wanted);
    else this.#change(wanted, current);
  }

  #refuseTakenLun({ name, lun }: DesiredPartition): void {
    const owner = this.#current.partitions.find((other) => other.lun === lun);
    if (owner === undefined || owner.name === name) return;
    const wanted = this.#desired.partitions.some((other) => other.name === owner.name);
    if (wanted || !this.#prune) {
      this.conflicts.push(`partition ${name}: LUN ${lun} belongs to partition ${owner.name}`);
    }
  }

  #refuseHosts({ name, hosts, shared }: DesiredPartition): void {
    const known = this.#prune
      ? this.#desired.hosts
      : [...this.#desired.hosts, ...this.#current.hosts];
    for (const host of Object.keys(hosts)) {
      if (host === ANY_HOST || known.some((other) => other.name === host)) continue;
      this.conflicts.push(`partition ${name}: host ${host} is not known`);
    }
    const writers = Object.keys(hosts).filter((host) => hosts[host] === 'rw');
    if (shared || (writers.length <= 1 && !writers.includes(ANY_HOST))) return;
    const why = 'two hosts that mount one ordinary file system destroy it';
    const advice = 'assign read-only, or say `shared: cluster`';
    this.conflicts.push(`partition ${name}: rw for ${writers.join(', ')}: ${why}; ${advice}`);
  }

  #create(wanted: DesiredPartition): void {
    this.#steps.push({ do: 'createPartition', partition: wanted });
    for (const [host, to] of Object.entries(wanted.hosts)) {
      this.#steps.push({ do: 'assign', partition: wanted.name, host, from: null, to });
    }
  }

  #change(wanted: DesiredPartition, current: CurrentPartition): void {
    const { name } = wanted;
    if (wanted.blockSizeBytes !== null && wanted.blockSizeBytes !== current.blockSizeBytes) {
      const sizes = `${current.blockSizeBytes} to ${wanted.blockSizeBytes}`;
      this.conflicts.push(`partition ${name}: the block size can't change from ${sizes}`);
    }
    if (wanted.lun !== null && wanted.lun !== current.lun) {
      this.conflicts.push(
        `partition ${name}: its LUN is ${current.lun} and can't become ${wanted.lun}`,
      );
    }
    if (wanted.sizeBytes > current.sizeBytes) {
      const [fromBytes, toBytes] = [current.sizeBytes, wanted.sizeBytes];
      this.#steps.push({ do: 'growPartition', partition: name, fromBytes, toBytes });
    } else if (wanted.sizeBytes < current.sizeBytes) {
      this.#keep('partition', name, 'larger than in the file; a partition never shrinks');
    }
    if (wanted.shared !== current.shared) {
      this.#steps.push({ do: 'share', partition: name, shared: wanted.shared });
    }
    this.#assignments(wanted, current);
  }

  #assignments(wanted: DesiredPartition, current: CurrentPartition): void {
    const partition = wanted.name;
    for (const [host, from] of Object.entries(current.hosts)) {
      if (wanted.hosts[host] === undefined) {
        this.#steps.push({ do: 'unassign', partition, host, from });
      }
    }
    for (const [host, to] of Object.entries(wanted.hosts)) {
      const from = current.hosts[host] ?? null;
      if (from !== to) this.#steps.push({ do: 'assign', partition, host, from, to });
    }
  }

  #extraPartitions(): void {
    for (const { name, sizeBytes, hosts } of this.#current.partitions) {
      if (this.#desired.partitions.some((wanted) => wanted.name === name)) continue;
      if (!this.#prune) {
        this.#keep('partition', name, 'not in the file; `apply --prune` deletes it');
        continue;
      }
      for (const [host, from] of Object.entries(hosts)) {
        this.#steps.push({ do: 'unassign', partition: name, host, from });
      }
      this.#steps.push({ do: 'deletePartition', partition: name, sizeBytes });
    }
  }

  #keep(kind: 'host' | 'partition', name: string, why: string): void {
    this.#steps.push({ do: 'keep', kind, name, why });
  }
}

const repeated = (names: readonly string[]): string[] => [
  ...new Set(names.filter((name, index) => names.indexOf(name) !== index)),
];

function hostDiffers(wanted: DesiredHost, from: StoredHost): boolean {
  return (
    wanted.iqn !== from.iqn ||
    credentialsDiffer(wanted.chap, from.chap) ||
    credentialsDiffer(wanted.mutual, from.mutual)
  );
}

function credentialsDiffer(wanted: DesiredHost['chap'], from: StoredHost['chap']): boolean {
  if (wanted === null || from === null) return wanted !== from;
  return wanted.user !== from.user || (wanted.secret ?? from.secret) !== from.secret;
}
