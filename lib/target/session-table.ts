/** The sessions of a node: found by TSIH, by initiator port, ended once. */
import { assert } from '../base/index.ts';
import type { TargetConnection } from './target-connection.ts';
import type { TargetNode } from './target-node.ts';
import type { TargetSession } from './target-session.ts';

const TSIH_END = 0x10000;

/** Name of an initiator port: two sessions of one name differ in the ISID. */
const portKey = (initiatorName: string, isid: Buffer): string =>
  `${initiatorName},i,0x${isid.toString('hex')}`;

export class SessionTable {
  readonly #node: TargetNode;
  readonly #byTsih = new Map<number, TargetSession>();
  readonly #byPort = new Map<string, TargetSession>();
  /** Sessions whose tasks are still on the medium. */
  readonly #ending = new Map<TargetSession, Promise<void>>();
  readonly #whenEmpty: (() => void)[] = [];
  #lastTsih = 0;

  constructor(node: TargetNode) {
    this.#node = node;
  }

  get size(): number {
    return this.#byTsih.size;
  }

  [Symbol.iterator](): IterableIterator<TargetSession> {
    return this.#byTsih.values();
  }

  byTsih(tsih: number): TargetSession | undefined {
    return this.#byTsih.get(tsih);
  }

  byPort(initiatorName: string, isid: Buffer): TargetSession | undefined {
    return this.#byPort.get(portKey(initiatorName, isid));
  }

  /** Every session of an initiator. */
  of(initiatorName: string): TargetSession[] {
    return [...this].filter(({ identity }) => identity.initiatorName === initiatorName);
  }

  /** Is there a session of this initiator port, or the rest of one? */
  isTaken(initiatorName: string, isid: Buffer): boolean {
    return (
      this.byPort(initiatorName, isid) !== undefined || this.#ends(initiatorName, isid).length > 0
    );
  }

  #ends(initiatorName: string, isid: Buffer): Promise<void>[] {
    const key = portKey(initiatorName, isid);
    const ending = [...this.#ending].filter(
      ([{ identity }]) => portKey(identity.initiatorName, identity.isid) === key,
    );
    return ending.map(([, ended]) => ended);
  }

  /** Resolves when no earlier session of this initiator port can touch the medium any more. */
  async whenEnded(initiatorName: string, isid: Buffer): Promise<void> {
    await Promise.all(this.#ends(initiatorName, isid));
  }

  /** @returns a TSIH that no session has; never 0. */
  freeTsih(): number {
    do this.#lastTsih = (this.#lastTsih + 1) % TSIH_END;
    while (this.#lastTsih === 0 || this.#byTsih.has(this.#lastTsih));
    return this.#lastTsih;
  }

  add(session: TargetSession): void {
    const { tsih, initiatorName, isid, type } = session.identity;
    assert(!this.#byTsih.has(tsih), 'two sessions with one TSIH');
    this.#byTsih.set(tsih, session);
    if (type === 'normal') {
      assert(this.byPort(initiatorName, isid) === undefined, 'two sessions of one initiator port');
      this.#byPort.set(portKey(initiatorName, isid), session);
    }
    this.#node.options.events?.sessionOpened?.(session);
  }

  /**
   * Ends a session: no new command, connections closed, tasks aborted. Resolves when its last task
   * has left the medium.
   */
  end(
    session: TargetSession,
    reason: string,
    except: TargetConnection | null = null,
  ): Promise<void> {
    const already = this.#ending.get(session);
    if (already !== undefined) return already;
    if (session.ending) return Promise.resolve();
    session.ending = true;
    this.#forget(session);
    for (const connection of [...session.connections.values()]) {
      if (connection !== except) connection.close();
    }
    session.clearHeld();
    const { nexus } = session;
    const ended = (nexus === null ? Promise.resolve() : this.#node.scsi.closeNexus(nexus)).finally(
      () => this.#ended(session),
    );
    this.#ending.set(session, ended);
    this.#node.options.events?.sessionClosed?.(session, reason);
    return ended;
  }

  #forget(session: TargetSession): void {
    const { tsih, initiatorName, isid } = session.identity;
    this.#byTsih.delete(tsih);
    const key = portKey(initiatorName, isid);
    if (this.#byPort.get(key) === session) this.#byPort.delete(key);
  }

  #ended(session: TargetSession): void {
    this.#ending.delete(session);
    // none is left where everything went well
    for (const task of [...session.tasks.values()]) session.dropTask(task);
    if (this.size > 0 || this.#ending.size > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** Resolves when there is no session left, at the latest after `limitMs`. */
  whenEmpty(limitMs: number): Promise<void> {
    if (this.size === 0 && this.#ending.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#node.timers.after(limitMs, resolve);
      this.#whenEmpty.push(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}
