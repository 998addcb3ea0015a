/** A logical unit: one BlockDevice as hosts see it, with everything that its nexuses share. */
import { assert } from '../base/index.ts';
import type { Timers } from '../base/index.ts';
import type { BlockDevice, TransferBuffers } from '../block/index.ts';
import { UnitCounters } from './counters.ts';
import { performTask, stopTask } from './device-server.ts';
import { UnitIdentity } from './identity.ts';
import { unitLimits } from './limits.ts';
import type { UnitLimits } from './limits.ts';
import { ModeState } from './mode-state.ts';
import type { ItlNexus, ItNexus } from './nexus.ts';
import { RangeLocks } from './range-locks.ts';
import type { ReservationStore } from './reservation-gate.ts';
import { Reservations, registeredNexusId } from './reservations/reservations.ts';
import type { SenseReason } from './sense.ts';
import { SanitizeControl } from './sbc/sanitize-control.ts';
import { TaskSet } from './task-set.ts';
import type { ScsiTask } from './task.ts';

export interface LogicalUnitOptions {
  readonly device: BlockDevice;
  /** NAA and serial number derive from it. */
  readonly uuid: string;
  /** A word for logs: the partition's name. */
  readonly name: string;
  /** Logical block size, 512 or 4096; a multiple of the device's. Default: the device's. */
  readonly blockSizeBytes?: number;
  readonly buffers: TransferBuffers;
  readonly timers: Timers;
  /** Without one APTPL isn't offered. */
  readonly reservationStore?: ReservationStore;
  /**
   * False: writes end only when they are durable, and hosts can't change that. Default: as the
   * device has a cache.
   */
  readonly writeCache?: boolean;
  /** Longest transfer of one command (VPD B0). Default 4 MiB. */
  readonly maxTransferBytes?: number;
  /** Commands in progress before TASK SET FULL. */
  readonly taskSetLimit?: number;
}

export class LogicalUnit {
  readonly device: BlockDevice;
  readonly name: string;
  readonly identity: UnitIdentity;
  readonly blockSizeBytes: number;
  readonly limits: UnitLimits;
  readonly buffers: TransferBuffers;
  readonly timers: Timers;
  readonly tasks: TaskSet;
  readonly ranges: RangeLocks;
  readonly modes: ModeState;
  readonly counters = new UnitCounters();
  /** Number of whole logical blocks. */
  capacityBlocks: number;
  /** Why media commands are refused now; null: ready. */
  notReady: SenseReason | null = null;
  /** Progress of what keeps the unit from being ready, of 65536; -1: not told. */
  notReadyProgress = -1;
  /** Some reservation is held: the only thing about them that the hot path looks at. */
  hasReservations = false;
  readonly reservations: Reservations;
  readonly sanitize = new SanitizeControl(this);
  readonly #itlNexuses = new Set<ItlNexus>();
  readonly #endCapacityWatch: () => void;

  constructor(options: LogicalUnitOptions) {
    const { device } = options;
    this.device = device;
    this.name = options.name;
    this.identity = new UnitIdentity(options.uuid);
    this.blockSizeBytes = options.blockSizeBytes ?? device.blockSizeBytes;
    assert(this.blockSizeBytes % device.blockSizeBytes === 0, 'logical blocks below device blocks');
    this.buffers = options.buffers;
    this.timers = options.timers;
    this.limits = unitLimits(device, this.blockSizeBytes, options.maxTransferBytes);
    this.tasks = new TaskSet(performTask, stopTask, options.taskSetLimit);
    this.ranges = new RangeLocks(() => this.tasks);
    this.modes = new ModeState(device.features, options.writeCache ?? true);
    this.reservations = this.#makeReservations(options.reservationStore);
    this.capacityBlocks = this.#wholeBlocks(device.capacityBytes);
    this.#endCapacityWatch = device.onCapacityChange((bytes) => this.#capacityChanged(bytes));
  }

  /** Everybody who sees the unit. */
  get itlNexuses(): ReadonlySet<ItlNexus> {
    return this.#itlNexuses;
  }

  get readOnly(): boolean {
    return this.device.features.readOnly;
  }

  /** LBPME: UNMAP and WRITE SAME with UNMAP give storage back. */
  get thin(): boolean {
    return this.device.features.unmap;
  }

  /** @internal */
  attach(itl: ItlNexus): void {
    this.#itlNexuses.add(itl);
  }

  /**
   * @internal Ends the nexus' commands, silently; resolves when none can touch the medium any more.
   */
  async detach(itl: ItlNexus, dropRegistrations: boolean): Promise<void> {
    this.#itlNexuses.delete(itl);
    await this.tasks.abort({ affects: (task) => task.itl === itl, by: null, tellsOthers: false });
    this.reservations.nexusLost(itl);
    if (dropRegistrations) {
      await this.reservations.dropInitiator(itl.nexus.identity.initiatorName);
    }
  }

  /** Raises a unit attention for every nexus but `except`. */
  attention(reason: SenseReason, except: ItlNexus | null = null): void {
    for (const itl of this.#itlNexuses) if (itl !== except) itl.addUnitAttention(reason);
  }

  /**
   * Aborts on behalf of `by`, whose own commands end silently; others are told where TAS says so.
   */
  abortTasks(by: ItNexus | null, affects: (task: ScsiTask) => boolean): Promise<void> {
    return this.tasks.abort({ affects, by, tellsOthers: this.modes.taskAbortedStatus });
  }

  /**
   * Logical unit reset (SAM-5). Resolves when no command from before can touch the medium any more.
   */
  async reset(by: ItNexus | null): Promise<void> {
    const ended = this.abortTasks(by, () => true);
    this.reservations.reset();
    this.modes.reset();
    this.attention('deviceReset');
    await ended;
  }

  /**
   * Refuses media commands from now on, ends those in progress. The device stays open: it belongs
   * to the caller.
   */
  async close(): Promise<void> {
    this.notReady = 'notReadyCauseNotReportable';
    this.#endCapacityWatch();
    await this.tasks.abort({ affects: () => true, by: null, tellsOthers: false });
    await this.sanitize.stop();
  }

  #makeReservations(store: ReservationStore | undefined): Reservations {
    return new Reservations({
      unitName: this.name,
      store,
      announce: (nexusId, attention) => {
        for (const itl of this.#itlNexuses) {
          if (registeredNexusId(itl) === nexusId) itl.addUnitAttention(attention);
        }
      },
      activeChanged: (active) => {
        this.hasReservations = active;
      },
    });
  }

  #wholeBlocks(bytes: number): number {
    return Math.floor(bytes / this.blockSizeBytes);
  }

  #capacityChanged(bytes: number): void {
    const blocks = this.#wholeBlocks(bytes);
    if (blocks === this.capacityBlocks) return;
    this.capacityBlocks = blocks;
    this.attention('capacityChanged');
  }
}
