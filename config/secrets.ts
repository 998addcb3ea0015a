/**
 * CHAP secrets of a configuration file: read from their files, checked, never repeated in a
 * message.
 */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { checkSecret, SECRET_BYTES_MAX, SECRET_BYTES_MIN } from '../lib/auth/index.ts';
import type { DesiredCredentials } from '../lib/admin/index.ts';
import type { FieldReader, Values } from './fields.ts';
import type { KeyPath } from './document.ts';

const SECRET_LENGTH = `${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} bytes`;
const SECRET_EXPECTED = `a secret of ${SECRET_LENGTH} without line breaks`;
const READABLE_BY_OTHERS = 0o004;

/** Reads the credentials section at `path`; null where there is none. */
export function readCredentials(
  reader: FieldReader,
  directory: string,
  section: Values | undefined,
  path: KeyPath,
): DesiredCredentials | null {
  if (section === undefined) return null;
  const user = section['user'] as string;
  const inline = section['secret'] as string | undefined;
  const file = section['secretFile'] as string | undefined;
  if (inline !== undefined && file !== undefined) {
    reader.report([...path, 'secretFile'], 'either secretFile or secret', 'both');
  }
  if (file !== undefined) {
    return {
      user,
      secret: secretFromFile(reader, resolve(directory, file), [...path, 'secretFile']),
    };
  }
  if (inline !== undefined) reportSecret(reader, inline, [...path, 'secret']);
  return { user, secret: inline ?? null };
}

function reportSecret(reader: FieldReader, secret: string, path: KeyPath): void {
  if (/[\r\n]/.test(secret)) reader.report(path, SECRET_EXPECTED, 'one with a line break');
  else if (checkSecret(secret) !== undefined) {
    reader.report(path, SECRET_EXPECTED, `${Buffer.byteLength(secret)} bytes`);
  }
}

function secretFromFile(reader: FieldReader, file: string, path: KeyPath): string | null {
  try {
    const mode = statSync(file).mode;
    if ((mode & READABLE_BY_OTHERS) !== 0) {
      const found = `${file} with mode ${(mode & 0o777).toString(8).padStart(4, '0')}`;
      reader.report(path, 'a file that not everybody may read (chmod o-r)', found);
      return null;
    }
    const secret = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    reportSecret(reader, secret, path);
    return secret;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    reader.report(path, 'a readable file with the secret', `${file}: ${code}`);
    return null;
  }
}
