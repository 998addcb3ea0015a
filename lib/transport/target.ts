/** The programming interface of the serving end: any BlockDevice becomes a LUN. */
import type { ChapCredentials } from '../auth/index.ts';
import { ChallengeRegister, checkCredentials } from '../auth/index.ts';
import { Failure, MIB } from '../base/index.ts';
import { TransferBuffers, systemCrc32c, systemMemory } from '../block/index.ts';
import type { BlockDevice } from '../block/index.ts';
import { normalizeIscsiName } from '../iscsi/index.ts';
import { formatPortalAddress, parsePortalAddress } from '../discovery/index.ts';
import { LogicalUnit, ScsiTarget } from '../scsi/index.ts';
import { TargetNode } from '../target/index.ts';
import type { HostView, LunAssignment, TargetLimits } from '../target/index.ts';
import { systemRandom, systemTimers } from './system-timers.ts';
import { listen } from './tcp-listener.ts';
import type { Listener } from './tcp-listener.ts';

const TRANSFER_BUDGET_BYTES = 256 * MIB;
const ANY_HOST = '*';

export type Rights = 'rw' | 'ro';

export interface TargetOptions {
  /** iSCSI name of the target. */
  readonly iqn: string;
  readonly limits?: Partial<TargetLimits>;
  /** Secrets of initiators by their names; one that stands here never logs in without. */
  readonly chap?: Readonly<Record<string, ChapCredentials>>;
}

export interface LunOptions {
  /** Initiator name → rights; `"*"` is any initiator. Nobody sees a LUN that isn't given to it. */
  readonly hosts: Readonly<Record<string, Rights>>;
  /** Serial number and NAA come from it; without one they are new at each start. */
  readonly uuid?: string;
  readonly name?: string;
}

interface Lun {
  readonly assignment: Omit<LunAssignment, 'readOnly'>;
  readonly hosts: ReadonlyMap<string, Rights>;
}

export class Target {
  readonly iqn: string;
  readonly #node: TargetNode;
  readonly #buffers = new TransferBuffers(systemMemory, TRANSFER_BUDGET_BYTES);
  readonly #timers = systemTimers();
  readonly #random = systemRandom();
  readonly #luns = new Map<number, Lun>();
  readonly #listeners: Listener[] = [];
  readonly #chap: ReadonlyMap<string, ChapCredentials>;

  /** @throws Failure `usage` for a name or a secret that can't be used. */
  constructor(options: TargetOptions) {
    const name = normalizeIscsiName(options.iqn);
    if (!name.ok) throw new Failure('usage', `target name "${options.iqn}": ${name.error}`);
    this.iqn = name.value;
    this.#chap = new Map(Object.entries(options.chap ?? {}));
    for (const [host, credentials] of this.#chap) {
      const wrong = checkCredentials(credentials);
      if (wrong !== undefined) throw new Failure('usage', `CHAP of ${host}: ${wrong}`);
    }
    const shared = { buffers: this.#buffers, timers: this.#timers };
    this.#node = new TargetNode({
      ...shared,
      name: this.iqn,
      random: this.#random,
      scsi: new ScsiTarget(shared),
      crc32c: systemCrc32c(),
      challenges: new ChallengeRegister(this.#random),
      incarnation: this.#timers.wallMs(),
      limits: options.limits ?? {},
      directory: { find: (name) => this.#view(name) },
      // a mistake of ours costs the peer its connection, not the program its life
      events: { internalError: ({ error }) => process.emitWarning(error as Error) },
    });
  }

  /**
   * Serves a device; live sessions see it at once. @throws Failure `conflict` where the LUN is
   * taken.
   */
  async addLun(lun: number, device: BlockDevice, options: LunOptions): Promise<void> {
    if (this.#luns.has(lun)) throw new Failure('conflict', `LUN ${lun} is served already`);
    const name = options.name ?? device.name;
    const uuid = options.uuid ?? this.#newUuid();
    const unit = new LogicalUnit({
      device,
      uuid,
      name,
      buffers: this.#buffers,
      timers: this.#timers,
    });
    const assignment = { lun, unit, partition: name };
    this.#luns.set(lun, { assignment, hosts: new Map(Object.entries(options.hosts)) });
    await this.#node.refreshAccess();
  }

  /**
   * Takes a LUN away; resolves when no command can reach the device any more. It stays open: it is
   * the caller's.
   */
  async removeLun(lun: number): Promise<void> {
    const removed = this.#luns.get(lun);
    if (removed === undefined) throw new Failure('notFound', `LUN ${lun} isn't served`);
    this.#luns.delete(lun);
    await this.#node.refreshAccess();
    await removed.assignment.unit.close();
  }

  /**
   * @param portal `host:port`; port 0 takes any that is free. @returns the address that hosts log
   * in to.
   * @throws Failure where it can't be listened on.
   */
  async listen(portal: string): Promise<string> {
    const listener = await listen(this.#node, parsePortalAddress(portal));
    const address = formatPortalAddress(listener);
    this.#listeners.push(listener);
    this.#node.addPortal({ address });
    return address;
  }

  /** Asks hosts to log out, ends their sessions and stops listening. */
  async close(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    await this.#node.stop();
    for (const { assignment } of this.#luns.values()) await assignment.unit.close();
  }

  #view(initiatorName: string): HostView | undefined {
    const luns = new Map<number, LunAssignment>();
    for (const [lun, { assignment, hosts }] of this.#luns) {
      const rights = hosts.get(initiatorName) ?? hosts.get(ANY_HOST);
      if (rights !== undefined) luns.set(lun, { ...assignment, readOnly: rights === 'ro' });
    }
    const chap = this.#chap.get(initiatorName) ?? null;
    if (luns.size === 0 && chap === null) return undefined;
    return { host: initiatorName, chap, mutual: null, luns };
  }

  #newUuid(): string {
    const bytes = this.#random.bytes(16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }
}
