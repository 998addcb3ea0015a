/** An engine whose transfers end as a test says. */
import { JsEngine } from '../../../lib/block/index.ts';
import type { EngineTransfer } from '../../../lib/block/index.ts';

export class FaultyEngine extends JsEngine {
  /** Operations in the order of their beginning. */
  readonly queued: number[] = [];
  /** @returns the result that a transfer ends with at once, undefined: it is performed. */
  fault: (transfer: EngineTransfer) => number | undefined = () => undefined;
  /** Transfers held back until `release`. */
  hold: (transfer: EngineTransfer) => boolean = () => false;
  readonly #held: EngineTransfer[] = [];

  override queue(transfer: EngineTransfer): void {
    this.queued.push(transfer.op);
    const result = this.fault(transfer);
    if (result !== undefined) queueMicrotask(() => this.#end(transfer, result));
    else if (this.hold(transfer)) this.#held.push(transfer);
    else super.queue(transfer);
  }

  release(): void {
    for (const transfer of this.#held.splice(0)) super.queue(transfer);
  }

  #end(transfer: EngineTransfer, result: number): void {
    transfer.result = result;
    transfer.onDone(transfer);
  }
}
