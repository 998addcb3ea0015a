/**
 * The order of a session's commands over all its connections (RFC 7143 §4.2.2.1): what may go on
 * now, what waits for those before it, and what counts as received although it never came.
 */
import { serialAdd, serialBefore } from '../wire/index.ts';
import type { TargetConnection } from './target-connection.ts';

/** Something whose CmdSN is ahead of its turn. */
export interface HeldCommand {
  readonly connection: TargetConnection;
  /** All of its PDU has come. */
  complete: boolean;
  deliver(): void;
  /** It won't be delivered: gives back what it holds. */
  drop(): void;
}

export type Admission = 'now' | 'held' | 'ignore';

interface Fence {
  readonly cmdSn: number;
  readonly run: () => void;
}

export class CommandOrder {
  expCmdSn: number;
  readonly #held = new Map<number, HeldCommand>();
  /**
   * CmdSNs ahead of ExpCmdSN that count as received: an abort named them, or their connection is
   * gone.
   */
  readonly #plugged = new Set<number>();
  #fences: Fence[] = [];

  constructor(expCmdSn: number) {
    this.expCmdSn = expCmdSn;
  }

  /** Where a command stands with its CmdSN; 'now' has taken the number. */
  admit(cmdSn: number, immediate: boolean, maxCmdSn: number): Admission {
    if (immediate) return 'now';
    const ahead = (cmdSn - this.expCmdSn) | 0;
    if (ahead === 0) {
      this.expCmdSn = serialAdd(this.expCmdSn, 1);
      return 'now';
    }
    if (ahead < 0 || serialBefore(maxCmdSn, cmdSn)) return 'ignore';
    return this.#held.has(cmdSn) || this.#plugged.has(cmdSn) ? 'ignore' : 'held';
  }

  /**
   * The command just admitted is rejected: it counts as not received, and the initiator fills the
   * gap (§7.3).
   */
  giveBack(cmdSn: number): void {
    if (serialAdd(cmdSn, 1) === this.expCmdSn) this.expCmdSn = cmdSn;
  }

  hold(cmdSn: number, command: HeldCommand): void {
    this.#held.set(cmdSn, command);
  }

  /** The rest of a held command has come. */
  complete(cmdSn: number): void {
    const command = this.#held.get(cmdSn);
    if (command !== undefined) command.complete = true;
  }

  /** Delivers what was held for the numbers now reached. */
  deliverHeld(): void {
    if (this.#held.size === 0 && this.#plugged.size === 0 && this.#fences.length === 0) return;
    for (;;) {
      const cmdSn = this.expCmdSn;
      const command = this.#held.get(cmdSn);
      if (!this.#plugged.delete(cmdSn) && command?.complete !== true) break;
      this.#held.delete(cmdSn);
      this.expCmdSn = serialAdd(cmdSn, 1);
      command?.deliver();
    }
    this.#runFences();
  }

  #runFences(): void {
    const reached = this.#fences.filter(({ cmdSn }) => !serialBefore(this.expCmdSn, cmdSn));
    if (reached.length === 0) return;
    this.#fences = this.#fences.filter((fence) => !reached.includes(fence));
    for (const { run } of reached) run();
  }

  /** Runs once every command before `cmdSn` has come: what task management must see (§4.2.3.2). */
  afterCommandsBefore(cmdSn: number, maxCmdSn: number, run: () => void): void {
    const awaited = serialBefore(this.expCmdSn, cmdSn);
    const canCome = !serialBefore(serialAdd(maxCmdSn, 1), cmdSn);
    if (awaited && canCome) this.#fences.push({ cmdSn, run });
    else run();
  }

  /** A command that has not come counts as received (§11.6.1). `deliverHeld` is to follow. */
  plug(cmdSn: number): void {
    if (!this.#held.has(cmdSn)) this.#plugged.add(cmdSn);
  }

  /**
   * A held command won't be delivered; its number counts as received. `deliverHeld` is to follow.
   */
  discard(cmdSn: number): void {
    const command = this.#held.get(cmdSn);
    if (command === undefined) return;
    this.#held.delete(cmdSn);
    this.#plugged.add(cmdSn);
    command.drop();
  }

  isHeld(cmdSn: number): boolean {
    return this.#held.has(cmdSn);
  }

  /**
   * The connection has ended: what it brought and was held goes with it. `deliverHeld` is to
   * follow.
   */
  forgetConnection(connection: TargetConnection): void {
    for (const [cmdSn, command] of [...this.#held]) {
      if (command.connection !== connection) continue;
      if (command.complete) this.discard(cmdSn);
      else this.#forget(cmdSn, command);
    }
  }

  /** The session has ended. */
  clear(): void {
    for (const [cmdSn, command] of [...this.#held]) this.#forget(cmdSn, command);
    this.#plugged.clear();
    this.#fences = [];
  }

  #forget(cmdSn: number, command: HeldCommand): void {
    this.#held.delete(cmdSn);
    command.drop();
  }
}
