/**
 * The task set of a logical unit (SAM-5): every command from arrival to end, in the order of
 * arrival. SIMPLE commands start at once unless an older ORDERED or HEAD OF QUEUE command is still
 * there; an ORDERED one waits for everything older; HEAD OF QUEUE starts at once.
 */
import { assert } from '../base/index.ts';
import type { ItNexus } from './nexus.ts';
import { TaskAttribute, TaskPhase } from './task.ts';
import type { ScsiTask } from './task.ts';

/** Commands that a task set holds before it answers TASK SET FULL. */
export const TASKS_PER_SET_MAX = 4096;

export interface AbortChoice {
  readonly affects: (task: ScsiTask) => boolean;
  /**
   * The nexus whose request this is: its own tasks end silently whatever TAS says. Null: nobody's,
   * all end silently.
   */
  readonly by: ItNexus | null;
  /** TAS of the Control mode page. */
  readonly tellsOthers: boolean;
}

const blocksLater = (task: ScsiTask): boolean =>
  task.attribute === TaskAttribute.ordered || task.attribute === TaskAttribute.headOfQueue;

export class TaskSet {
  count = 0;
  /** ORDERED and HEAD OF QUEUE commands in the set; 0: a SIMPLE command may start at once. */
  blockers = 0;
  #oldest: ScsiTask | null = null;
  #newest: ScsiTask | null = null;
  #waiting = 0;
  #advancing = false;
  readonly #start: (task: ScsiTask) => void;
  readonly #stop: (task: ScsiTask) => void;
  readonly #limit: number;

  /**
   * @param start performs a task whose turn has come.
   * @param stop tries to end a started task early; it ends through `leave` in any case.
   */
  constructor(
    start: (task: ScsiTask) => void,
    stop: (task: ScsiTask) => void,
    limit = TASKS_PER_SET_MAX,
  ) {
    this.#start = start;
    this.#stop = stop;
    this.#limit = limit;
  }

  get full(): boolean {
    return this.count >= this.#limit;
  }

  /** Takes a prepared task; its place in the order is now. */
  enter(task: ScsiTask): void {
    assert(task.phase === TaskPhase.outside, 'task is in a task set already');
    task.set = this;
    task.phase = TaskPhase.collecting;
    task.older = this.#newest;
    task.newer = null;
    if (this.#newest === null) this.#oldest = task;
    else this.#newest.newer = task;
    this.#newest = task;
    this.count++;
    if (blocksLater(task)) this.blockers++;
  }

  /** The task has its data: starts it now or when its turn comes. */
  ready(task: ScsiTask): void {
    assert(task.phase === TaskPhase.collecting, 'task is not in this phase');
    if (this.blockers === 0 || this.#mayStart(task)) {
      task.phase = TaskPhase.started;
      this.#start(task);
      return;
    }
    task.phase = TaskPhase.waiting;
    this.#waiting++;
  }

  /**
   * Starts a task whatever its place in the order: it is part of a command that has had its turn.
   */
  startNow(task: ScsiTask): void {
    assert(task.phase === TaskPhase.collecting, 'task is not in this phase');
    task.phase = TaskPhase.started;
    this.#start(task);
  }

  /** The task is about to end. `advance` is to follow. */
  leave(task: ScsiTask): void {
    if (task.phase === TaskPhase.waiting) this.#waiting--;
    if (task.older === null) this.#oldest = task.newer;
    else task.older.newer = task.newer;
    if (task.newer === null) this.#newest = task.older;
    else task.newer.older = task.older;
    task.older = task.newer = null;
    task.set = null;
    task.phase = TaskPhase.outside;
    this.count--;
    if (blocksLater(task)) this.blockers--;
  }

  /** Starts whatever waited for a task that has left. */
  advance(): void {
    if (this.#waiting === 0 || this.#advancing) return;
    this.#advancing = true;
    let task = this.#oldest;
    while (task !== null && this.#waiting > 0) {
      if (task.phase === TaskPhase.waiting && this.#mayStart(task)) {
        task.phase = TaskPhase.started;
        this.#waiting--;
        this.#start(task);
        // starting may end tasks at once, so the neighbours are not to be trusted
        task = this.#oldest;
      } else task = task.newer;
    }
    this.#advancing = false;
  }

  *[Symbol.iterator](): Generator<ScsiTask> {
    for (let task = this.#oldest; task !== null; task = task.newer) yield task;
  }

  /** Aborts what `choice` affects. Resolves when none of these can touch the medium any more. */
  async abort(choice: AbortChoice): Promise<void> {
    const affected = [...this].filter((task) => choice.affects(task));
    const ends = affected.map((task) => new Promise<void>((resolve) => waitForEnd(task, resolve)));
    for (const task of affected) {
      if (!task.stopping) task.tellsAbort = choice.tellsOthers && task.nexus !== choice.by;
      task.stopping = true;
    }
    // an earlier one's end may have ended a later one, whose object may serve another command by
    // now
    for (const task of affected) if (task.stopping && task.set === this) this.#stop(task);
    await Promise.all(ends);
  }

  #mayStart(task: ScsiTask): boolean {
    if (task.attribute === TaskAttribute.headOfQueue) return true;
    if (task.attribute === TaskAttribute.ordered) return task.older === null;
    for (let older = task.older; older !== null; older = older.older) {
      if (blocksLater(older)) return false;
    }
    return true;
  }
}

function waitForEnd(task: ScsiTask, resolve: () => void): void {
  task.endWaiters ??= [];
  task.endWaiters.push(resolve);
}
