/**
 * What a storage server remembers about itself: its identity, how often it has started, which
 * configuration it has applied.
 */
import { join } from 'node:path';
import { Failure } from '../../base/index.ts';
import { readJson, writeJson } from './durable-file.ts';

const FORMAT_VERSION = 1;
const FILE_NAME = 'server.json';

/** Digests of desired states. */
export interface AppliedRecord {
  /** Of the service's own configuration file, as it was last applied. */
  readonly service: string | null;
  /** Of whatever was applied last. */
  readonly latest: string | null;
  /** Array that it was applied to: a new array knows nothing of it. */
  readonly arrayUuid: string | null;
}

interface Content {
  readonly version: number;
  readonly uuid: string;
  readonly incarnation: number;
  /** The array that this server serves; null: it never had one that outlives it. */
  readonly arrayUuid: string | null;
  /** Where its disks were, the last time it was served. */
  readonly arrayPaths?: readonly string[];
  readonly applied: AppliedRecord;
}

const nothingApplied: AppliedRecord = { service: null, latest: null, arrayUuid: null };

export class ServerRecord {
  readonly #path: string;
  #content: Content;

  private constructor(path: string, content: Content) {
    this.#path = path;
    this.#content = content;
  }

  /** Begins a new incarnation, durably. @param newUuid identity of a server that has none yet. */
  static async open(directory: string, newUuid: () => string): Promise<ServerRecord> {
    const path = join(directory, FILE_NAME);
    const found = (await readJson(path)) as Content | undefined;
    if (found !== undefined && found.version !== FORMAT_VERSION) {
      const version = JSON.stringify(found.version);
      throw new Failure('unexpected', `${path}: expected format version 1, found ${version}`);
    }
    const record = new ServerRecord(path, {
      version: FORMAT_VERSION,
      uuid: found?.uuid ?? newUuid(),
      incarnation: (found?.incarnation ?? 0) + 1,
      arrayUuid: found?.arrayUuid ?? null,
      arrayPaths: found?.arrayPaths ?? [],
      applied: found?.applied ?? nothingApplied,
    });
    await writeJson(path, record.#content);
    return record;
  }

  get uuid(): string {
    return this.#content.uuid;
  }

  /** Counts starts: hosts see by it that writes nobody flushed may be gone. */
  get incarnation(): number {
    return this.#content.incarnation;
  }

  get arrayUuid(): string | null {
    return this.#content.arrayUuid;
  }

  get arrayPaths(): readonly string[] {
    return this.#content.arrayPaths ?? [];
  }

  get applied(): AppliedRecord {
    return this.#content.applied;
  }

  setApplied(applied: AppliedRecord): Promise<void> {
    return this.#change({ applied });
  }

  async setArray(arrayUuid: string, arrayPaths: readonly string[]): Promise<void> {
    const known = JSON.stringify([this.arrayUuid, this.arrayPaths]);
    if (known === JSON.stringify([arrayUuid, arrayPaths])) return;
    await this.#change({ arrayUuid, arrayPaths });
  }

  async #change(change: Partial<Content>): Promise<void> {
    const content = { ...this.#content, ...change };
    await writeJson(this.#path, content);
    this.#content = content;
  }
}

/**
 * Has this content of the service's file been applied already, by the service or by `hawser apply`?
 * Then what was changed since stands, so that a restart never gives access back.
 */
export function isApplied(applied: AppliedRecord, digest: string, arrayUuid: string): boolean {
  if (applied.arrayUuid !== arrayUuid) return false;
  return applied.service === digest || applied.latest === digest;
}
