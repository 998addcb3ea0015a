/**
 * What an administrator wants hosts and partitions to be: the part of a configuration file that
 * `apply` brings about.
 */
import { createHash } from 'node:crypto';

export type Rights = 'rw' | 'ro';
/** Stands for every host in a partition's assignments. */
export const ANY_HOST = '*';
/** Names of hosts and partitions, on both ends. */
export const NAME_PATTERN = '^[a-z0-9][a-z0-9._-]{0,62}$';

export interface DesiredCredentials {
  readonly user: string;
  /** null: the secret that the server holds already stays. */
  readonly secret: string | null;
}

export interface DesiredHost {
  readonly name: string;
  readonly iqn: string;
  /** null: let in by its name alone. */
  readonly chap: DesiredCredentials | null;
  readonly mutual: DesiredCredentials | null;
}

export interface DesiredPartition {
  readonly name: string;
  readonly sizeBytes: number;
  /** null: the lowest free number. */
  readonly lun: number | null;
  /** null: 512, or what the disks demand. */
  readonly blockSizeBytes: number | null;
  /** Several hosts may write. */
  readonly shared: boolean;
  readonly hosts: Readonly<Record<string, Rights>>;
}

export interface DesiredState {
  readonly hosts: readonly DesiredHost[];
  readonly partitions: readonly DesiredPartition[];
}

/**
 * What decides whether a file has changed since it was applied: hosts, secrets and partitions, not
 * its comments.
 */
export function desiredDigest({ hosts, partitions }: DesiredState): string {
  const credentials = (given: DesiredCredentials | null) => given && [given.user, given.secret];
  const canonical = [
    hosts
      .map(({ name, iqn, chap, mutual }) => [name, iqn, credentials(chap), credentials(mutual)])
      .sort(byFirst),
    partitions
      .map((partition) => [
        partition.name,
        partition.sizeBytes,
        partition.lun,
        partition.blockSizeBytes,
        partition.shared,
        Object.entries(partition.hosts).sort(byFirst),
      ])
      .sort(byFirst),
  ];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

const byFirst = (left: readonly unknown[], right: readonly unknown[]): number =>
  String(left[0]) < String(right[0]) ? -1 : 1;
