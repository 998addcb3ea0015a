/** The disks of the configuration as block devices, all or none. */
import { existsSync } from 'node:fs';
import { Failure } from '../../base/index.ts';
import { FileDevice, MemoryDevice } from '../../block/index.ts';
import type { BlockDevice, Engine } from '../../block/index.ts';
import type { DiskOption } from '../../partition/index.ts';
import type { DiskSettings, ServerSettings } from './settings.ts';

/** An array that this server has served, and the disks that it lay on. */
export interface KnownArray {
  readonly uuid: string;
  readonly paths: readonly string[];
}

/**
 * @param known a disk of this array that is absent is missed, not made anew.
 * @throws Failure; what was opened before is closed again.
 */
export async function openDisks(
  settings: ServerSettings,
  engine: Engine,
  known: KnownArray | null,
): Promise<DiskOption[]> {
  if (known !== null) refuseAbsent(settings, known);
  const disks: DiskOption[] = [];
  try {
    for (const [index, disk] of settings.disks.entries()) {
      const device = disk.device ?? (await openDisk(disk, index, settings, engine));
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
 * A server makes no new disk in place of one that it had, which may only be unplugged or not
 * mounted yet. Only one that is new in the list of a linear array is made.
 * @throws Failure `inUse`
 */
function refuseAbsent({ disks, layout }: ServerSettings, { uuid, paths }: KnownArray): void {
  const absent = disks.flatMap(({ path }) =>
    path !== undefined && !existsSync(path) ? [path] : [],
  );
  const missed = absent.filter((path) => layout !== 'linear' || paths.includes(path));
  if (missed.length === 0 && absent.length < disks.length) return;
  const advice = 'mount or connect what is missing; to begin anew take another state directory';
  const found = (missed.length > 0 ? missed : absent).join(', ');
  throw new Failure('inUse', `array ${uuid}: ${found} is not there; ${advice}`);
}
