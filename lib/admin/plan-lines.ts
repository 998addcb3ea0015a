/** A plan as the API shows it: what would change, from what to what, and never a secret. */
import { unreachable } from '../base/index.ts';
import type { DesiredHost } from './desired-state.ts';
import type { PlanStep } from './plan.ts';
import type { StoredHost } from './state/host-store.ts';

export interface PlanLine {
  readonly action: 'create' | 'update' | 'delete' | 'keep';
  readonly kind: 'host' | 'partition' | 'assignment';
  /** `data1`, `web1`, `data1/web1` */
  readonly name: string;
  readonly changes: readonly PlanChange[];
  /** Why a difference stays; empty otherwise. */
  readonly note: string;
}

export interface PlanChange {
  readonly field: string;
  readonly from: string | number | boolean | null;
  readonly to: string | number | boolean | null;
}

export function planLine(step: PlanStep): PlanLine {
  switch (step.do) {
    case 'unassign':
      return assignment('delete', step, [{ field: 'rights', from: step.from, to: null }]);
    case 'assign':
      return assignment(step.from === null ? 'create' : 'update', step, [
        { field: 'rights', from: step.from, to: step.to },
      ]);
    case 'deletePartition':
      return partition('delete', step.partition, [
        { field: 'sizeBytes', from: step.sizeBytes, to: null },
      ]);
    case 'createPartition':
      return partition('create', step.partition.name, [
        { field: 'sizeBytes', from: null, to: step.partition.sizeBytes },
        { field: 'lun', from: null, to: step.partition.lun ?? 'lowest free' },
        { field: 'blockSizeBytes', from: null, to: step.partition.blockSizeBytes ?? 'default' },
      ]);
    case 'growPartition':
      return partition('update', step.partition, [
        { field: 'sizeBytes', from: step.fromBytes, to: step.toBytes },
      ]);
    case 'share':
      return partition('update', step.partition, [
        { field: 'shared', from: !step.shared, to: step.shared },
      ]);
    case 'deleteHost':
      return { action: 'delete', kind: 'host', name: step.host, changes: [], note: '' };
    case 'putHost':
      return {
        action: step.from === null ? 'create' : 'update',
        kind: 'host',
        name: step.host.name,
        changes: hostChanges(step.host, step.from),
        note: '',
      };
    case 'keep':
      return { action: 'keep', kind: step.kind, name: step.name, changes: [], note: step.why };
    default:
      return unreachable(step);
  }
}

const partition = (
  action: PlanLine['action'],
  name: string,
  changes: readonly PlanChange[],
): PlanLine => ({ action, kind: 'partition', name, changes, note: '' });

const assignment = (
  action: PlanLine['action'],
  step: { readonly partition: string; readonly host: string },
  changes: readonly PlanChange[],
): PlanLine => {
  const name = `${step.partition}/${step.host}`;
  return { action, kind: 'assignment', name, changes, note: '' };
};

function hostChanges(host: DesiredHost, from: StoredHost | null): PlanChange[] {
  const changes: PlanChange[] = [];
  if (host.iqn !== from?.iqn) {
    changes.push({ field: 'iqn', from: from?.iqn ?? null, to: host.iqn });
  }
  for (const key of ['chap', 'mutual'] as const) {
    const [before, after] = [from?.[key] ?? null, host[key]];
    if (before?.user !== after?.user) {
      changes.push({ field: key, from: before?.user ?? null, to: after?.user ?? null });
    } else if ((after?.secret ?? null) !== null && after?.secret !== before?.secret) {
      changes.push({ field: `${key}.secret`, from: 'set', to: 'changed' });
    }
  }
  return changes;
}
