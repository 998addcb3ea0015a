/** The disks of the configuration as block devices, all or none. */
import { existsSync } from 'node:fs';
import { Failure } from '../../base/index.ts';
import { FileDevice, MemoryDevice } from '../../block/index.ts';
import type { BlockDevice, Engine } from '../../block/index.ts';
import type { DiskOption } from '../../partition/index.ts';
import type { DiskSettings, ServerSettings } from './settings.ts';

/** @throws Failure; what was opened before is closed again. */
export async function openDisks(settings: ServerSettings, engine: Engine): Promise<DiskOption[]> {
  const disks: DiskOption[] = [];
  try {
    for (const [index, disk] of settings.disks.entries()) {
      const device = await openDisk(disk, index, settings, engine);
      disks.push({ device, path: disk.path ?? device.name, initialize: disk.initialize });
    }
    return disks;
  } catch (error) {
    await closeDisks(disks);
    throw error;
  }
}

export async function closeDisks(disks: readonly DiskOption[]): Promise<void> {
  await Promise.allSettled(disks.map(({ device }) => device.close()));
}

async function openDisk(
  disk: DiskSettings,
  index: number,
  settings: ServerSettings,
  engine: Engine,
): Promise<BlockDevice> {
  const { path, memoryBytes, sizeBytes, sparse } = disk;
  if (memoryBytes !== undefined) {
    return new MemoryDevice({ capacityBytes: memoryBytes, name: `memory${index}` });
  }
  const { direct } = settings;
  const make = sizeBytes === undefined ? {} : { sizeBytes };
  return FileDevice.open({ path: path!, sparse, direct, engine, ...make });
}

/**
 * A server that has an array and finds none of its disks makes no new ones: an empty array in place
 * of a full one would be served as if nothing had happened.
 * @throws Failure `inUse`
 */
export function refuseAllAbsent(disks: readonly DiskSettings[], arrayUuid: string): void {
  const paths = disks.map(({ path }) => path);
  if (!paths.every((path) => path !== undefined && !existsSync(path))) return;
  const advice = 'mount or connect them, or give the server another state directory to begin anew';
  throw new Failure(
    'inUse',
    `array ${arrayUuid}: none of its disks is there (${paths.join(', ')}); ${advice}`,
  );
}
