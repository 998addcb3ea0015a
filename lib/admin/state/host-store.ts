/** Hosts and their secrets, kept in the state directory and nowhere else. */
import { join } from 'node:path';
import { Failure } from '../../base/index.ts';
import { readJson, writeJson } from './durable-file.ts';

export interface StoredCredentials {
  readonly user: string;
  readonly secret: string;
}

export interface StoredHost {
  readonly name: string;
  /** Initiator name, normalized. */
  readonly iqn: string;
  /** null: let in by its name alone. */
  readonly chap: StoredCredentials | null;
  readonly mutual: StoredCredentials | null;
}

const FORMAT_VERSION = 1;
const FILE_NAME = 'hosts.json';

export class HostStore {
  readonly #path: string;
  #hosts: ReadonlyMap<string, StoredHost>;

  private constructor(path: string, hosts: ReadonlyMap<string, StoredHost>) {
    this.#path = path;
    this.#hosts = hosts;
  }

  static async open(directory: string): Promise<HostStore> {
    const path = join(directory, FILE_NAME);
    const content = (await readJson(path)) as
      { version?: unknown; hosts?: readonly StoredHost[] } | undefined;
    if (content === undefined) return new HostStore(path, new Map());
    if (content.version !== FORMAT_VERSION || !Array.isArray(content.hosts)) {
      const found = JSON.stringify(content.version);
      throw new Failure('unexpected', `${path}: expected format version 1, found ${found}`);
    }
    return new HostStore(path, new Map(content.hosts.map((host) => [host.name, host])));
  }

  /** In order of name. */
  get hosts(): readonly StoredHost[] {
    return [...this.#hosts.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  get(name: string): StoredHost | undefined {
    return this.#hosts.get(name);
  }

  /** @param iqn normalized. */
  findByIqn(iqn: string): StoredHost | undefined {
    for (const host of this.#hosts.values()) if (host.iqn === iqn) return host;
    return undefined;
  }

  /** Adds or replaces; durable when resolved, unchanged when it fails. */
  put(host: StoredHost): Promise<void> {
    return this.#replace(new Map([...this.#hosts, [host.name, host]]));
  }

  remove(name: string): Promise<void> {
    const next = new Map(this.#hosts);
    next.delete(name);
    return this.#replace(next);
  }

  async #replace(next: ReadonlyMap<string, StoredHost>): Promise<void> {
    await writeJson(this.#path, { version: FORMAT_VERSION, hosts: [...next.values()] });
    this.#hosts = next;
  }
}
