/** The programming interface: serve any BlockDevice as a LUN, use a remote LUN as a BlockDevice. */
export { Failure } from './base/index.ts';
export {
  BlockError,
  BlockOp,
  BlockOutcome,
  BlockRequest,
  FileDevice,
  MemoryDevice,
  fromPromises,
  promiseFace,
  wrapMemory,
} from './block/index.ts';
export type {
  BlockDevice,
  BlockExtent,
  BlockFeatures,
  FileDeviceOptions,
  MemoryDeviceOptions,
  TransferMemory,
} from './block/index.ts';
export { Initiator, Target } from './transport/index.ts';
export type { InitiatorOptions, LunOptions, Rights, TargetOptions } from './transport/index.ts';
