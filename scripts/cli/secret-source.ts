/**
 * Secrets come from a file, standard input or the environment, never from an argument, where others
 * could see them.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Failure } from '../../lib/base/index.ts';
import { checkSecret } from '../../lib/auth/index.ts';
import type { Terminal } from './context.ts';

export interface SecretOptions {
  readonly secretFile?: string;
  readonly secretStdin?: boolean;
}

/**
 * What generated secrets are made of: no letter that is taken for a digit, nothing that a shell or
 * a form changes.
 */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
/** Windows takes 12 to 16 characters; 16 of this alphabet are 92 bits of chance. */
const GENERATED_LENGTH = 16;

/**
 * @returns the secret that was given, or undefined where none was. @throws Failure `usage` for an
 * unfit one.
 */
export async function givenSecret(
  options: SecretOptions,
  terminal: Terminal,
  variable = 'HAWSER_SECRET',
): Promise<string | undefined> {
  const secret = await readSecret(options, terminal, variable);
  const fault = secret === undefined ? undefined : checkSecret(secret);
  if (fault !== undefined) throw new Failure('usage', fault);
  return secret;
}

async function readSecret(
  { secretFile, secretStdin }: SecretOptions,
  terminal: Terminal,
  variable: string,
): Promise<string | undefined> {
  if (secretFile !== undefined) return firstLine(readSecretFile(secretFile));
  if (secretStdin === true) return firstLine(await terminal.readStdin());
  return terminal.env[variable];
}

function readSecretFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Failure('usage', `secret file ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

const firstLine = (text: string): string => text.split(/\r?\n/, 1)[0]!;

export function generateSecret(): string {
  let secret = '';
  while (secret.length < GENERATED_LENGTH) {
    // bytes past the last whole multiple are dropped, so that every character is as likely
    for (const byte of randomBytes(2 * GENERATED_LENGTH)) {
      const usable = byte < 256 - (256 % ALPHABET.length);
      if (usable && secret.length < GENERATED_LENGTH) secret += ALPHABET[byte % ALPHABET.length]!;
    }
  }
  return secret;
}
