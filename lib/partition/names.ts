/** Names as every interface takes them, on both ends. */
import { Failure, type Random } from '../base/index.ts';

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
/** Stands for any host in an assignment. */
export const ANY_HOST = '*';

export function checkName(what: string, name: string): void {
  if (NAME.test(name)) return;
  const rule = 'lower-case letters, digits, ".", "_" and "-", at most 63, first a letter or digit';
  throw new Failure('usage', `${what} name ${JSON.stringify(name)}: expected ${rule}`);
}

export function checkHost(host: string): void {
  if (host !== ANY_HOST) checkName('host', host);
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const isUuid = (text: string): boolean => UUID.test(text);

/** 16 bytes as RFC 9562 text. */
export function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return [...parts, hex.slice(20)].join('-');
}

export const uuidBytes = (text: string): Buffer => Buffer.from(text.replaceAll('-', ''), 'hex');

/** A fresh version 4 UUID. */
export function makeUuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidText(bytes);
}
