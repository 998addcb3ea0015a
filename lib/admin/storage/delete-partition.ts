/**
 * Deleting a partition: its commands end first, and its space is free only when none of them can
 * land in it any more.
 */
import { Failure } from '../../base/index.ts';
import { partitionOf } from './partition-operations.ts';
import { announce, refreshAccess, sessionsOn, sessionWords } from './server-parts.ts';
import type { ServerParts } from './server-parts.ts';
import { settlesWithin, stillRunning } from './time-limit.ts';

export interface Deletion {
  /** Also while hosts are connected. */
  readonly force: boolean;
}

/**
 * @throws Failure `inUse` naming who is connected, unless forced; `timedOut` where a disk doesn't
 * let go of commands: it is deleted when it does, and nobody sees it until then.
 */
export async function deletePartition(
  parts: ServerParts,
  name: string,
  { force }: Deletion,
): Promise<void> {
  const { units, timers, tasks, changes, abortLimitMs } = parts;
  const { uuid, lun, state } = partitionOf(parts, name);
  if (state === 'zeroing') throw new Failure('inUse', `partition ${name} is still being zeroed`);
  if (!force) refuseConnected(parts, name, lun);
  units.beginLeaving(uuid);
  const ended = endUse(parts, uuid);
  if (await endsInTime(parts, uuid, settlesWithin(timers, abortLimitMs, ended))) {
    return finish(parts, uuid);
  }
  const finished = ended.then(
    () => changes.run(() => finish(parts, uuid)),
    async (error: unknown) => {
      await changes.run(() => serveAgain(parts, uuid));
      throw error;
    },
  );
  throw stillRunning(tasks, finished, `partition ${name} is hidden and will be gone`, abortLimitMs);
}

/** @throws Failure `inUse` naming who is connected. */
export function refuseConnected(parts: ServerParts, name: string, lun: number): void {
  const connected = sessionsOn(parts, lun);
  if (connected.length === 0) return;
  const who = connected.map(sessionWords).join(', ');
  const advice = 'detach it there first, or add --force';
  throw new Failure('inUse', `partition ${name}: connected: ${who}; ${advice}`);
}

async function endUse(parts: ServerParts, uuid: string): Promise<void> {
  await refreshAccess(parts);
  await parts.units.closeLeaving(uuid);
}

async function endsInTime(
  parts: ServerParts,
  uuid: string,
  waiting: Promise<boolean>,
): Promise<boolean> {
  try {
    return await waiting;
  } catch (error) {
    await serveAgain(parts, uuid);
    throw error;
  }
}

async function finish(parts: ServerParts, uuid: string): Promise<void> {
  const { array } = parts.holder;
  const found = array.partitions.find((partition) => partition.uuid === uuid);
  try {
    if (found !== undefined) await array.remove(found.name);
  } finally {
    // where the disks refused the change, the partition comes back
    await serveAgain(parts, uuid);
  }
  const name = found?.name ?? uuid;
  announce(parts, 'partition', name, `partition ${name} deleted`);
}

async function serveAgain(parts: ServerParts, uuid: string): Promise<void> {
  parts.units.endLeaving(uuid);
  parts.units.addReady(parts.holder.array);
  await refreshAccess(parts);
}
