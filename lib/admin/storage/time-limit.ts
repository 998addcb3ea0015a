/** Waits that end: a dead disk holds up neither the administrator nor the changes behind his. */
import { Failure } from '../../base/index.ts';
import type { Timers } from '../../base/index.ts';
import type { TaskList } from '../task-list.ts';

/**
 * @returns false where `work` is still going on after `limitMs`. @throws what `work` throws in
 * time.
 */
export function settlesWithin(
  timers: Timers,
  limitMs: number,
  work: Promise<unknown>,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = timers.after(limitMs, () => resolve(false));
    work.then(
      () => {
        timer.cancel();
        resolve(true);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error as Error);
      },
    );
  });
}

export interface Ending {
  readonly timers: Timers;
  readonly tasks: TaskList;
  /** Time for aborted commands to leave the disks. */
  readonly abortLimitMs: number;
}

/**
 * Waits for commands to leave the disks. @throws Failure `timedOut` where they don't in time: a
 * task follows them then.
 * @param work resolves when they have left. @param done what has been done already, in words.
 */
export async function waitForCommands(
  { timers, tasks, abortLimitMs }: Ending,
  work: Promise<unknown>,
  done: string,
): Promise<void> {
  if (await settlesWithin(timers, abortLimitMs, work)) return;
  throw stillRunning(tasks, work, done, abortLimitMs);
}

/** The refusal for commands that are late, and the task that follows them. */
export function stillRunning(
  tasks: TaskList,
  work: Promise<unknown>,
  done: string,
  limitMs: number,
): Failure {
  const { entry } = tasks.follow(`end commands: ${done}`, work);
  const late = `commands of before are still on the disk after ${limitMs / 1000} s`;
  const advice = `task ${entry.id} follows them; "hawser doctor" names a disk that fails`;
  return new Failure('timedOut', `${done}, but ${late}: ${advice}`);
}
