/**
 * The way in: disks that the caller has opened become an array, whole and up to date, or a Failure
 * that says why not.
 */
import { Failure, isPowerOfTwo } from '../base/index.ts';
import type { Clock, Random } from '../base/index.ts';
import { assemble } from './assemble.ts';
import { existingStore, formArray } from './bring-up.ts';
import type { BringUp } from './bring-up.ts';
import type { Layout } from './catalogue.ts';
import { DiskArray } from './disk-array.ts';
import { examine } from './examine.ts';
import type { DiskOption } from './examine.ts';
import { CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, MEMBERS_MAX, SERVER_ID_CHARS_MAX } from './limits.ts';

export interface ArrayOptions {
  /** In any order: a disk's label knows its place. */
  readonly disks: readonly DiskOption[];
  readonly layout: Layout;
  /** Stripe only: what lies together on one disk. Default 64 KiB for a new array. */
  readonly chunkBytes?: number | undefined;
  /**
   * Who we are, e.g. the target's iSCSI name: an array of somebody else is not served before its
   * import.
   */
  readonly serverId: string;
  /**
   * The array that is meant; no new one is made then. Without it: what the disks hold, or a new
   * array of blank disks.
   */
  readonly arrayUuid?: string | undefined;
  readonly random: Random;
  readonly clock: Clock;
}

/**
 * Opens the array on these disks, or makes one of blank disks. Disks that are behind are brought up
 * to date first. On success the array owns the devices; on failure the caller closes them.
 * @throws Failure naming each disk that is missing, swapped, foreign, damaged or too small; nothing
 * is served then.
 */
export async function openArray(options: ArrayOptions): Promise<DiskArray> {
  const settings = checkedSettings(options);
  const examined = await Promise.all(options.disks.map(examine));
  const assembly = assemble(examined, options);
  const store =
    assembly.kind === 'new'
      ? await formArray(assembly.disks, settings)
      : existingStore(assembly, settings);
  const { serverId, random, clock } = options;
  const array = new DiskArray({ store, serverId, random, clock });
  await array.start();
  return array;
}

/** @throws Failure `usage` */
function checkedSettings(options: ArrayOptions): BringUp {
  const { disks, layout, chunkBytes, serverId, random, clock } = options;
  const refuse = (what: string): never => {
    throw new Failure('usage', `array: ${what}`);
  };
  if (layout === 'mirror')
    return refuse('layout "mirror" is not in this version; use linear or stripe');
  if (disks.length < 1 || disks.length > MEMBERS_MAX) {
    return refuse(`expected 1 to ${MEMBERS_MAX} disks, found ${disks.length}`);
  }
  if (serverId.length < 1 || serverId.length > SERVER_ID_CHARS_MAX) {
    return refuse(`server id: expected 1 to ${SERVER_ID_CHARS_MAX} characters`);
  }
  if (chunkBytes !== undefined && !isChunk(chunkBytes)) {
    const rule = `a power of two from ${CHUNK_BYTES_MIN} to ${CHUNK_BYTES_MAX} bytes`;
    return refuse(`chunk: expected ${rule}, found ${chunkBytes}`);
  }
  for (const { path, device } of disks) {
    if (device.features.readOnly) refuse(`disk ${path} can only be read`);
  }
  return { layout, chunkBytes, serverId, random, clock };
}

const isChunk = (bytes: number): boolean =>
  isPowerOfTwo(bytes) && bytes >= CHUNK_BYTES_MIN && bytes <= CHUNK_BYTES_MAX;
