/** Writes with flushes, remembers what has to be there after a crash, and looks whether it is. */
import type { SeededRandom } from '../../lib/base/index.ts';
import type { CommandOptions } from '../interop/raw-client.ts';
import { read10, write10 } from '../interop/support/cdb.ts';

const BLOCK_BYTES = 512;
/** One write; each block of it tells its unit and version, so that torn writes show. */
const UNIT_BLOCKS = 8;
const UNIT_BYTES = UNIT_BLOCKS * BLOCK_BYTES;
const WRITES_AT_ONCE_MAX = 16;
const FLUSH_ONE_IN = 3;
const GOOD = 0;

const FUA_ONE_IN = 16;
const FUA = 0x08;

const synchronizeCache = Buffer.from([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/** What a load needs of an initiator: real sockets or a simulation. */
export interface CommandClient {
  readonly isClosed: boolean;
  command(
    cdb: Buffer,
    options?: CommandOptions,
  ): Promise<{ readonly status: number; readonly data: Buffer }>;
}

interface Unit {
  /** The newest version that was sent; it may have been lost, or not. */
  issued: number;
  /** The newest that was answered. */
  answered: number;
  /** The newest that was answered before a completed flush was sent. */
  durable: number;
}

export interface CrashLoadOptions {
  readonly lun: number;
  /** First unit of the range that this load has to itself. */
  readonly first: number;
  readonly units: number;
  readonly random: SeededRandom;
}

export class CrashLoad {
  readonly #options: CrashLoadOptions;
  readonly #units: Unit[];
  writes = 0;
  flushes = 0;

  constructor(options: CrashLoadOptions) {
    this.#options = options;
    this.#units = Array.from({ length: options.units }, () => ({
      issued: 0,
      answered: 0,
      durable: 0,
    }));
  }

  /** Runs until the connection ends. @throws where a command is refused. */
  async run(client: CommandClient): Promise<void> {
    const { random } = this.#options;
    while (!client.isClosed) {
      try {
        await this.#writeSome(client);
        if (random.below(FLUSH_ONE_IN) === 0) await this.#flush(client);
      } catch (error) {
        if (client.isClosed) return;
        throw error;
      }
    }
  }

  async #writeSome(client: CommandClient): Promise<void> {
    const { random, units } = this.#options;
    const indexes = new Set<number>();
    for (let count = 1 + random.below(WRITES_AT_ONCE_MAX); count > 0; count--)
      indexes.add(random.below(units));
    const ended = await Promise.allSettled([...indexes].map((index) => this.#write(client, index)));
    const failed = ended.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason as Error;
  }

  async #write(client: CommandClient, index: number): Promise<void> {
    const { lun, random } = this.#options;
    const unit = this.#units[index]!;
    const version = ++unit.issued;
    const out = this.#content(index, version);
    const cdb = write10(this.#lba(index), UNIT_BLOCKS);
    const isDurable = random.below(FUA_ONE_IN) === 0;
    if (isDurable) cdb[1] = FUA;
    const { status } = await client.command(cdb, { lun, out });
    if (status !== GOOD) throw new Error(`a write ended with status ${status}`);
    unit.answered = version;
    if (isDurable) unit.durable = version;
    this.writes++;
  }

  async #flush(client: CommandClient): Promise<void> {
    const { lun } = this.#options;
    const answered = this.#units.map((unit) => unit.answered);
    const { status } = await client.command(synchronizeCache, { lun });
    if (status !== GOOD) throw new Error(`a flush ended with status ${status}`);
    for (const [index, unit] of this.#units.entries())
      unit.durable = Math.max(unit.durable, answered[index]!);
    this.flushes++;
  }

  #lba(index: number): number {
    return (this.#options.first + index) * UNIT_BLOCKS;
  }

  #content(index: number, version: number): Buffer {
    const content = Buffer.alloc(UNIT_BYTES);
    for (let at = 0; at < UNIT_BYTES; at += 8) {
      content.writeUInt32BE(this.#options.first + index, at);
      content.writeUInt32BE(version, at + 4);
    }
    return content;
  }

  /** @returns what is wrong with the disk, one line for each block. */
  async verify(client: CommandClient): Promise<string[]> {
    const wrong: string[] = [];
    for (let index = 0; index < this.#units.length; index++) {
      const options = { lun: this.#options.lun, inBytes: UNIT_BYTES };
      const { status, data } = await client.command(read10(this.#lba(index), UNIT_BLOCKS), options);
      if (status !== GOOD) throw new Error(`a read ended with status ${status}`);
      wrong.push(...this.#check(index, data));
    }
    return wrong;
  }

  #check(index: number, data: Buffer): string[] {
    const unit = this.#units[index]!;
    const { durable, issued } = unit;
    // what was answered and never flushed is no business of the next flush
    unit.answered = durable;
    const wrong: string[] = [];
    for (let block = 0; block < UNIT_BLOCKS; block++) {
      const content = data.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
      const version = content.readUInt32BE(4);
      const expected = this.#content(index, version).subarray(0, BLOCK_BYTES);
      const whole = content.equals(version === 0 ? Buffer.alloc(BLOCK_BYTES) : expected);
      if (whole && version >= durable && version <= issued) continue;
      const found = whole
        ? `version ${version}`
        : `foreign bytes (${content.toString('hex', 0, 8)})`;
      const lba = this.#lba(index) + block;
      wrong.push(`LBA ${lba}: expected version ${durable} to ${issued}, found ${found}`);
    }
    return wrong;
  }
}
