/** From what is to what is wanted: plan, refuse or carry out, remember what was applied. */
import { Failure, unreachable } from '../../base/index.ts';
import { ANY_HOST, desiredDigest } from '../desired-state.ts';
import type { DesiredState, Rights } from '../desired-state.ts';
import { makePlan } from '../plan.ts';
import type { CurrentPartition, CurrentState, Plan, PlanStep } from '../plan.ts';
import { planLine } from '../plan-lines.ts';
import type { PlanLine } from '../plan-lines.ts';
import { refuseUnfit } from './apply-checks.ts';
import { deletePartition } from './delete-partition.ts';
import { putHost, removeHost } from './host-operations.ts';
import {
  assignPartition,
  createPartition,
  resizePartition,
  sharePartition,
  unassignPartition,
} from './partition-operations.ts';
import { announce } from './server-parts.ts';
import type { ServerParts } from './server-parts.ts';

export interface ApplyOptions {
  /** Delete hosts and partitions that aren't wanted. */
  readonly prune: boolean;
  /** Delete also what hosts are connected to, end sessions that stand in the way. */
  readonly force: boolean;
  /** The wish comes from the service's own configuration file. */
  readonly fromService: boolean;
}

export interface Applied {
  readonly changed: boolean;
  readonly lines: readonly PlanLine[];
}

export function planFor(parts: ServerParts, desired: DesiredState, prune: boolean): Plan {
  return makePlan(desired, currentState(parts), prune);
}

export function currentState({ holder, hosts }: ServerParts): CurrentState {
  const partitions = holder.array.partitions.map((partition): CurrentPartition => {
    const { name, lun, blockSizeBytes, targetBytes, shared } = partition;
    // a suspended assignment gives nothing: to be wanted it has to be given anew
    const given = partition.hosts.filter(({ suspended }) => !suspended);
    const rights = given.map(({ host, rights }): [string, Rights] => [host, rights]);
    return {
      name,
      lun,
      blockSizeBytes,
      sizeBytes: targetBytes,
      shared: shared === 'cluster',
      hosts: Object.fromEntries(rights),
    };
  });
  return { hosts: hosts.hosts, partitions };
}

/**
 * The plan, once nothing stands in its way. @throws Failure `conflict`, `inUse`, `usage`: nothing
 * has been changed.
 */
export function checkedPlan(
  parts: ServerParts,
  desired: DesiredState,
  { prune, force }: Pick<ApplyOptions, 'prune' | 'force'>,
): Plan {
  const plan = planFor(parts, desired, prune);
  if (plan.conflicts.length > 0) {
    throw new Failure('conflict', `nothing was changed: ${plan.conflicts.join('; ')}`);
  }
  refuseUnfit(parts, plan.steps, force);
  return plan;
}

/** @throws Failure before anything is done; `partlyDone` where a later step failed. */
export async function applyState(
  parts: ServerParts,
  desired: DesiredState,
  options: ApplyOptions,
): Promise<Applied> {
  const plan = checkedPlan(parts, desired, options);
  const steps = plan.steps.filter((step) => step.do !== 'keep');
  for (const [index, step] of steps.entries()) {
    try {
      await perform(parts, step, options.force);
    } catch (error) {
      throw stepFailure(error, step, index, steps.length);
    }
  }
  await remember(parts, desired, options);
  if (steps.length > 0) announce(parts, 'config', 'apply', `${steps.length} change(s) applied`);
  return { changed: steps.length > 0, lines: plan.steps.map(planLine) };
}

function stepFailure(error: unknown, step: PlanStep, done: number, total: number): unknown {
  if (!(error instanceof Failure) || done === 0) return error;
  const { action, kind, name } = planLine(step);
  const message = `${done} of ${total} changes made; ${action} ${kind} ${name}: ${error.message}`;
  return new Failure('partlyDone', message, { cause: error });
}

async function perform(parts: ServerParts, step: PlanStep, force: boolean): Promise<void> {
  switch (step.do) {
    case 'unassign':
      return unassignPartition(parts, step.partition, step.host);
    case 'assign':
      return assignPartition(parts, step.partition, step.host, { rights: step.to, shared: false });
    case 'deletePartition':
      return deletePartition(parts, step.partition, { force });
    case 'deleteHost':
      return removeHost(parts, step.host, { force });
    case 'putHost':
      return putHost(parts, step.host);
    case 'createPartition':
      return createPartition(parts, { ...step.partition, hosts: {}, force });
    case 'growPartition':
      return resizePartition(parts, step.partition, step.toBytes);
    case 'share':
      return sharePartition(parts, step.partition, step.shared ? 'cluster' : 'none');
    case 'keep':
      return;
    default:
      return unreachable(step);
  }
}

async function remember(
  { record, holder }: ServerParts,
  desired: DesiredState,
  { fromService }: ApplyOptions,
): Promise<void> {
  const latest = desiredDigest(desired);
  const arrayUuid = holder.array.uuid;
  const before = record.applied;
  const kept = before.arrayUuid === arrayUuid ? before.service : null;
  await record.setApplied({ service: fromService ? latest : kept, latest, arrayUuid });
}

/** What is, as a wish that would change nothing; secrets stay here. */
export function exportedState(parts: ServerParts): DesiredState {
  const { hosts, partitions } = currentState(parts);
  const withoutSecret = (credentials: { readonly user: string } | null) =>
    credentials && { user: credentials.user, secret: null };
  return {
    hosts: hosts.map(({ name, iqn, chap, mutual }) => ({
      name,
      iqn,
      chap: withoutSecret(chap),
      mutual: withoutSecret(mutual),
    })),
    partitions: partitions.map(({ hosts: rights, ...partition }) => ({
      ...partition,
      hosts: Object.fromEntries(Object.entries(rights).sort(anyHostLast)),
    })),
  };
}

const anyHostLast = ([left]: [string, Rights], [right]: [string, Rights]): number => {
  if ((left === ANY_HOST) !== (right === ANY_HOST)) return left === ANY_HOST ? 1 : -1;
  return left < right ? -1 : 1;
};
