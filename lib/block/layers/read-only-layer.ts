import { BlockOp, BlockOutcome } from '../block-device.ts';
import type { BlockDevice, BlockFeatures, BlockRequest } from '../block-device.ts';
import { CompletionQueue } from '../completion-queue.ts';
import { Layer } from './layer.ts';

/** Refuses whatever would change the device. */
export class ReadOnlyLayer extends Layer {
  readonly #features: BlockFeatures;
  readonly #completions = new CompletionQueue();

  constructor(next: BlockDevice) {
    super(next);
    this.#features = { ...next.features, readOnly: true, unmap: false };
  }

  override get features(): BlockFeatures {
    return this.#features;
  }

  override submit(request: BlockRequest): void {
    const harmless = request.op === BlockOp.read || request.op === BlockOp.flush;
    if (harmless) this.next.submit(request);
    else this.#completions.push(request, BlockOutcome.readOnly);
  }

  override async drain(): Promise<void> {
    await this.#completions.drained();
    await this.next.drain();
  }
}
