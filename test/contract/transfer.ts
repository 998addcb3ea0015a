/** One request of the batch face as a promise, for tests. */
import { SeededRandom } from '../../lib/base/index.ts';
import { BlockRequest, outcomeName } from '../../lib/block/index.ts';
import type { BlockDevice, BlockOp, TransferMemory } from '../../lib/block/index.ts';

export interface Transfer {
  readonly op: BlockOp;
  readonly offsetBytes?: number;
  readonly lengthBytes?: number;
  readonly memory?: TransferMemory | null;
  readonly memoryStart?: number;
  readonly fua?: boolean;
  readonly mayUnmap?: boolean;
  readonly owner?: unknown;
}

/** Submits and resolves with the request when it has ended. */
export function transfer(device: BlockDevice, fields: Transfer): Promise<BlockRequest> {
  const request = new BlockRequest();
  Object.assign(request, fields);
  return new Promise((resolve) => {
    request.onDone = resolve;
    device.submit(request);
  });
}

/** The name of the outcome. */
export const outcomeOf = async (device: BlockDevice, fields: Transfer): Promise<string> =>
  outcomeName((await transfer(device, fields)).outcome);

export const pattern = (length: number, seed: number): Buffer =>
  new SeededRandom(seed).bytes(length);
