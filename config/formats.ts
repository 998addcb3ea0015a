/**
 * The kinds of value a configuration file can hold, registered with convict. Each says what it
 * expects; a value that doesn't fit is reported with that sentence, so none of them has an error
 * text of its own.
 */
import convict from 'convict';
import { isIP } from 'node:net';
import { DURATION_EXPECTED, parseDuration, parseSize, SIZE_EXPECTED } from './quantity.ts';
import { isPowerOfTwo } from '../lib/base/index.ts';
import { isIscsiName } from '../lib/iscsi/index.ts';

/** Names of hosts and partitions, on both ends. */
export const NAME_PATTERN = /^[a-z0-9][a-z0-9._-]{0,62}$/;
export const NAME_EXPECTED =
  'a name of 1 to 63 characters a-z, 0-9, ".", "_" or "-" that begins with a letter or digit';
const PORT_MAX = 65_535;
const UUID_PATTERN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What a schema row may say besides its format. */
export interface LeafOptions {
  readonly doc: string;
  /** Left out: the key is required. `undefined`: optional, without a value of its own. */
  readonly default?: unknown;
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly (string | number)[];
  /** Never shown, neither in errors nor in logs. */
  readonly sensitive?: boolean;
  /** False: takes effect at the next start only. */
  readonly reload?: boolean;
}

interface Format {
  expected(options: LeafOptions): string;
  accepts(value: unknown, options: LeafOptions): boolean;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const inRange = (value: number, { min, max }: LeafOptions): boolean =>
  value >= (min ?? -Infinity) && value <= (max ?? Infinity);

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** @returns undefined where the text isn't `host:port` or `[IPv6]:port`. */
export function parseAddress(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.%a-z]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  const host = match[1] ?? match[2]!;
  if (port > PORT_MAX || (match[1] !== undefined && isIP(host.split('%')[0]!) !== 6))
    return undefined;
  return { host, port };
}

export const isLoopbackHost = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

export const formats = {
  size: {
    expected: ({ min, max }) => SIZE_EXPECTED + boundsText(min, max, 'B'),
    accepts: (value, options) => {
      const bytes = isText(value) ? parseSize(value) : undefined;
      return bytes !== undefined && bytes > 0 && inRange(bytes, options);
    },
  },
  chunk: {
    expected: () => 'a power of two from 4KiB to 1MiB, like 64KiB',
    accepts: (value, options) => {
      const bytes = isText(value) ? parseSize(value) : undefined;
      return bytes !== undefined && isPowerOfTwo(bytes) && inRange(bytes, options);
    },
  },
  duration: {
    expected: ({ min, max }) => DURATION_EXPECTED + boundsText(min, max, 'ms'),
    accepts: (value, options) => {
      const ms = isText(value) ? parseDuration(value) : undefined;
      return ms !== undefined && inRange(ms, options);
    },
  },
  whole: {
    expected: ({ min, max }) => `a whole number${boundsText(min, max, '')}`,
    accepts: (value, options) => Number.isSafeInteger(value) && inRange(value as number, options),
  },
  initialize: {
    expected: () => 'true, false, or the UUID of the disk whose label may be given up',
    accepts: (value) => typeof value === 'boolean' || (isText(value) && UUID_PATTERN.test(value)),
  },
  switch: {
    expected: () => 'true or false',
    accepts: (value) => typeof value === 'boolean',
  },
  choice: {
    expected: ({ choices }) => `one of ${choices!.join(', ')}`,
    accepts: (value, { choices }) => choices!.includes(value as string | number),
  },
  choices: {
    expected: ({ choices }) => `a list of some of ${choices!.join(', ')}`,
    accepts: (value, { choices }) =>
      Array.isArray(value) && value.length > 0 && value.every((item) => choices!.includes(item)),
  },
  text: {
    expected: () => 'text',
    accepts: isText,
  },
  address: {
    expected: () => 'an address with its port, like "127.0.0.1:3260" or "[::]:3260"',
    accepts: (value) => isText(value) && parseAddress(value) !== undefined,
  },
  addresses: {
    expected: () => 'a list of addresses with their ports, like ["127.0.0.1:3260"]',
    accepts: (value) =>
      Array.isArray(value) &&
      value.every((item) => isText(item) && parseAddress(item) !== undefined),
  },
  texts: {
    expected: () => 'a list of texts',
    accepts: (value) => Array.isArray(value) && value.every(isText),
  },
  iscsiName: {
    expected: () => 'an iSCSI name, like "iqn.1993-08.org.debian:01:web1"',
    accepts: (value) => isText(value) && isIscsiName(value),
  },
} as const satisfies Record<string, Format>;
export type FormatName = keyof typeof formats;

function boundsText(min: number | undefined, max: number | undefined, unit: string): string {
  if (min !== undefined && max !== undefined) return ` from ${min}${unit} to ${max}${unit}`;
  if (min !== undefined) return `, at least ${min}${unit}`;
  return max === undefined ? '' : `, at most ${max}${unit}`;
}

/** A row of a convict schema made by `convictRow`. */
interface Row extends LeafOptions {
  readonly report: (expected: string, value: unknown) => void;
}

/**
 * Convict's own coercions would turn "64KiB" into 64 and "no" into true: values stay what the file
 * says.
 */
for (const [name, format] of Object.entries<Format>(formats)) {
  convict.addFormat({
    name,
    coerce: (value: unknown) => value,
    validate(value: unknown, schema: unknown) {
      const row = schema as Row;
      if (format.accepts(value, row)) return;
      row.report(format.expected(row), value);
    },
  });
}
