/** Addresses of portals as text: `192.0.2.1:3260`, `[2001:db8::1]:3260`, `storage.example:3260`. */
import { Failure } from '../base/index.ts';

export const ISCSI_PORT = 3260;
const PORT_MAX = 65_535;
const WILDCARD_HOSTS = new Set(['', '0.0.0.0', '::', '*']);
const V4_IN_V6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

export interface PortalAddress {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** @throws Failure('usage') where the text is no address. */
export function parsePortalAddress(text: string, defaultPort = ISCSI_PORT): PortalAddress {
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^[\]:]*))(?::(\d{1,5}))?$/.exec(text);
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (match === null || port > PORT_MAX)
    throw new Failure(
      'usage',
      `"${text}" is no portal address: expected HOST:PORT, an IPv6 host in brackets ([::1]:3260)`,
    );
  return { host: match[1] ?? match[2] ?? '', port };
}

export const formatPortalAddress = ({ host, port }: PortalAddress): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** True for a portal that listens on every address of the machine. */
export const isWildcardHost = (host: string): boolean => WILDCARD_HOSTS.has(host);

/** A dual-stack socket shows IPv4 peers as `::ffff:192.0.2.1`; a host is told `192.0.2.1`. */
export const plainHost = (host: string): string => V4_IN_V6.exec(host)?.[1] ?? host;
