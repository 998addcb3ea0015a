/** Once a second: logins that take too long, peers that are silent, and the node's coarse clock. */
import type { Timer } from '../base/index.ts';
import type { TargetConnection } from './target-connection.ts';
import type { TargetNode } from './target-node.ts';

const SWEEP_MS = 1_000;

export class ConnectionSweep {
  readonly #node: TargetNode;
  #timer: Timer | null = null;

  constructor(node: TargetNode) {
    this.#node = node;
  }

  /** Runs while there is anything to look after. */
  start(): void {
    if (this.#timer !== null) return;
    this.#node.coarseNowMs = this.#node.timers.nowMs();
    this.#timer = this.#node.timers.after(SWEEP_MS, () => this.#run());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #run(): void {
    const node = this.#node;
    this.#timer = null;
    node.coarseNowMs = node.timers.nowMs();
    for (const connection of [...node.loggingIn]) {
      // in order of age: the first young one ends the walk
      if (node.coarseNowMs - connection.acceptedMs < node.limits.loginMs) break;
      node.loggingIn.delete(connection);
      connection.close();
    }
    for (const session of [...node.sessionTable]) {
      for (const connection of [...session.connections.values()]) this.#check(connection);
    }
    if (node.loggingIn.size > 0 || node.sessionTable.size > 0) this.start();
  }

  #check(connection: TargetConnection): void {
    const { coarseNowMs, limits, counters } = this.#node;
    if (limits.nopIntervalMs === 0) return;
    if (connection.pingTag !== 0) {
      if (connection.lastReceivedMs >= connection.pingSentMs) {
        connection.pingTag = 0; // any byte shows life, not only the answer
      } else if (coarseNowMs - connection.pingSentMs >= limits.nopTimeoutMs) {
        counters.nopTimeouts++;
        connection.close();
      }
      return;
    }
    if (coarseNowMs - connection.lastReceivedMs >= limits.nopIntervalMs) connection.ping();
  }
}
