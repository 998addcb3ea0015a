/** What every device checks before it touches its medium, in one place. */
import { assert } from '../base/index.ts';
import { BlockOp, BlockOutcome } from './block-device.ts';
import type { BlockDevice, BlockRequest } from './block-device.ts';

/** @returns true where the range lies on the device and on its blocks; an empty range does. */
export function rangeFits(device: BlockDevice, offsetBytes: number, lengthBytes: number): boolean {
  return (
    offsetBytes >= 0 &&
    lengthBytes >= 0 &&
    offsetBytes % device.blockSizeBytes === 0 &&
    lengthBytes % device.blockSizeBytes === 0 &&
    offsetBytes + lengthBytes <= device.capacityBytes
  );
}

/**
 * @returns `ok`, or why the request is not performed at all.
 * @throws AssertionError where a read or write has no memory for its length: the caller's bug, not
 * an outcome.
 */
export function refuseRequest(device: BlockDevice, request: BlockRequest): BlockOutcome {
  const { op } = request;
  if (op === BlockOp.flush) return BlockOutcome.ok;
  if (op !== BlockOp.read) {
    if (device.features.readOnly) return BlockOutcome.readOnly;
    if (op === BlockOp.unmap && !device.features.unmap) return BlockOutcome.unsupported;
  }
  // NaN fails the comparisons too
  if (!rangeFits(device, request.offsetBytes, request.lengthBytes)) return BlockOutcome.outOfRange;
  if (op === BlockOp.read || op === BlockOp.write) assertMemory(request);
  return BlockOutcome.ok;
}

function assertMemory(request: BlockRequest): void {
  const { memory, memoryStart, lengthBytes } = request;
  assert(memory !== null, 'read or write without memory');
  assert(memoryStart >= 0, 'transfer starts before its memory');
  assert(memoryStart + lengthBytes <= memory.bytes.length, 'transfer ends behind its memory');
}
