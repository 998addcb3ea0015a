/** Waiting that has an end. */
import type { Timers } from '../base/index.ts';

/** @returns whether `work` was done within `limitMs`. */
export function within(timers: Timers, limitMs: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = timers.after(Math.max(0, limitMs), () => resolve(false));
    work.then(() => {
      timer.cancel();
      resolve(true);
    }, reject);
  });
}
