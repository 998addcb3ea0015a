/** Runs CDBs on logical units as a transport would, for tests. */
import type { Timer, Timers } from '../../lib/base/index.ts';
import { MemoryDevice, TransferBuffers } from '../../lib/block/index.ts';
import type { BlockDevice } from '../../lib/block/index.ts';
import { LogicalUnit, ScsiTarget, ScsiTask, TaskAttribute } from '../../lib/scsi/index.ts';
import type { ItNexus, LogicalUnitOptions, ReservationStore } from '../../lib/scsi/index.ts';

export interface ScsiAnswer {
  readonly status: number;
  /** Sense data, empty without. */
  readonly sense: Buffer;
  readonly key: number;
  /** ASC and ASCQ as one number: 0x2400. */
  readonly asc: number;
  readonly data: Buffer;
  readonly dataInBytes: number;
  readonly dataOutBytes: number;
  readonly aborted: boolean;
}

export interface CommandOptions {
  readonly lun?: number;
  readonly data?: Uint8Array;
  /** Expected transfer lengths; default: as much as the command asks for. */
  readonly expectedOutBytes?: number;
  readonly attribute?: TaskAttribute;
  readonly tag?: number;
}

/** Time that moves when the test says so. */
export class ManualTimers implements Timers {
  now = 0;
  readonly #pending = new Set<{ at: number; fire: () => void }>();

  nowMs(): number {
    return this.now;
  }

  wallMs(): number {
    return this.now;
  }

  after(delayMs: number, fire: () => void): Timer {
    const entry = { at: this.now + delayMs, fire };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }

