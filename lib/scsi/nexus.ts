/** Who speaks (I_T nexus: one per iSCSI session) and to which logical unit (I_T_L nexus). */
import { assert } from '../base/index.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { LUN_END } from './lun.ts';
import { senseTable } from './sense.ts';
import type { SenseReason } from './sense.ts';
import type { TaskSet } from './task-set.ts';
import type { ScsiTask } from './task.ts';
import { UnitAttentionQueue } from './unit-attention.ts';

/** Names of the two ports of a nexus; with the ISID the initiator's port name is `name,i,0x…`. */
export interface NexusIdentity {
  readonly initiatorName: string;
  /** 6 bytes. */
  readonly isid: Buffer;
  readonly targetName: string;
  readonly portalGroupTag: number;
  readonly relativePortId: number;
}

/** What standard INQUIRY data says of the product, for every unit. */
export interface ProductIdentity {
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
}

export interface LunRights {
  readonly readOnly: boolean;
}

export class ItlNexus {
  readonly nexus: ItNexus;
  readonly lun: number;
  readonly unit: LogicalUnit;
  readonly readOnly: boolean;
  /** Length of the queue, for the hot path. */
  unitAttentionCount = 0;
  /** Unmapped: a task that is still on its way here is refused. */
  detached = false;
  readonly #attentions = new UnitAttentionQueue();

  constructor(nexus: ItNexus, lun: number, unit: LogicalUnit, readOnly: boolean) {
    this.nexus = nexus;
    this.lun = lun;
    this.unit = unit;
    this.readOnly = readOnly;
  }

  /** Commands of this nexus in the unit's task set. */
  *tasks(): Generator<ScsiTask> {
    for (const task of this.unit.tasks) if (task.itl === this) yield task;
  }

  addUnitAttention(reason: SenseReason): void {
    if (!this.#attentions.add(reason)) return;
    this.unitAttentionCount = this.#attentions.length;
    const { asc, ascq } = senseTable[reason];
    this.nexus.onUnitAttention?.(this.lun, asc, ascq);
  }

  peekUnitAttention(): SenseReason | undefined {
    return this.#attentions.peek();
  }

  takeUnitAttention(): SenseReason | undefined {
    const reason = this.#attentions.take();
    this.unitAttentionCount = this.#attentions.length;
    return reason;
  }

  removeUnitAttention(reason: SenseReason): void {
    this.#attentions.remove(reason);
    this.unitAttentionCount = this.#attentions.length;
  }
}

export class ItNexus {
  readonly identity: NexusIdentity;
  readonly product: ProductIdentity;
  /** Told of every unit attention, also of those before the first command. */
  onUnitAttention: ((lun: number, asc: number, ascq: number) => void) | null = null;
  /** The initiator has sent a command: from now on changes of its LUN map are told. */
  inUse = false;
  closed = false;
  /** Commands for LUNs that this nexus doesn't have. */
  readonly strayTasks: TaskSet;
  readonly #units = new Map<number, ItlNexus>();

  constructor(identity: NexusIdentity, product: ProductIdentity, strayTasks: TaskSet) {
    assert(identity.isid.length === 6, 'an ISID has 6 bytes');
    this.identity = identity;
    this.product = product;
    this.strayTasks = strayTasks;
  }

  get units(): ReadonlyMap<number, ItlNexus> {
    return this.#units;
  }

  /** Shows the unit under this LUN. @throws where the LUN is taken. */
  map(lun: number, unit: LogicalUnit, rights: LunRights): void {
    assert(Number.isInteger(lun) && lun >= 0 && lun < LUN_END, `no such LUN: ${lun}`);
    assert(!this.#units.has(lun), `LUN ${lun} is taken on this nexus`);
    const itl = new ItlNexus(this, lun, unit, rights.readOnly);
    this.#tellLunsChanged();
    this.#units.set(lun, itl);
    unit.attach(itl);
    itl.addUnitAttention('powerOnOrReset');
  }

  /**
   * Takes the LUN away: new commands find no logical unit from now on.
   * @returns when this nexus' commands on it have ended and, where asked, its persistent
   * registrations are gone.
   */
  async unmap(lun: number, options: { dropRegistrations?: boolean } = {}): Promise<void> {
    const itl = this.#units.get(lun);
    if (itl === undefined) return;
    this.#units.delete(lun);
    itl.detached = true;
    this.#tellLunsChanged();
    await itl.unit.detach(itl, options.dropRegistrations ?? false);
  }

  #tellLunsChanged(): void {
    if (!this.inUse || this.closed) return;
    for (const itl of this.#units.values()) itl.addUnitAttention('reportedLunsChanged');
  }
}
