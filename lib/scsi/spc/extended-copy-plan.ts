/** Finds the logical units that a copy names and checks every segment before anything moves. */
import { invalidParameterField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ItlNexus } from '../nexus.ts';
import type { ScsiTask } from '../task.ts';
import { namesUnit } from './extended-copy-designators.ts';
import type { CopyExtent } from './extended-copy-engine.ts';
import { cscdOffset } from './extended-copy-parameters.ts';
import type { CopyDevice, CopyList, CopySegment } from './extended-copy-parameters.ts';

const DIRECT_ACCESS = 0x00;

export type CopyPlan =
  | { readonly kind: 'plan'; readonly extents: readonly CopyExtent[] }
  | { readonly kind: 'refused'; readonly reason: SenseReason }
  | { readonly kind: 'conflict' };

const refused = (reason: SenseReason): CopyPlan => ({ kind: 'refused', reason });

/**
 * Only logical units mapped on the nexus that sent the command are looked at: a copy reaches what
 * its sender reaches.
 */
export function planCopy(task: ScsiTask, list: CopyList): CopyPlan {
  const extents: CopyExtent[] = [];
  for (const segment of list.segments) {
    const source = findUnit(task, list, segment.sourceIndex);
    if (typeof source === 'string') return refused(source);
    const destination = findUnit(task, list, segment.destinationIndex);
    if (typeof destination === 'string') return refused(destination);
    if (conflicts(source, 'read') || conflicts(destination, 'write')) return { kind: 'conflict' };
    const extent = refuseRights(source, destination) ?? extentOf(segment, source, destination);
    if (typeof extent === 'string') return refused(extent);
    extents.push(extent);
  }
  return { kind: 'plan', extents };
}

const conflicts = (itl: ItlNexus, access: 'read' | 'write'): boolean =>
  itl.unit.hasReservations && itl.unit.reservations.conflicts(itl, access);

function findUnit(task: ScsiTask, list: CopyList, index: number): ItlNexus | SenseReason {
  const device = list.devices[index];
  if (device === undefined || device.nullDevice) return 'copyTargetUnreachable';
  if (device.peripheralDeviceType !== DIRECT_ACCESS) return 'copyTargetIncorrectType';
  for (const itl of task.nexus!.units.values()) {
    if (!namesUnit(device, itl)) continue;
    return refuseBlockSize(task, device, itl, index) ?? itl;
  }
  return 'copyTargetNotReachable';
}

function refuseBlockSize(
  task: ScsiTask,
  device: CopyDevice,
  itl: ItlNexus,
  index: number,
): SenseReason | undefined {
  if (device.diskBlockBytes === 0 || device.diskBlockBytes === itl.unit.blockSizeBytes) {
    return undefined;
  }
  return invalidParameterField(task, cscdOffset(index, 'diskBlockBytes'));
}

function refuseRights(source: ItlNexus, destination: ItlNexus): SenseReason | undefined {
  const { unit } = destination;
  if (source.unit.notReady !== null) return source.unit.notReady;
  if (unit.notReady !== null) return unit.notReady;
  if (destination.readOnly || unit.readOnly) return 'writeProtected';
  return unit.modes.softwareWriteProtect ? 'softwareWriteProtected' : undefined;
}

function extentOf(
  segment: CopySegment,
  source: ItlNexus,
  destination: ItlNexus,
): CopyExtent | SenseReason {
  const { sourceLba, destinationLba } = segment;
  // SPC-4 leaves the code for a range outside the medium open
  if (sourceLba === undefined || destinationLba === undefined) return 'copyAborted';
  const counted = segment.countsDestination ? destination : source;
  const lengthBytes = segment.blockCount * counted.unit.blockSizeBytes;
  const sourceBlocks = lengthBytes / source.unit.blockSizeBytes;
  const destinationBlocks = lengthBytes / destination.unit.blockSizeBytes;
  if (!Number.isInteger(sourceBlocks) || !Number.isInteger(destinationBlocks)) {
    return 'copyInexactSegment';
  }
  if (sourceLba + sourceBlocks > source.unit.capacityBlocks) return 'copyAborted';
  if (destinationLba + destinationBlocks > destination.unit.capacityBlocks) return 'copyAborted';
  return {
    source,
    destination,
    sourceBytes: sourceLba * source.unit.blockSizeBytes,
    destinationBytes: destinationLba * destination.unit.blockSizeBytes,
    lengthBytes,
  };
}
