export type { Assignment, Extent, Layout, Rights, Sharing } from './catalogue.ts';
export { DiskArray } from './disk-array.ts';
export type { CreateOptions, PartitionReservations } from './disk-array.ts';
export type { DiskOption } from './examine.ts';
export * from './limits.ts';
export { ANY_HOST, checkHost, checkName, makeUuid } from './names.ts';
export { openArray } from './open-array.ts';
export type { ArrayOptions } from './open-array.ts';
export { PartitionDevice } from './partition-device.ts';
export type {
  ArrayState,
  ArrayView,
  MemberView,
  PartitionSettings,
  PartitionView,
} from './views.ts';
