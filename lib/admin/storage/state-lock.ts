/** One process a state directory: the lock ends with the process, however it ends. */
import { join } from 'node:path';
import { Failure, KIB } from '../../base/index.ts';
import { FileDevice } from '../../block/index.ts';
import type { Engine } from '../../block/index.ts';
import { makePrivateDirectory } from '../state/durable-file.ts';

const LOCK_FILE = 'lock';
const LOCK_FILE_BYTES = 4 * KIB;

export interface StateLock {
  release(): Promise<void>;
}

/**
 * Makes the directory where it is absent. @throws Failure `inUse` that names the process which
 * holds it.
 */
export async function lockState(directory: string, engine: Engine): Promise<StateLock> {
  try {
    await makePrivateDirectory(directory);
  } catch (error) {
    const message = `state directory ${directory}: ${(error as Error).message}`;
    throw new Failure('usage', message, { cause: error });
  }
  const file = await openLock(directory, engine);
  return { release: () => file.close() };
}

async function openLock(directory: string, engine: Engine): Promise<FileDevice> {
  const path = join(directory, LOCK_FILE);
  const options = { path, sizeBytes: LOCK_FILE_BYTES, sparse: true, direct: false, engine };
  try {
    return await FileDevice.open(options);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const message = error.message
      .replace(`Disk ${path}`, `state directory ${directory}`)
      .replace('take another disk', 'choose another `state`');
    throw new Failure(error.kind, message, { cause: error });
  }
}
