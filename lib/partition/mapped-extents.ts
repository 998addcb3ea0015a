/** Allocated and zero ranges of a partition, gathered from the members that hold it. */
import { MIB } from '../base/index.ts';
import { appendExtent } from '../block/index.ts';
import type { BlockDevice, BlockExtent } from '../block/index.ts';
import { Run } from './array-space.ts';
import type { PartitionMap } from './partition-map.ts';

/**
 * Extents asked of a member at once, and how far ahead: neighbouring chunks of a stripe are
 * answered by one question.
 */
const ASKED_EXTENTS = 256;
const ASKED_BYTES = 64 * MIB;
/** Pieces looked at before an answer that has all the extents it may have is given as it is. */
const PIECES_MAX = 4096;

export interface ExtentQuestion {
  readonly map: PartitionMap;
  readonly devices: readonly BlockDevice[];
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly limit: number;
}

export async function mappedExtents(question: ExtentQuestion): Promise<BlockExtent[]> {
  const { map, offsetBytes, lengthBytes, limit } = question;
  const views = question.devices.map((device) => new ExtentView(device));
  const list: BlockExtent[] = [];
  const end = offsetBytes + lengthBytes;
  const run = new Run();
  let position = offsetBytes;
  for (let piece = 0; position < end && list.length <= limit; piece++) {
    if (piece >= PIECES_MAX && list.length === limit) break;
    map.locate(position, run);
    const { member, lengthBytes: runBytes } = run;
    const extent = await views[member]!.at(run.offsetBytes);
    const bytes = Math.min(extent.lengthBytes, runBytes, end - position);
    appendExtent(list, position, bytes, extent.kind);
    position += bytes;
  }
  return list.slice(0, limit);
}

/** A member's extents around the place that was asked last. */
class ExtentView {
  readonly #device: BlockDevice;
  #known: BlockExtent[] = [];

  constructor(device: BlockDevice) {
    this.#device = device;
  }

  /** @returns the rest of the extent from `offsetBytes` on. */
  async at(offsetBytes: number): Promise<BlockExtent> {
    const extent = this.#find(offsetBytes) ?? (await this.#ask(offsetBytes));
    const skipped = offsetBytes - extent.offsetBytes;
    return { offsetBytes, lengthBytes: extent.lengthBytes - skipped, kind: extent.kind };
  }

  #find(offsetBytes: number): BlockExtent | undefined {
    while (this.#known.length > 0 && endOf(this.#known[0]!) <= offsetBytes) this.#known.shift();
    const first = this.#known[0];
    return first !== undefined && first.offsetBytes <= offsetBytes ? first : undefined;
  }

  async #ask(offsetBytes: number): Promise<BlockExtent> {
    const lengthBytes = Math.min(ASKED_BYTES, this.#device.capacityBytes - offsetBytes);
    this.#known = await this.#device.extents(offsetBytes, lengthBytes, ASKED_EXTENTS);
    return this.#known[0] ?? { offsetBytes, lengthBytes, kind: 'data' };
  }
}

const endOf = ({ offsetBytes, lengthBytes }: BlockExtent): number => offsetBytes + lengthBytes;