  advance(ms: number): void {
    this.now += ms;
    for (const entry of [...this.#pending]) {
      if (entry.at > this.now || !this.#pending.delete(entry)) continue;
      entry.fire();
    }
  }
}

/** A command under way: what a transport holds between `prepare` and the end. */
export class PendingCommand {
  readonly task = new ScsiTask();
  /** `prepare` has let it through; `run` is due. */
  readonly prepared: boolean;
  readonly done: Promise<ScsiAnswer>;
  ended = false;
  readonly #harness: ScsiHarness;
  readonly #data: Uint8Array;
  readonly #expectedOutBytes: number;

  constructor(
    harness: ScsiHarness,
    nexus: ItNexus,
    cdb: readonly number[] | Uint8Array,
    options: CommandOptions,
  ) {
    const { task } = this;
    this.#harness = harness;
    this.#data = options.data ?? new Uint8Array();
    this.#expectedOutBytes = options.expectedOutBytes ?? this.#data.length;
    task.nexus = nexus;
    task.lunHigh = (options.lun ?? 0) * 0x1_0000;
    task.lunLow = 0;
    task.tag = options.tag ?? harness.nextTag++;
    task.attribute = options.attribute ?? TaskAttribute.simple;
    task.cdb.fill(0);
    task.cdb.set(cdb.slice(0, 16));
    task.cdbBytes = 16;
    task.expectedOutBytes = this.#expectedOutBytes;
    this.done = new Promise((resolve) => {
      task.onDone = () => {
        this.ended = true;
        resolve(this.#answer());
      };
    });
    this.prepared = harness.target.prepare(task);
  }

  /** Provides memory and Data-Out. */
  run(): this {
    const { task } = this;
    if (this.ended) return this;
    if (task.bufferBytes > 0) {
      task.buffer = this.#harness.buffers.acquire(task.bufferBytes) ?? null;
      if (task.buffer === null) throw new Error('transfer budget of the test is used up');
      // what an earlier command left there must not matter
      task.buffer.data.fill(0xee);
      const bytes = Math.min(task.dataOutBytes, this.#expectedOutBytes, this.#data.length);
      task.buffer.data.set(this.#data.subarray(0, bytes));
      task.receivedOutBytes = bytes;
    }
    this.#harness.target.run(task);
    return this;
  }

  #answer(): ScsiAnswer {
    const { task } = this;
    const sense = Buffer.from(task.sense.subarray(0, task.senseBytes));
    const descriptor = sense.length > 0 && (sense[0]! & 0x7f) >= 0x72;
    const data = Buffer.from(task.buffer?.data.subarray(0, task.dataInBytes) ?? []);
    task.buffer?.release();
    task.buffer = null;
    return {
      status: task.status,
      sense,
      key: sense.length === 0 ? 0 : descriptor ? sense[1]! & 0x0f : sense[2]! & 0x0f,
      asc: sense.length === 0 ? 0 : sense.readUInt16BE(descriptor ? 2 : 12),
      data,
      dataInBytes: task.dataInBytes,
      dataOutBytes: task.dataOutBytes,
      aborted: task.aborted,
    };
  }
}

export interface HarnessOptions {
  readonly device?: BlockDevice;
  readonly capacityBytes?: number;
  readonly blockSizeBytes?: 512 | 4096;
  readonly readOnly?: boolean;
  readonly reservationStore?: ReservationStore;
  readonly unit?: Partial<LogicalUnitOptions>;
}

const UUID = '6a1f0c52-8d3e-4b7a-9c41-d2e5f6a7b8c9';
const CAPACITY_BYTES = 1024 * 1024;
const BUDGET_BYTES = 64 * 1024 * 1024;

/**
 * A target with one unit over memory, mapped as LUN 0 of one nexus whose power-on unit attention is
 * cleared.
 */
export class ScsiHarness {
  readonly timers = new ManualTimers();
  readonly buffers = new TransferBuffers(
    (bytes) => ({ bytes: Buffer.alloc(bytes), nativeId: -1 }),
    BUDGET_BYTES,
  );
  readonly target = new ScsiTarget({ buffers: this.buffers, timers: this.timers });
  readonly device: BlockDevice;
  readonly unit: LogicalUnit;
  readonly nexus: ItNexus;
  nextTag = 1;

  constructor(options: HarnessOptions = {}) {
    const blockSizeBytes = options.blockSizeBytes ?? 512;
    this.device =
      options.device ??
      new MemoryDevice({ capacityBytes: options.capacityBytes ?? CAPACITY_BYTES, blockSizeBytes });
    this.unit = this.makeUnit(this.device, UUID, {
      blockSizeBytes,
      ...withStore(options),
      ...options.unit,
    });
    this.nexus = this.openNexus('iqn.2026-11.test:host1');
    this.map(this.nexus, 0, this.unit, options.readOnly ?? false);
  }

  makeUnit(
    device: BlockDevice,
    uuid: string,
    options: Partial<LogicalUnitOptions> = {},
  ): LogicalUnit {
    const { buffers, timers } = this;
    return new LogicalUnit({ device, uuid, name: 'disk', buffers, timers, ...options });
  }

  openNexus(initiatorName: string, isid = 1, relativePortId = 1): ItNexus {
    return this.target.openNexus({
      initiatorName,
      isid: Buffer.from([0x40, 0, 0, 0, 0, isid]),
      targetName: 'iqn.2026-11.test:target',
      portalGroupTag: 1,
      relativePortId,
    });
  }

  /** Maps and clears the unit attention of power on. */
  map(nexus: ItNexus, lun: number, unit: LogicalUnit, readOnly = false): void {
    nexus.map(lun, unit, { readOnly });
    nexus.units.get(lun)!.takeUnitAttention();
  }

  /** Another host with the same unit as LUN 0. */
  secondNexus(initiatorName = 'iqn.2026-11.test:host2', isid = 2): ItNexus {
    const nexus = this.openNexus(initiatorName, isid);
    this.map(nexus, 0, this.unit);
    return nexus;
  }

  /** Prepares a command on a nexus; `run` is left to the test. */
  begin(
    nexus: ItNexus,
    cdb: readonly number[] | Uint8Array,
    options: CommandOptions = {},
  ): PendingCommand {
    return new PendingCommand(this, nexus, cdb, options);
  }

  /** Runs a CDB to its end on a nexus. */
  runOn(
    nexus: ItNexus,
    cdb: readonly number[] | Uint8Array,
    options: CommandOptions = {},
  ): Promise<ScsiAnswer> {
    return this.begin(nexus, cdb, options).run().done;
  }

  /** Runs a CDB to its end on the first nexus. */
  run(cdb: readonly number[] | Uint8Array, options: CommandOptions = {}): Promise<ScsiAnswer> {
    return this.runOn(this.nexus, cdb, options);
  }
}

const withStore = (options: HarnessOptions): Partial<LogicalUnitOptions> =>
  options.reservationStore === undefined ? {} : { reservationStore: options.reservationStore };

/** Big-endian bytes of an integer, for CDBs. */
export function bytesOf(value: number, lengthBytes: number): number[] {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)));
  return [...buffer.subarray(8 - lengthBytes)];
}
