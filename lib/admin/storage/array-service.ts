/**
 * Gets the array served, with what the service's configuration file wants, and keeps looking while
 * something stands in the way.
 */
import { desiredDigest } from '../desired-state.ts';
import type { DesiredState } from '../desired-state.ts';
import { isApplied } from '../state/server-record.ts';
import { applyState, checkedPlan, planFor } from './apply-operation.ts';
import { publishAccess } from './server-parts.ts';
import type { ServerParts } from './server-parts.ts';

/** How often a server without its array looks whether the disks are back. */
const ARRAY_RETRY_MS = 5_000;
const AS_SERVICE = { prune: false, force: false, fromService: true } as const;

export class ArrayService {
  /** Why the array isn't served although it is open; empty while nothing is in the way. */
  obstacle = '';
  readonly #parts: ServerParts;
  /** What the configuration file wants, to be applied once the array is there. */
  #wanted: DesiredState | null = null;
  #ended = false;
  #endWatch: () => void = () => undefined;
  #failureTold: string | null = null;

  constructor(parts: ServerParts) {
    this.#parts = parts;
  }

  /** A missing disk is waited for. @throws Failure that only the operator can mend. */
  async open(wanted: DesiredState): Promise<void> {
    this.#wanted = wanted;
    await this.#open();
  }

  async #open(): Promise<void> {
    const { holder, node, log } = this.#parts;
    if (this.#ended || node.serving) return;
    const reasonBefore = holder.reason;
    if (!(await holder.open())) {
      if (holder.reason !== reasonBefore) this.#alert(holder.reason);
      // an array that waits for its import needs no second look
      if (holder.found === null) this.#retryLater();
      return;
    }
    await this.serve();
    log.info({ array: holder.array.uuid }, 'array is served');
  }

  #retryLater(): void {
    const { timers, changes } = this.#parts;
    timers.after(ARRAY_RETRY_MS, () => {
      const again = changes.run(() => this.#open());
      again.catch((error: unknown) => {
        this.#obstruct(error);
        this.#retryLater();
      });
    });
  }

  /** The disks are back, but the file wants what can't be: safer to serve nothing than too much. */
  #obstruct(error: unknown): void {
    const { message } = error as Error;
    if (message !== this.obstacle) this.#alert(`not serving: ${message}`);
    this.obstacle = message;
  }

  /** The array is open: brings about what the file wants, and lets hosts in. */
  async serve(): Promise<void> {
    const { holder, units, node } = this.#parts;
    const { array } = holder;
    units.addReady(array);
    this.#endWatch();
    this.#endWatch = array.onChange(() => this.#watchFailure());
    await publishAccess(this.#parts, 'the array is open');
    await this.#applyWanted();
    this.obstacle = '';
    node.setServing(true);
  }

  #watchFailure(): void {
    const failure = this.#parts.holder.found?.status().failure ?? null;
    if (failure === this.#failureTold) return;
    this.#failureTold = failure;
    if (failure !== null) this.#alert(failure);
  }

  #alert(message: string): void {
    this.#parts.events.publish('alert', 'array', message);
    this.#parts.log.error({ kind: 'array' }, message);
  }

  /** @throws Failure where what the file wants now can't be brought about. */
  check(desired: DesiredState): void {
    if (!this.#parts.holder.isServed || this.#isApplied(desired)) return;
    checkedPlan(this.#parts, desired, AS_SERVICE);
  }

  /** What the file wants now; applied only where that has changed. @returns false: it hasn't. */
  async reload(desired: DesiredState): Promise<boolean> {
    const { holder, node } = this.#parts;
    this.#wanted = desired;
    if (!holder.isServed) return false;
    const applied = this.#isApplied(desired);
    if (node.serving) await this.#applyWanted();
    else await this.serve();
    return !applied;
  }

  #isApplied(desired: DesiredState): boolean {
    const { record, holder } = this.#parts;
    return isApplied(record.applied, desiredDigest(desired), holder.array.uuid);
  }

  async #applyWanted(): Promise<void> {
    const wanted = this.#wanted;
    if (wanted === null) return;
    const { record } = this.#parts;
    const digest = desiredDigest(wanted);
    if (!this.#isApplied(wanted)) await applyState(this.#parts, wanted, AS_SERVICE);
    else if (record.applied.service !== digest) {
      await record.setApplied({ ...record.applied, service: digest });
    }
  }

  /**
   * How many differences `plan` shows between the file and what is; 0 while nothing can be said.
   */
  get drift(): number {
    const { holder } = this.#parts;
    if (this.#wanted === null || !holder.isServed) return 0;
    return planFor(this.#parts, this.#wanted, false).steps.length;
  }

  /** The server stops. */
  end(): void {
    this.#ended = true;
    this.#endWatch();
  }
}
