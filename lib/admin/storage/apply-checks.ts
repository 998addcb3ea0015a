/** What can be known to fail is refused before the first step: an apply is whole, or nothing. */
import { Failure, MIB, roundUp } from '../../base/index.ts';
import type { PlanStep } from '../plan.ts';
import { refuseConnected } from './delete-partition.ts';
import { fitHost, refuseSessions } from './host-operations.ts';
import { refuseSeenLun } from './partition-operations.ts';
import type { ServerParts } from './server-parts.ts';

type StepOf<Kind extends PlanStep['do']> = Extract<PlanStep, { readonly do: Kind }>;

/** @throws Failure that names what stands in the way; nothing has been changed then. */
export function refuseUnfit(parts: ServerParts, steps: readonly PlanStep[], force: boolean): void {
  for (const { host } of stepsOf(steps, 'putHost')) fitHost(parts, host);
  for (const { partition } of stepsOf(steps, 'createPartition')) {
    refuseBlockSize(parts, partition.name, partition.blockSizeBytes);
  }
  refuseTooLarge(parts, steps);
  if (!force) refuseInUse(parts, steps);
}

function stepsOf<Kind extends PlanStep['do']>(
  steps: readonly PlanStep[],
  kind: Kind,
): StepOf<Kind>[] {
  return steps.filter((step): step is StepOf<Kind> => step.do === kind);
}

function refuseBlockSize({ holder }: ServerParts, name: string, bytes: number | null): void {
  const least = holder.array.status().blockSizeBytes;
  if (bytes === null || bytes >= least) return;
  const found = `the disks have blocks of ${least} bytes, asked for ${bytes}`;
  throw new Failure('usage', `block size of ${name} is below that of the disks: ${found}`);
}

/** A partition takes whole MiB. */
const taken = (sizeBytes: number): number => roundUp(sizeBytes, MIB);

function refuseTooLarge({ holder }: ServerParts, steps: readonly PlanStep[]): void {
  const { array } = holder;
  let missing = -array.status().freeBytes;
  for (const { partition } of stepsOf(steps, 'deletePartition')) {
    missing -= array.partition(partition).allocatedBytes;
  }
  for (const { partition } of stepsOf(steps, 'createPartition')) {
    missing += taken(partition.sizeBytes);
  }
  for (const { partition, toBytes } of stepsOf(steps, 'growPartition')) {
    missing += taken(toBytes) - array.partition(partition).allocatedBytes;
  }
  if (missing <= 0) return;
  const advice = 'ask for less, or add a disk to a linear array';
  throw new Failure('conflict', `the array is ${missing / MIB} MiB too small; ${advice}`);
}

function refuseInUse(parts: ServerParts, steps: readonly PlanStep[]): void {
  const { array } = parts.holder;
  for (const { partition } of stepsOf(steps, 'deletePartition')) {
    refuseConnected(parts, partition, array.partition(partition).lun);
  }
  for (const { host } of stepsOf(steps, 'deleteHost')) refuseSessions(parts, host);
  for (const { partition } of stepsOf(steps, 'createPartition')) {
    if (partition.lun !== null) refuseSeenLun(parts, partition.lun);
  }
}
