/**
 * Holds caller and device to the contract by assertion, so that no other layer needs to. A broken
 * rule is a bug of ours and ends the process.
 */
import { assert } from '../../base/index.ts';
import { BlockOp, BlockOutcome } from '../block-device.ts';
import type { BlockDevice, BlockRequest } from '../block-device.ts';
import { ChildRequests } from '../child-requests.ts';
import type { ChildRequest } from '../child-requests.ts';
import { outcomeName } from '../outcome.ts';
import { refuseRequest } from '../refusal.ts';
import { Layer } from './layer.ts';

interface Expectation {
  readonly snapshot: string;
  /** What the device must answer; undefined: that depends on the medium. */
  readonly refusal: BlockOutcome | undefined;
}

/** The fields that a device must leave as they were. */
const snapshotOf = (request: BlockRequest): string =>
  [
    request.op,
    request.offsetBytes,
    request.lengthBytes,
    request.memoryStart,
    request.fua,
    request.mayUnmap,
  ].join(' ');

export class CheckedLayer extends Layer {
  readonly #expectations = new Map<BlockRequest, Expectation>();
  readonly #children: ChildRequests;
  #submitting = false;
  #closed = false;

  constructor(next: BlockDevice) {
    super(next);
    this.#children = new ChildRequests(next, (child) => this.#ended(child));
    checkGeometry(next);
  }

  override submit(request: BlockRequest): void {
    assert(!this.#expectations.has(request), 'request submitted again before it ended');
    checkShape(request);
    const refusal = this.#closed ? BlockOutcome.notReady : refuseRequest(this.next, request);
    this.#expectations.set(request, {
      snapshot: snapshotOf(request),
      refusal: refusal === BlockOutcome.ok ? undefined : refusal,
    });
    const child = this.#children.begin(request);
    const nested = this.#submitting;
    this.#submitting = true;
    this.#children.submit(child);
    this.#submitting = nested;
  }

  override cancel(request: BlockRequest): void {
    assert(this.#expectations.has(request), 'cancel of a request that is not in flight');
    this.#children.cancel(request);
  }

  override async drain(): Promise<void> {
    await this.next.drain();
  }

  override async close(): Promise<void> {
    this.#closed = true;
    await this.next.close();
    assert(this.#children.inFlight.count === 0, 'close left requests in flight');
  }

  #ended(child: ChildRequest): void {
    const parent = child.parent;
    assert(!this.#submitting, 'onDone called from inside submit');
    assert(parent !== null, 'onDone called twice');
    const expected = this.#expectations.get(parent)!;
    this.#expectations.delete(parent);
    assert(snapshotOf(child) === expected.snapshot, 'device changed a request that is not its own');
    assert(snapshotOf(parent) === expected.snapshot, 'caller changed a request in flight');
    assert(outcomeName(child.outcome) !== undefined, `no such outcome: ${child.outcome}`);
    if (expected.refusal !== undefined) {
      const found = `${outcomeName(child.outcome)} instead of ${outcomeName(expected.refusal)}`;
      assert(child.outcome === expected.refusal, `bad request ended as ${found}`);
    }
    this.#children.end(child);
  }
}

function checkGeometry(device: BlockDevice): void {
  const { blockSizeBytes, physicalBlockSizeBytes, capacityBytes, features } = device;
  assert(blockSizeBytes === 512 || blockSizeBytes === 4096, 'block size is neither 512 nor 4096');
  assert(physicalBlockSizeBytes % blockSizeBytes === 0, 'physical block is no multiple of a block');
  assert(Number.isSafeInteger(capacityBytes), 'capacity is not a safe integer');
  assert(capacityBytes % blockSizeBytes === 0, 'capacity is no multiple of a block');
  assert(features.maxTransferBytes >= blockSizeBytes, 'longest transfer is below a block');
}

function checkShape(request: BlockRequest): void {
  const { op, memory, offsetBytes, lengthBytes } = request;
  assert(op >= BlockOp.read && op <= BlockOp.writeZeroes, `no such operation: ${op}`);
  assert(Number.isSafeInteger(offsetBytes), 'offset is not a safe integer');
  assert(Number.isSafeInteger(lengthBytes), 'length is not a safe integer');
  const moves = op === BlockOp.read || op === BlockOp.write;
  assert(moves || memory === null, 'memory given to an operation that moves nothing');
  assert(op !== BlockOp.flush || lengthBytes === 0, 'flush with a range');
}
