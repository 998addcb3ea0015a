/**
 * iSCSI URLs as libiscsi and QEMU write them:
 * `iscsi://[user[%secret]@]host[:port]/target-name/lun`, with IPv6 hosts in brackets and libiscsi's
 * parameters behind a question mark. A portal is the same without the path, the scheme optional.
 */
import type { ChapCredentials } from '../auth/index.ts';
import { Failure } from '../base/index.ts';
import { formatPortalAddress, parsePortalAddress } from '../discovery/index.ts';
import type { PortalAddress } from '../discovery/index.ts';

/** Flat space addressing of SAM-5 ends here; larger numbers need other addressing methods. */
const LUN_MAX = 16_383;

/** What the initiator asks for: `preferred` offers CRC32C, then None; `required` CRC32C only. */
export type DigestChoice = 'none' | 'preferred' | 'required';

export interface IscsiUrl extends PortalAddress {
  readonly targetName: string;
  readonly lun: number;
  /** `secret` may be absent from the URL and come from elsewhere. */
  readonly user: string | null;
  readonly secret: string | null;
  /** What the target has to prove in turn. */
  readonly mutual: ChapCredentials | null;
  readonly headerDigest: DigestChoice | null;
  readonly dataDigest: DigestChoice | null;
}

const FORM = 'iscsi://[user[%secret]@]host[:port]/target-name/lun';

const refuse = (what: string): never => {
  throw new Failure('usage', `iSCSI URL: ${what}; expected ${FORM}`);
};

/** @throws Failure `usage`; its message never shows the secret. */
export function parseIscsiUrl(text: string): IscsiUrl {
  const match = /^iscsi:\/\/([^/?]*)\/([^/?]+)\/([^/?]*)(?:\?(.*))?$/is.exec(text);
  if (match === null) return refuse('not of the known form');
  const [, authority, target, lun, query] = match;
  const { credentials, portal } = splitAuthority(authority!);
  return {
    ...parsePortal(portal),
    targetName: decodeURIComponentOf(target!).toLowerCase(),
    lun: parseLun(lun!),
    ...parseCredentials(credentials),
    ...parseParameters(query ?? ''),
  };
}

/**
 * Accepts `host`, `host:port`, `[v6]:port`, each with or without `iscsi://` and a trailing slash.
 */
export function parsePortalUrl(text: string): PortalAddress {
  const bare = text.replace(/^iscsi:\/\//i, '').replace(/\/$/, '');
  if (bare.includes('/') || bare.includes('@')) {
    throw new Failure('usage', `portal ${JSON.stringify(text)}: expected host[:port]`);
  }
  return parsePortal(bare);
}

/** The URL without any secret, for logs and tables. */
export function formatIscsiUrl(url: PortalAddress & { targetName: string; lun: number }): string {
  return `iscsi://${formatPortalAddress(url)}/${url.targetName}/${url.lun}`;
}

function splitAuthority(authority: string): { credentials: string | null; portal: string } {
  // the last @, so that a secret may hold one
  const at = authority.lastIndexOf('@');
  if (at < 0) return { credentials: null, portal: authority };
  return { credentials: authority.slice(0, at), portal: authority.slice(at + 1) };
}

function parseCredentials(credentials: string | null): Pick<IscsiUrl, 'user' | 'secret'> {
  if (credentials === null) return { user: null, secret: null };
  const percent = credentials.indexOf('%');
  const user = percent < 0 ? credentials : credentials.slice(0, percent);
  if (user === '') return refuse('the user name before @ is empty');
  return { user, secret: percent < 0 ? null : credentials.slice(percent + 1) };
}

function parsePortal(text: string): PortalAddress {
  const portal = parsePortalAddress(text);
  if (portal.host !== '' && portal.port > 0) return portal;
  throw new Failure('usage', `portal ${JSON.stringify(text)}: host or port is missing`);
}

function parseLun(text: string): number {
  const lun = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(lun <= LUN_MAX)) return refuse(`LUN ${JSON.stringify(text)} is not 0 to ${LUN_MAX}`);
  return lun;
}

function decodeURIComponentOf(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse(`bad percent escape in the target name ${JSON.stringify(text)}`);
  }
}

const digestWords: Readonly<Record<string, DigestChoice>> = {
  none: 'none',
  'none,crc32c': 'none',
  'crc32c,none': 'preferred',
  crc32c: 'required',
};

function parseDigest(name: string, word: string | null): DigestChoice | null {
  if (word === null) return null;
  const choice = digestWords[word.toLowerCase()];
  if (choice === undefined) {
    return refuse(`${name}=${word}: expected ${Object.keys(digestWords).join(' | ')}`);
  }
  return choice;
}

const KNOWN_PARAMETERS = ['header_digest', 'data_digest', 'target_user', 'target_password'];

function parseParameters(query: string): Pick<IscsiUrl, 'mutual' | 'headerDigest' | 'dataDigest'> {
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (!KNOWN_PARAMETERS.includes(name)) {
      return refuse(`unknown parameter ${name}, known are ${KNOWN_PARAMETERS.join(', ')}`);
    }
  }
  const user = parameters.get('target_user');
  const secret = parameters.get('target_password');
  if ((user === null) !== (secret === null)) {
    return refuse('target_user and target_password go together');
  }
  return {
    mutual: user === null || secret === null ? null : { user, secret },
    headerDigest: parseDigest('header_digest', parameters.get('header_digest')),
    dataDigest: parseDigest('data_digest', parameters.get('data_digest')),
  };
}
