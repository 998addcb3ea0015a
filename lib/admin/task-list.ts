/**
 * Changes that take longer than a caller wants to wait: they go on, and their outcome can be asked
 * for.
 */
import { Failure } from '../base/index.ts';
import type { FailureKind } from '../base/index.ts';

export interface TaskEntry {
  readonly id: string;
  /** "create partition data1" */
  readonly title: string;
  state: 'running' | 'done' | 'failed';
  readonly startedAt: string;
  endedAt: string | null;
  /** What the change answered. */
  result: unknown;
  failure: { readonly code: FailureKind; readonly message: string } | null;
}

/** Ended tasks beyond this are forgotten, oldest first. */
export const TASKS_KEPT_MAX = 256;

export class TaskList {
  readonly #wallMs: () => number;
  readonly #tasks = new Map<string, TaskEntry>();
  #nextNumber = 1;

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  get entries(): readonly TaskEntry[] {
    return [...this.#tasks.values()];
  }

  get(id: string): TaskEntry {
    const entry = this.#tasks.get(id);
    if (entry !== undefined) return entry;
    throw new Failure('notFound', `task ${id}: no such task; ended ones are kept for a while only`);
  }

  /** @throws Failure `inUse`: half a change is none, so that what runs can't be stopped. */
  remove(id: string): TaskEntry {
    const entry = this.get(id);
    if (entry.state !== 'running') this.#tasks.delete(id);
    else throw new Failure('inUse', `task ${id}: "${entry.title}" can't be cancelled, it goes on`);
    return entry;
  }

  /** Follows a change that has begun. Its failure is kept in the entry; `settled` never rejects. */
  follow(title: string, change: Promise<unknown>): { entry: TaskEntry; settled: Promise<void> } {
    const entry: TaskEntry = {
      id: `t-${this.#nextNumber++}`,
      title,
      state: 'running',
      startedAt: this.#now(),
      endedAt: null,
      result: null,
      failure: null,
    };
    this.#tasks.set(entry.id, entry);
    this.#forgetOld();
    return { entry, settled: this.#settle(entry, change) };
  }

  async #settle(entry: TaskEntry, change: Promise<unknown>): Promise<void> {
    try {
      entry.result = await change;
      entry.state = 'done';
    } catch (error) {
      entry.state = 'failed';
      entry.failure = {
        code: error instanceof Failure ? error.kind : 'unexpected',
        message: error instanceof Error ? error.message : String(error),
      };
    }
    entry.endedAt = this.#now();
  }

  #forgetOld(): void {
    for (const entry of this.#tasks.values()) {
      if (this.#tasks.size <= TASKS_KEPT_MAX) return;
      if (entry.state !== 'running') this.#tasks.delete(entry.id);
    }
  }

  #now(): string {
    return new Date(this.#wallMs()).toISOString();
  }
}
