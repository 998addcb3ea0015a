/** Small files that a crash leaves either old or new, never torn. */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Failure } from '../../base/index.ts';

const PRIVATE_FILE_MODE = 0o600;
const PRIVATE_DIRECTORY_MODE = 0o700;

/**
 * Durable when resolved: temporary file, fsync, rename, fsync of the directory. @throws Failure
 * `unexpected` where the file system refuses.
 */
export async function writeJson(path: string, value: unknown): Promise<void> {
  try {
    await replaceFile(path, `${JSON.stringify(value, null, 2)}\n`);
  } catch (error) {
    const advice = 'the change was not made: look after its file system';
    const message = `${path} can't be written: ${(error as Error).message}; ${advice}`;
    throw new Failure('unexpected', message, { cause: error });
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.new`);
  const file = await open(temporary, 'w', PRIVATE_FILE_MODE);
  try {
    await file.chmod(PRIVATE_FILE_MODE);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/**
 * @returns undefined where there is no such file. @throws Failure where it can't be read or isn't
 * JSON.
 */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Failure('unexpected', `${path}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const advice = 'restore it from a backup, or move it away to begin with no hosts';
    throw new Failure('unexpected', `${path}: expected JSON, found something else; ${advice}`, {
      cause: error,
    });
  }
}

/**
 * Makes a directory that only its owner gets at, with what leads to it; durable when resolved.
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: PRIVATE_DIRECTORY_MODE });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    await syncDirectory(dirname(made));
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
