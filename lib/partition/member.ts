/**
 * A disk of the array while it is in use: its device, its two metadata regions, and what went wrong
 * on it.
 */
import { assert } from '../base/index.ts';
import { promiseFace } from '../block/index.ts';
import type { BlockDevice, BlockPromises } from '../block/index.ts';
import { labelOffset, REGION_SIDES, slotOffset } from './geometry.ts';
import type { RegionSide, Slot } from './geometry.ts';
import { encodeLabel } from './label.ts';
import type { Label } from './label.ts';

/** The copies of one region. The slot that holds the newest is never written. */
export interface RegionState {
  /** undefined: no valid copy here. */
  liveSlot: Slot | undefined;
  /** Of the live copy; 0: none. */
  generation: number;
  labelled: boolean;
}

export interface MemberOptions {
  readonly device: BlockDevice;
  /** How the operator names the disk. */
  readonly path: string;
  readonly label: Label;
}

export class Member {
  readonly device: BlockDevice;
  readonly io: BlockPromises;
  readonly path: string;
  readonly label: Label;
  readonly regions: Record<RegionSide, RegionState> = { start: emptyRegion(), end: emptyRegion() };
  /** Set when durability was refused once: flushes and FUA writes fail from then on. */
  failure: string | null = null;
  ioErrors = 0;
  /**
   * Newest generation found when the array was opened, where it was behind the array's; else null.
   */
  foundBehind: number | null = null;
  /** Told when `failure` is set. */
  onFailure: (() => void) | null = null;

  constructor({ device, path, label }: MemberOptions) {
    this.device = device;
    this.io = promiseFace(device);
    this.path = path;
    this.label = label;
  }

  get uuid(): string {
    return this.label.diskUuid;
  }

  get sizeBytes(): number {
    return this.label.memberBytes;
  }

  /** Path and identity for messages. */
  get words(): string {
    return `disk ${this.path} (${this.uuid})`;
  }

  /**
   * Counts an error of the medium; one that leaves durability in doubt ends the disk's good
   * standing.
   */
  recordError(durability: boolean, detail: string): void {
    this.ioErrors++;
    if (!durability || this.failure !== null) return;
    this.failure = `${this.words} failed: ${detail === '' ? 'I/O error' : detail}`;
    this.onFailure?.();
  }

  /** Generation that every region holds. */
  get generation(): number {
    return Math.min(...REGION_SIDES.map((side) => this.regions[side].generation));
  }

  /** Puts the copy into the slot that doesn't hold the live one; not durable before a flush. */
  async writeCopy(side: RegionSide, copy: Buffer): Promise<void> {
    await this.io.write(slotOffset(side, this.spareSlot(side), this.sizeBytes), copy);
  }

  spareSlot(side: RegionSide): Slot {
    return this.regions[side].liveSlot === 0 ? 1 : 0;
  }

  /** What `writeCopy` has put there is durable now. */
  settleCopy(side: RegionSide, generation: number): void {
    const region = this.regions[side];
    assert(generation > region.generation, 'generations only go up');
    region.liveSlot = this.spareSlot(side);
    region.generation = generation;
  }

  async writeLabel(side: RegionSide): Promise<void> {
    await this.io.write(labelOffset(side, this.sizeBytes), encodeLabel(this.label));
    this.regions[side].labelled = true;
  }
}

const emptyRegion = (): RegionState => ({ liveSlot: undefined, generation: 0, labelled: false });
