/**
 * The array of a storage server while it is there, and the reason while it isn't. A missing disk
 * doesn't end the server: hosts are told to come back later, and it looks again until the disk is
 * back.
 */
import { Failure } from '../../base/index.ts';
import type { Random, Timers } from '../../base/index.ts';
import type { Engine } from '../../block/index.ts';
import { openArray } from '../../partition/index.ts';
import type { DiskArray } from '../../partition/index.ts';
import type { ServerRecord } from '../state/server-record.ts';
import { closeDisks, openDisks } from './open-disks.ts';
import type { KnownArray } from './open-disks.ts';
import type { ServerSettings } from './settings.ts';

export interface ArrayHolderOptions {
  readonly settings: ServerSettings;
  readonly record: ServerRecord;
  readonly engine: Engine;
  readonly timers: Timers;
  readonly random: Random;
}

/** Failures that may pass by themselves once the server has an array. */
const passing = new Set(['inUse', 'notFound', 'unexpected']);

export class ArrayHolder {
  /** Why nothing is served; empty while the array is. */
  reason = 'the array is being opened';
  readonly #options: ArrayHolderOptions;
  #array: DiskArray | null = null;
  /** The service runs: whatever is found wrong with the disks from now on, it waits. */
  #waits = false;

  constructor(options: ArrayHolderOptions) {
    this.#options = options;
  }

  /** The array, served or (foreign, or new in place of another) waiting for its import. */
  get found(): DiskArray | null {
    return this.#array;
  }

  get isServed(): boolean {
    return this.#array !== null && this.reason === '';
  }

  /** @throws Failure `inUse` that says why there is none. */
  get array(): DiskArray {
    if (this.#array !== null && this.reason === '') return this.#array;
    throw new Failure('inUse', `the array is not served: ${this.reason}`);
  }

  /**
   * Opens the array. @returns false where a disk is missing or the array waits for its import:
   * `reason` says it.
   * @throws Failure that only the operator can mend.
   */
  async open(): Promise<boolean> {
    if (this.#array === null) {
      try {
        this.#array = await this.#openArray();
      } catch (error) {
        if (!this.#mayPass(error)) throw error;
        this.#waits = true;
        this.reason = (error as Error).message;
        return false;
      }
    }
    this.reason = this.#whyNotServed(this.#array);
    if (this.reason === '') await this.#remember(this.#array);
    return this.reason === '';
  }

  /**
   * The operator's word: an array of another server, or a new one in place of ours, is served from
   * now on.
   */
  async import(uuid: string): Promise<void> {
    const array = this.#array;
    if (array === null) throw new Failure('inUse', `no array is open: ${this.reason}`);
    if (array.uuid !== uuid) {
      throw new Failure(
        'notFound',
        `array ${uuid} is not here; the disks hold array ${array.uuid}`,
      );
    }
    if (array.state === 'foreign') await array.importArray(uuid);
    else if (this.reason === '') throw new Failure('conflict', `array ${uuid} is served already`);
    await this.#remember(array);
    this.reason = '';
  }

  async close(): Promise<void> {
    const array = this.#array;
    this.#array = null;
    this.reason = 'the server is stopping';
    await array?.close();
  }

  async #openArray(): Promise<DiskArray> {
    const { settings, record, engine, timers, random } = this.#options;
    const known = this.#known();
    const disks = await openDisks(settings, engine, known);
    try {
      const { layout, chunkBytes } = settings;
      const stripe = layout === 'stripe' ? { chunkBytes } : {};
      const identity = { serverId: record.uuid, random, clock: timers };
      const arrayUuid = known?.uuid;
      return await openArray({ disks, layout, ...stripe, ...identity, arrayUuid });
    } catch (error) {
      await closeDisks(disks);
      throw error;
    }
  }

  /** The array that the disks should hold; null: a new one may be made. */
  #known(): KnownArray | null {
    const { settings, record } = this.#options;
    const { arrayUuid, arrayPaths } = record;
    const isMemory = settings.disks.every(({ memoryBytes }) => memoryBytes !== undefined);
    return arrayUuid === null || isMemory ? null : { uuid: arrayUuid, paths: arrayPaths };
  }

  #whyNotServed(array: DiskArray): string {
    const advice = `to serve it, run "hawser array import ${array.uuid}"`;
    if (array.state === 'foreign') {
      return `array ${array.uuid} belongs to server ${array.status().owner}; ${advice}`;
    }
    const { record } = this.#options;
    if (record.arrayUuid === null || record.arrayUuid === array.uuid || isVolatile(array))
      return '';
    return `the disks hold array ${array.uuid} in place of array ${record.arrayUuid}; ${advice}`;
  }

  async #remember(array: DiskArray): Promise<void> {
    if (isVolatile(array)) return;
    const paths = array.status().members.map(({ path }) => path);
    await this.#options.record.setArray(array.uuid, paths);
  }

  /**
   * A disk that another process holds is a mistake of configuration; a first start has nothing to
   * wait for.
   */
  #mayPass(error: unknown): boolean {
    if (!(error instanceof Failure)) return false;
    if (this.#waits) return true;
    const held = error.kind === 'inUse' && /is in use by/.test(error.message);
    return this.#options.record.arrayUuid !== null && passing.has(error.kind) && !held;
  }
}

const isVolatile = (array: DiskArray): boolean => array.status().volatile;
