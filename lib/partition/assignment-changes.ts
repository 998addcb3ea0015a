/** Who may reach a partition: pure steps from one catalogue to the next. */
import { Failure } from '../base/index.ts';
import type { Assignment, Catalogue, PartitionRecord, Rights, Sharing } from './catalogue.ts';
import type { CatalogueChange } from './catalogue-store.ts';
import { HOSTS_PER_PARTITION_MAX } from './limits.ts';
import { ANY_HOST, checkHost } from './names.ts';
import { recordOf, withPartition } from './partition-changes.ts';

/** Also confirms an assignment that came suspended with an imported array. */
export function assignHost(name: string, host: string, rights: Rights): CatalogueChange {
  checkHost(host);
  return changeAssignments(name, (record) => {
    const assignment: Assignment = { host, rights, suspended: false };
    const others = record.assignments.filter((other) => other.host !== host);
    const existing = record.assignments.find((other) => other.host === host);
    if (existing?.rights === rights && !existing.suspended) return record;
    if (others.length >= HOSTS_PER_PARTITION_MAX) {
      const limit = `at most ${HOSTS_PER_PARTITION_MAX} hosts`;
      throw new Failure('conflict', `partition ${name} can be assigned to ${limit}; use "*"`);
    }
    return { ...record, assignments: [...others, assignment].sort(byHost) };
  });
}

export const unassignHost = (name: string, host: string): CatalogueChange =>
  changeAssignments(name, (record) => {
    const ended = assignmentOf(record, host);
    return { ...record, assignments: record.assignments.filter((one) => one !== ended) };
  });

export const setSharing = (name: string, sharing: Sharing): CatalogueChange =>
  changeAssignments(name, (record) =>
    record.sharing === sharing ? record : { ...record, sharing },
  );

/**
 * The operator's word for assignments that came with an imported array; all of the partition
 * without a host.
 */
export const confirmAssignments = (name: string, host?: string): CatalogueChange =>
  changeAssignments(name, (record) => {
    const chosen = host === undefined ? record.assignments : [assignmentOf(record, host)];
    if (chosen.every(({ suspended }) => !suspended)) return record;
    const assignments = record.assignments.map((assignment) =>
      chosen.includes(assignment) ? { ...assignment, suspended: false } : assignment,
    );
    return { ...record, assignments };
  });

/** The array changes hands: nobody gets in by what another server once allowed. */
export const takeOver =
  (owner: string): CatalogueChange =>
  (catalogue) => ({
    ...catalogue,
    owner,
    partitions: catalogue.partitions.map((record) => ({
      ...record,
      assignments: record.assignments.map((one) => ({ ...one, suspended: true })),
    })),
  });

const byHost = (left: Assignment, right: Assignment): number =>
  left.host < right.host ? -1 : Number(left.host > right.host);

function assignmentOf(record: PartitionRecord, host: string): Assignment {
  const found = record.assignments.find((assignment) => assignment.host === host);
  if (found !== undefined) return found;
  throw new Failure('notFound', `partition ${record.name} is not assigned to host ${host}`);
}

const changeAssignments =
  (name: string, change: (record: PartitionRecord) => PartitionRecord): CatalogueChange =>
  (catalogue: Catalogue) => {
    const record = recordOf(catalogue, name);
    const next = change(record);
    refuseSeveralWriters(next, record);
    return withPartition(catalogue, next);
  };

function refuseSeveralWriters(next: PartitionRecord, before: PartitionRecord): void {
  const writers = next.assignments.filter(({ rights }) => rights === 'rw').map(({ host }) => host);
  if (next.sharing === 'cluster' || next === before) return;
  if (writers.length <= 1 && !writers.includes(ANY_HOST)) return;
  const who = writers.includes(ANY_HOST) ? 'any host' : `hosts ${writers.join(', ')}`;
  const why = 'two hosts that mount one ordinary file system destroy it';
  const advice = 'assign read-only, or declare "shared: cluster" for hosts that coordinate';
  throw new Failure(
    'notAllowed',
    `partition ${next.name} would be writable by ${who}: ${why}; ${advice}`,
  );
}
