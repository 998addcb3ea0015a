/** Opens the file or block device behind a file device, and makes the file where it is absent. */
import { existsSync, ftruncateSync, linkSync, statfsSync, statSync, unlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { errnoName } from './errno.ts';
import { Failure } from '../../base/index.ts';
import type { FailureKind } from '../../base/index.ts';
import type { FileFacts } from '../native-binding.ts';
import type { Engine } from './engine.ts';
import { describeHolder } from './lock-holder.ts';

const { errno: Errno } = constants;
/**
 * A file being made has this behind its name, so that a crash leaves no half-made disk under the
 * name itself.
 */
const UNFINISHED_SUFFIX = '.unfinished';

export interface OpenFileOptions {
  readonly path: string;
  /** An absent file is made with this size; what exists keeps its own. */
  readonly sizeBytes?: number | undefined;
  readonly sparse: boolean;
  readonly direct: boolean;
  readonly readOnly: boolean;
}

const refusals: Readonly<Record<number, readonly [FailureKind, string]>> = {
  [Errno.ENOENT]: ['notFound', 'no such file or device; check the path, or give a size to make it'],
  [Errno.ENOTDIR]: ['notFound', 'part of the path is not a directory; check the path'],
  [Errno.EACCES]: ['notAllowed', 'no permission; check the owner and mode, and that of its folder'],
  [Errno.EPERM]: ['notAllowed', 'the system does not permit it'],
  [Errno.EROFS]: ['notAllowed', 'its file system is read-only; open it read-only'],
  [Errno.EISDIR]: ['usage', 'expected a file or block device, found a directory'],
  [Errno.ENODEV]: ['usage', 'expected a file or block device, found something else'],
  [Errno.ENXIO]: ['notFound', 'the device is not there; check that the disk is connected'],
  [Errno.ENOSPC]: ['conflict', 'its file system has no space for it; free some or ask for less'],
  [Errno.EFBIG]: ['usage', 'larger than its file system allows; ask for less'],
};

const isBlockDevice = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isBlockDevice() ?? false;

function refusal(path: string, error: unknown): unknown {
  const { errno } = error as NodeJS.ErrnoException;
  if (errno === undefined) return error;
  if (errno === -Errno.EAGAIN || errno === -Errno.EBUSY) {
    const held = existsSync(path) ? path : path + UNFINISHED_SUFFIX;
    const holder = describeHolder(held, isBlockDevice(held));
    const message = `Disk ${path} is in use by ${holder}: stop that first, or take another disk`;
    return new Failure('inUse', message, { cause: error });
  }
  const [kind, why] = refusals[-errno] ?? ['unexpected', errnoName(errno)];
  return new Failure(kind, `Disk ${path} cannot be opened: ${why}`, { cause: error });
}

/** @throws (rejects) Failure that names the path and, where it is locked, the holder. */
export async function openFile(engine: Engine, options: OpenFileOptions): Promise<FileFacts> {
  const { path, direct, readOnly } = options;
  try {
    if (options.sizeBytes !== undefined && !readOnly && !existsSync(path)) {
      await makeFile(engine, path, options.sizeBytes, options.sparse);
    }
    return engine.open(path, { direct, readOnly, create: false });
  } catch (error) {
    throw refusal(path, error);
  }
}

async function makeFile(engine: Engine, path: string, bytes: number, sparse: boolean) {
  const unfinished = path + UNFINISHED_SUFFIX;
  // the lock keeps two makers apart
  const { fd } = engine.open(unfinished, { direct: false, readOnly: false, create: true });
  try {
    ftruncateSync(fd, 0);
    ftruncateSync(fd, bytes);
    if (!sparse) await preallocate(engine, unfinished, fd, bytes);
    await syncPath(unfinished);
    // unlike a rename, a link never replaces what somebody else has made meanwhile
    linkSync(unfinished, path);
  } finally {
    unlinkSync(unfinished);
    await engine.closeFile(fd);
  }
  await syncPath(dirname(path));
}

async function preallocate(engine: Engine, path: string, fd: number, bytes: number) {
  // asked before, as the file system would first give away all that it has
  const { bavail, bsize } = statfsSync(path);
  if (bytes > bavail * bsize) throw Object.assign(new Error('ENOSPC'), { errno: -Errno.ENOSPC });
  try {
    await engine.preallocate(fd, bytes);
  } catch (error) {
    // a file system that can't: the file is sparse, and the device says so
    if ((error as NodeJS.ErrnoException).errno !== -Errno.EOPNOTSUPP) throw error;
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
