/** What a CHAP secret has to be, checked where it is configured. @source RFC 7143 §9.2.1 */
import type { ChapCredentials } from './auth-method.ts';

/** 96 bits: what CHAP without IPsec asks for at least. */
export const SECRET_BYTES_MIN = 12;
/** No standard has a limit; more than this is a mistake, such as a file of another kind. */
export const SECRET_BYTES_MAX = 255;
export const USER_BYTES_MAX = 255;

/**
 * @returns what is wrong with a secret, in words for an operator, or undefined. Never the secret
 * itself.
 */
export function checkSecret(secret: string): string | undefined {
  const lengthBytes = Buffer.byteLength(secret, 'utf8');
  if (lengthBytes < SECRET_BYTES_MIN) {
    return `a CHAP secret has at least ${SECRET_BYTES_MIN} bytes, this one has ${lengthBytes}`;
  }
  if (lengthBytes > SECRET_BYTES_MAX) {
    return `a CHAP secret has at most ${SECRET_BYTES_MAX} bytes, this one has ${lengthBytes}`;
  }
  return secret.includes('\0') ? 'a CHAP secret holds no zero byte' : undefined;
}

/**
 * @returns what is wrong with the credentials of a host and, where it is to check us too, with ours
 * for it.
 */
export function checkCredentials(
  chap: ChapCredentials,
  mutual: ChapCredentials | null = null,
): string | undefined {
  for (const { user, secret } of mutual === null ? [chap] : [chap, mutual]) {
    const userBytes = Buffer.byteLength(user, 'utf8');
    if (userBytes === 0 || userBytes > USER_BYTES_MAX || user.includes('\0')) {
      return `a CHAP user has 1 to ${USER_BYTES_MAX} bytes and no zero byte`;
    }
    const fault = checkSecret(secret);
    if (fault !== undefined) return fault;
  }
  return chap.secret === mutual?.secret
    ? 'the secrets of the two directions must differ: whoever learns one could answer for both'
    : undefined;
}
