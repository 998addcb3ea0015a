/**
 * What tests of arrays share: time that stands still, disks, and how an array's whole state reads
 * as one text.
 */
import { MIB, SeededRandom } from '../../lib/base/index.ts';
import type { Clock, Random } from '../../lib/base/index.ts';
import { MemoryDevice, promiseFace } from '../../lib/block/index.ts';
import type { BlockDevice } from '../../lib/block/index.ts';
import { openArray } from '../../lib/partition/index.ts';
import type { ArrayOptions, DiskArray } from '../../lib/partition/index.ts';

export const SERVER = 'iqn.2026-11.io.hawser:test';
export const stillClock: Clock = { nowMs: () => 0, wallMs: () => 1_700_000_000_000 };

export const memoryDisks = (count: number, sizeBytes = 64 * MIB): MemoryDevice[] =>
  Array.from(
    { length: count },
    (_, index) => new MemoryDevice({ capacityBytes: sizeBytes, name: `m${index}` }),
  );

export interface TestArrayOptions extends Partial<Omit<ArrayOptions, 'disks'>> {
  readonly initialize?: boolean | string;
  readonly seed?: number;
}

/** Opens an array on these devices, each known by its name. */
export function openOn(
  devices: readonly BlockDevice[],
  options: TestArrayOptions = {},
): Promise<DiskArray> {
  const { initialize, seed = 1, ...rest } = options;
  const random: Random = new SeededRandom(seed);
  const disks = devices.map((device) => ({ device, path: device.name, initialize }));
  const defaults = { layout: 'linear', serverId: SERVER, clock: stillClock, random } as const;
  return openArray({ ...defaults, ...rest, disks });
}

/** Everything that a change can change. */
export function stateOf(array: DiskArray): string {
  const partitions = array.partitions.map((view) => ({
    ...view,
    kept: array.reservationStore(view.name).load()?.toString('latin1') ?? null,
  }));
  const { owner, uuid, members } = array.status();
  return JSON.stringify({ owner, uuid, members: members.map((one) => one.uuid), partitions });
}

export async function readFrom(
  device: BlockDevice,
  offsetBytes: number,
  lengthBytes: number,
): Promise<Buffer> {
  const into = Buffer.alloc(lengthBytes);
  await promiseFace(device).read(offsetBytes, into);
  return into;
}

/** The Failure that a promise rejects with, in words; fails where it resolves. */
export async function refusal(work: Promise<unknown>): Promise<{ kind: string; message: string }> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error && 'kind' in error) {
      return { kind: String(error.kind), message: error.message };
    }
    throw error;
  }
  throw new Error('expected a Failure, it succeeded');
}
