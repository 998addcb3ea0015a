/** Whether a logical unit is being sanitized, or has to be because that failed. */
import { assert } from '../../base/index.ts';
import { finishGood, finishSense } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';
import { SanitizeOperation } from './sanitize-operation.ts';
import type { SanitizePlan } from './sanitize-operation.ts';

export interface SanitizeOptions {
  /** AUSE: a failed operation may be left behind by EXIT FAILURE MODE. */
  readonly allowUnrestrictedExit: boolean;
  /** The command that ends with the operation; null with IMMED. */
  readonly task: ScsiTask | null;
}

export class SanitizeControl {
  readonly #unit: LogicalUnit;
  #operation: SanitizeOperation | null = null;
  #allowUnrestrictedExit = false;
  #waiting: ScsiTask | null = null;

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
  }

  /** Why SANITIZE can't begin now; a failed sanitize operation is a reason to. */
  get refusal(): SenseReason | undefined {
    const { notReady } = this.#unit;
    return notReady === null || notReady === 'sanitizeFailed' ? undefined : notReady;
  }

  /** From now on media commands are refused, until the operation has succeeded. */
  begin(plan: SanitizePlan, options: SanitizeOptions): void {
    assert(this.#operation === null, 'the unit is being sanitized');
    this.#allowUnrestrictedExit = options.allowUnrestrictedExit;
    this.#waiting = options.task;
    this.#unit.notReady = 'notReadySanitizeInProgress';
    this.#operation = new SanitizeOperation(this.#unit, plan, (failed) => this.#ended(failed));
    this.#operation.start();
  }

  /** EXIT FAILURE MODE. @returns false where the failed command did not allow it. */
  exitFailureMode(): boolean {
    if (this.#unit.notReady !== 'sanitizeFailed') return true;
    if (!this.#allowUnrestrictedExit) return false;
    this.#unit.notReady = null;
    return true;
  }

  /** The command has been aborted; the operation goes on without it. */
  forget(task: ScsiTask): void {
    if (this.#waiting !== task) return;
    this.#waiting = null;
    finishGood(task);
  }

  /**
   * The unit closes. Resolves when the operation no longer touches the medium; it counts as failed.
   */
  async stop(): Promise<void> {
    await this.#operation?.stop();
  }

  #ended(failed: boolean): void {
    const task = this.#waiting;
    this.#waiting = null;
    this.#operation = null;
    this.#unit.notReadyProgress = -1;
    if (this.#unit.notReady === 'notReadySanitizeInProgress') {
      this.#unit.notReady = failed ? 'sanitizeFailed' : null;
    }
    if (task === null) return;
    if (failed) finishSense(task, 'sanitizeFailed');
    else finishGood(task);
  }
}
