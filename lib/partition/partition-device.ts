/**
 * A partition as a BlockDevice. Its requests go straight to the members; one piece is one request
 * passed on.
 */
import { assert } from '../base/index.ts';
import {
  allData,
  BlockOp,
  BlockOutcome,
  InFlight,
  Listeners,
  rangeFits,
  refuseRequest,
} from '../block/index.ts';
import type {
  BlockDevice,
  BlockExtent,
  BlockFeatures,
  BlockRequest,
  CompletionQueue,
} from '../block/index.ts';
import { Run } from './array-space.ts';
import type { ArraySpace } from './array-space.ts';
import type { PartitionRecord } from './catalogue.ts';
import { joinedFeatures } from './features.ts';
import type { Member } from './member.ts';
import { mappedExtents } from './mapped-extents.ts';
import { PartitionMap } from './partition-map.ts';
import type { Transfer, TransferOwner, TransferPool } from './transfers.ts';

export interface PartitionDeviceOptions {
  readonly record: PartitionRecord;
  readonly members: readonly Member[];
  readonly space: ArraySpace;
  readonly transfers: TransferPool;
  readonly completions: CompletionQueue;
}

export class PartitionDevice implements BlockDevice, TransferOwner {
  readonly uuid: string;
  readonly blockSizeBytes: number;
  readonly physicalBlockSizeBytes: number;
  readonly features: BlockFeatures;
  readonly #members: readonly Member[];
  readonly #space: ArraySpace;
  readonly #transfers: TransferPool;
  readonly #completions: CompletionQueue;
  readonly #inFlight = new InFlight();
  readonly #capacityListeners = new Listeners<number>();
  readonly #run = new Run();
  #name: string;
  #map: PartitionMap;
  #refusing = false;
  #closing: Promise<void> | null = null;
  /** Oldest and newest transfer under way. */
  #first: Transfer | null = null;
  #last: Transfer | null = null;

  /** @internal Made by the array only: DiskArray.device. */
  constructor({ record, members, space, transfers, completions }: PartitionDeviceOptions) {
    const devices = members.map(({ device }) => device);
    this.uuid = record.uuid;
    this.blockSizeBytes = record.blockSizeBytes;
    this.physicalBlockSizeBytes = Math.max(
      record.blockSizeBytes,
      ...devices.map((device) => device.physicalBlockSizeBytes),
    );
    this.features = joinedFeatures(devices, space.optimalBytes);
    this.#name = record.name;
    this.#members = members;
    this.#space = space;
    this.#transfers = transfers;
    this.#completions = completions;
    this.#map = new PartitionMap(space, record);
  }

  get name(): string {
    return this.#name;
  }

  get capacityBytes(): number {
    return this.#map.sizeBytes;
  }

  submit(request: BlockRequest): void {
    const refusal = this.#refusing ? BlockOutcome.notReady : refuseRequest(this, request);
    const empty = request.lengthBytes === 0 && request.op !== BlockOp.flush;
    if (refusal !== BlockOutcome.ok || empty) {
      this.#completions.push(request, refusal);
      return;
    }
    const transfer = this.#transfers.take();
    transfer.begin(this, request);
    if (request.op === BlockOp.read || request.op === BlockOp.write)
      this.#addRuns(transfer, request);
    else if (request.op === BlockOp.flush) this.#addMembers(transfer);
    else this.#addShares(transfer, request);
    this.#track(transfer);
    transfer.submit();
  }

  cancel(request: BlockRequest): void {
    let transfer = this.#first;
    while (transfer !== null && transfer.parent !== request) transfer = transfer.next;
    transfer?.cancel();
  }

  extents(offsetBytes: number, lengthBytes: number, limit = Infinity): Promise<BlockExtent[]> {
    assert(rangeFits(this, offsetBytes, lengthBytes), 'extents outside the device');
    if (!this.features.unmap) return Promise.resolve(allData(offsetBytes, lengthBytes));
    const devices = this.#members.map(({ device }) => device);
    return mappedExtents({ map: this.#map, devices, offsetBytes, lengthBytes, limit });
  }

  onCapacityChange(listener: (capacityBytes: number) => void): () => void {
    return this.#capacityListeners.add(listener);
  }

  async drain(): Promise<void> {
    await this.#inFlight.drained();
    await this.#completions.drained();
  }

  /**
   * Ends this view of the partition; the members stay open. @throws BlockError where the last flush
   * fails.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  get closed(): boolean {
    return this.#closing !== null;
  }

  /**
   * @internal New requests end as notReady until `resume`; resolves when those before have ended.
   */
  async suspend(): Promise<void> {
    this.#refusing = true;
    await this.drain();
  }

  /** @internal */
  resume(): void {
    this.#refusing = this.closed;
  }

  /** @internal Takes name and extents of a new catalogue. */
  update(record: PartitionRecord): void {
    assert(record.uuid === this.uuid);
    this.#name = record.name;
    const before = this.#map.sizeBytes;
    this.#map = new PartitionMap(this.#space, record);
    assert(this.#map.sizeBytes >= before, 'partitions do not shrink');
    if (this.#map.sizeBytes > before) this.#capacityListeners.emit(this.#map.sizeBytes);
  }

  /** @internal */
  transferEnded(transfer: Transfer, parent: BlockRequest): void {
    const { previous, next } = transfer;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    this.#inFlight.end(transfer.era!);
    this.#transfers.give(transfer);
    parent.onDone(parent);
  }

  #track(transfer: Transfer): void {
    transfer.era = this.#inFlight.begin();
    transfer.previous = this.#last;
    transfer.next = null;
    if (this.#last === null) this.#first = transfer;
    else this.#last.next = transfer;
    this.#last = transfer;
  }

  #addRuns(transfer: Transfer, request: BlockRequest): void {
    const run = this.#run;
    let position = request.offsetBytes;
    const end = position + request.lengthBytes;
    const memoryDelta = request.memoryStart - position;
    while (position < end) {
      this.#map.locate(position, run);
      const lengthBytes = Math.min(run.lengthBytes, end - position);
      const part = transfer.addPart(this.#members[run.member]!, run.offsetBytes, lengthBytes);
      part.memoryStart = position + memoryDelta;
      position += lengthBytes;
    }
  }

  #addMembers(transfer: Transfer): void {
    for (const member of this.#map.members) transfer.addPart(this.#members[member]!, 0, 0);
  }

  #addShares(transfer: Transfer, { offsetBytes, lengthBytes }: BlockRequest): void {
    this.#map.forEachShare(offsetBytes, offsetBytes + lengthBytes, this.#run, (run) => {
      transfer.addPart(this.#members[run.member]!, run.offsetBytes, run.lengthBytes);
    });
  }

  async #close(): Promise<void> {
    await this.suspend();
    const holders = this.#map.members.map((index) => this.#members[index]!);
    await Promise.all(
      holders.filter(({ failure }) => failure === null).map(({ io }) => io.flush()),
    );
  }
}
