/**
 * One SCSI target device: opens nexuses, passes their commands to device servers, and manages tasks
 * (SAM-5).
 */
import type { Timers } from '../base/index.ts';
import type { TransferBuffers } from '../block/index.ts';
import { performStray, prepareTask, runTask, stopTask } from './device-server.ts';
import { finishSense } from './finish.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { ItNexus } from './nexus.ts';
import type { ItlNexus, NexusIdentity, ProductIdentity } from './nexus.ts';
import type { SenseReason } from './sense.ts';
import { TaskSet } from './task-set.ts';
import type { ScsiTask } from './task.ts';

/** How a task management function ended; RFC 7143 has a response code for each. */
export type TmfOutcome = 'complete' | 'noSuchTask' | 'noSuchLun' | 'failed' | 'unsupported';

/** How long a task management function waits for the medium before it answers `failed`. */
const ABORT_LIMIT_MS = 10_000;

export interface ScsiTargetOptions {
  readonly buffers: TransferBuffers;
  readonly timers: Timers;
  /** T10 vendor identification, at most 8 ASCII characters. */
  readonly vendor?: string;
  /** At most 16. */
  readonly product?: string;
  /** At most 4. */
  readonly revision?: string;
  readonly abortLimitMs?: number;
}

export class ScsiTarget {
  readonly buffers: TransferBuffers;
  readonly #timers: Timers;
  readonly #product: ProductIdentity;
  readonly #abortLimitMs: number;

  constructor(options: ScsiTargetOptions) {
    this.buffers = options.buffers;
    this.#timers = options.timers;
    this.#abortLimitMs = options.abortLimitMs ?? ABORT_LIMIT_MS;
    this.#product = {
      vendor: options.vendor ?? 'HAWSER',
      product: options.product ?? 'Virtual Disk',
      revision: options.revision ?? '0001',
    };
  }

  openNexus(identity: NexusIdentity): ItNexus {
    const strayTasks = new TaskSet(performStray, stopTask);
    return new ItNexus(identity, this.#product, strayTasks);
  }

  /**
   * I_T nexus loss: ends the nexus' commands silently and what only lived with it; persistent
   * registrations stay. Resolves when none of these commands can touch the medium any more, however
   * long the medium takes.
   */
  async closeNexus(nexus: ItNexus): Promise<void> {
    nexus.closed = true;
    const stray = nexus.strayTasks.abort({ affects: () => true, by: null, tellsOthers: false });
    await Promise.all([stray, ...[...nexus.units.keys()].map((lun) => nexus.unmap(lun))]);
  }

  /**
   * Validates the command and gives it its place in the task set.
   * @returns true: provide `bufferBytes` of memory and Data-Out, then `run`. False: it has ended,
   * `onDone` was called.
   */
  prepare(task: ScsiTask): boolean {
    return prepareTask(task, task.nexus!);
  }

  /** Performs a prepared command; it ends through `onDone`, now or later. */
  run(task: ScsiTask): void {
    runTask(task);
  }

  /** Ends a prepared command that won't run: its Data-Out broke the transport's rules. */
  fail(task: ScsiTask, reason: SenseReason): void {
    finishSense(task, reason);
  }

  /**
   * Ends one prepared command silently, wherever it is. Resolves when it can't touch the medium any
   * more, however long the medium takes.
   */
  async endTask(task: ScsiTask): Promise<void> {
    const affects = (other: ScsiTask): boolean => other === task;
    await task.set?.abort({ affects, by: task.nexus, tellsOthers: false });
  }

  abortTask(nexus: ItNexus, lun: number, tag: number): Promise<TmfOutcome> {
    return this.#onUnit(nexus, lun, (itl) => {
      for (const task of itl.tasks()) {
        if (task.tag === tag) return this.#abort(itl, (other) => other === task);
      }
      return Promise.resolve('noSuchTask');
    });
  }

  /** This nexus' commands on this logical unit. */
  abortTaskSet(nexus: ItNexus, lun: number): Promise<TmfOutcome> {
    return this.#onUnit(nexus, lun, (itl) => this.#abort(itl, (task) => task.itl === itl));
  }

  /**
   * Every nexus' commands on the logical unit; who isn't told by TASK ABORTED is by unit attention.
   */
  clearTaskSet(nexus: ItNexus, lun: number): Promise<TmfOutcome> {
    return this.#onUnit(nexus, lun, (itl) => {
      const { unit } = itl;
      const others = new Set<ItlNexus>();
      for (const task of unit.tasks)
        if (task.itl !== null && task.itl !== itl) others.add(task.itl);
      const outcome = this.#abort(itl, () => true);
      if (!unit.modes.taskAbortedStatus) {
        for (const other of others) other.addUnitAttention('commandsCleared');
      }
      return outcome;
    });
  }

  logicalUnitReset(nexus: ItNexus, lun: number): Promise<TmfOutcome> {
    return this.#onUnit(nexus, lun, (itl) => this.#bounded(itl.unit.reset(nexus)));
  }

  /** Resets the logical units that this nexus has, no others. */
  targetReset(nexus: ItNexus): Promise<TmfOutcome> {
    const units = new Set<LogicalUnit>([...nexus.units.values()].map((itl) => itl.unit));
    return this.#bounded(Promise.all([...units].map((unit) => unit.reset(nexus))));
  }

  #onUnit(
    nexus: ItNexus,
    lun: number,
    act: (itl: ItlNexus) => Promise<TmfOutcome>,
  ): Promise<TmfOutcome> {
    const itl = nexus.units.get(lun);
    return itl === undefined ? Promise.resolve('noSuchLun') : act(itl);
  }

  #abort(itl: ItlNexus, affects: (task: ScsiTask) => boolean): Promise<TmfOutcome> {
    return this.#bounded(itl.unit.abortTasks(itl.nexus, affects));
  }

  /** A dead medium must not keep the host from going on: it learns that the function failed. */
  #bounded(work: Promise<unknown>): Promise<TmfOutcome> {
    return new Promise((resolve, reject) => {
      const timer = this.#timers.after(this.#abortLimitMs, () => resolve('failed'));
      work.then(() => {
        timer.cancel();
        resolve('complete');
      }, reject);
    });
  }
}
