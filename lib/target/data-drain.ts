/**
 * Data-Out that is still owed for writes which a task management function ends: its answer waits
 * until the initiator has served every R2T it was sent (RFC 7143 §4.2.3.3), for a bounded time.
 */
import type { Timers } from '../base/index.ts';
import type { TargetSession } from './target-session.ts';
import type { TargetTask } from './target-task.ts';

/** Sequences of Data-Out whose last PDU hasn't come. */
function owedSequences(task: TargetTask): number {
  return task.r2tsSent - task.r2tsDone + (task.unsolicitedOpen ? 1 : 0);
}

export class DataDrain {
  readonly #session: TargetSession;
  /** Initiator task tag → sequences owed. */
  readonly #owed = new Map<number, number>();
  #resolve: (() => void) | null = null;

  /** Looks at the tasks of the session before the function ends those that `affects` names. */
  constructor(session: TargetSession, affects: (task: TargetTask) => boolean) {
    this.#session = session;
    for (const task of session.tasks.values()) {
      const sequences = owedSequences(task);
      if (sequences > 0 && affects(task)) this.#owed.set(task.initiatorTaskTag, sequences);
    }
    if (this.#owed.size > 0) session.drains.add(this);
  }

  /** A Data-Out with F has come for a task that is no more. */
  sequenceEnded(initiatorTaskTag: number): void {
    const left = (this.#owed.get(initiatorTaskTag) ?? 0) - 1;
    if (left > 0) this.#owed.set(initiatorTaskTag, left);
    else this.#owed.delete(initiatorTaskTag);
    if (this.#owed.size === 0) this.#resolve?.();
  }

  /** Resolves when nothing is owed any more, at the latest after `limitMs`. */
  async done(timers: Timers, limitMs: number): Promise<void> {
    if (this.#owed.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = timers.after(limitMs, resolve);
        this.#resolve = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.#session.drains.delete(this);
  }
}
