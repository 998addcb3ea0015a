/**
 * The common case in one: a partition, a host and the assignment between them; all of it, or what
 * was made goes again.
 */
import { Failure } from '../../base/index.ts';
import { foldIscsiName } from '../../iscsi/index.ts';
import type { GivenCredentials } from './host-operations.ts';
import { putHost, removeHost } from './host-operations.ts';
import { createPartition } from './partition-operations.ts';
import type { ServerParts } from './server-parts.ts';

export interface ShareRequest {
  readonly name: string;
  readonly sizeBytes: number;
  readonly lun?: number;
  readonly blockSizeBytes?: number;
  /** Initiator name of the host. */
  readonly iqn: string;
  /** What to call the host where it is new; default: from its initiator name. */
  readonly host?: string;
  /** For a new host only; null: without CHAP. */
  readonly chap: GivenCredentials | null;
}

export interface Shared {
  readonly host: string;
  readonly hostIsNew: boolean;
}

export async function createShare(parts: ServerParts, wanted: ShareRequest): Promise<Shared> {
  const known = parts.hosts.findByIqn(foldIscsiName(wanted.iqn));
  const host = known?.name ?? wanted.host ?? freeHostName(parts, wanted.iqn);
  if (known === undefined) {
    if (parts.hosts.get(host) !== undefined) {
      throw new Failure('conflict', `host ${host} exists already with another initiator name`);
    }
    const chap = wanted.chap && { user: wanted.chap.user, secret: wanted.chap.secret ?? null };
    await putHost(parts, { name: host, iqn: wanted.iqn, chap, mutual: null });
  }
  try {
    await createPartition(parts, {
      name: wanted.name,
      sizeBytes: wanted.sizeBytes,
      lun: wanted.lun ?? null,
      blockSizeBytes: wanted.blockSizeBytes ?? null,
      shared: false,
      hosts: { [host]: 'rw' },
      force: false,
    });
  } catch (error) {
    if (known === undefined) await removeHost(parts, host, { force: true });
    throw error;
  }
  return { host, hostIsNew: known === undefined };
}

const HOST_NAME_LENGTH_MAX = 63;

/** `iqn.1993-08.org.debian:01:web1` → `web1`, or `web1-2` where that is taken. */
function freeHostName({ hosts }: ServerParts, iqn: string): string {
  const last = iqn.toLowerCase().split(/[:]/).at(-1)!;
  const plain = last.replace(/[^a-z0-9._-]/g, '-').replace(/^[^a-z0-9]+/, '');
  const base = plain === '' ? 'host' : plain.slice(0, HOST_NAME_LENGTH_MAX - 5);
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (hosts.get(name) === undefined) return name;
  }
}
