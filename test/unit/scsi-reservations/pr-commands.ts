/** Persistent reservation commands as a host writes them. */
import type { ItNexus } from '../../../lib/scsi/index.ts';
import type { ReservationStore } from '../../../lib/scsi/index.ts';
import { encodeTransportId, initiatorPort } from '../../../lib/scsi/reservations/transport-id.ts';
import { bytesOf } from '../../fakes/scsi-harness.ts';
import type { PendingCommand, ScsiAnswer, ScsiHarness } from '../../fakes/scsi-harness.ts';

export const Prout = {
  register: 0,
  reserve: 1,
  release: 2,
  clear: 3,
  preempt: 4,
  preemptAndAbort: 5,
  registerAndIgnore: 6,
  registerAndMove: 7,
} as const;

export const PrType = { we: 1, ea: 3, wero: 5, earo: 6, wear: 7, eaar: 8 } as const;
export const allTypes = Object.entries(PrType);

export interface ProutFields {
  readonly key?: bigint;
  readonly newKey?: bigint;
  readonly type?: number;
  readonly scope?: number;
  readonly aptpl?: boolean;
  readonly allTargetPorts?: boolean;
  /** TransportIDs of SPEC_I_PT. */
  readonly others?: readonly Buffer[];
  readonly listBytes?: number;
}

export const transportIdOf = (nexus: ItNexus): Buffer =>
  encodeTransportId(initiatorPort(nexus.identity.initiatorName, nexus.identity.isid));

function basicList(fields: ProutFields): Buffer {
  const list = Buffer.alloc(24);
  list.writeBigUInt64BE(fields.key ?? 0n, 0);
  list.writeBigUInt64BE(fields.newKey ?? 0n, 8);
  if (fields.aptpl === true) list[20]! |= 0x01;
  if (fields.allTargetPorts === true) list[20]! |= 0x04;
  if (fields.others === undefined) return list;
  list[20]! |= 0x08;
  const ids = Buffer.concat(fields.others);
  return Buffer.concat([list, Buffer.from(bytesOf(ids.length, 4)), ids]);
}

const proutCdb = (action: number, fields: ProutFields, listBytes: number): number[] => {
  const scopeAndType = ((fields.scope ?? 0) << 4) | (fields.type ?? 0);
  return [0x5f, action, scopeAndType, 0, 0, ...bytesOf(fields.listBytes ?? listBytes, 4), 0];
};

export function beginProut(
  scsi: ScsiHarness,
  nexus: ItNexus,
  action: number,
  fields: ProutFields,
): PendingCommand {
  const list = basicList(fields);
  return scsi.begin(nexus, proutCdb(action, fields, list.length), { data: list });
}

export const prout = (
  scsi: ScsiHarness,
  nexus: ItNexus,
  action: number,
  fields: ProutFields = {},
): Promise<ScsiAnswer> => beginProut(scsi, nexus, action, fields).run().done;

export interface MoveFields {
  readonly key: bigint;
  readonly newKey: bigint;
  readonly to: Buffer;
  readonly unregister?: boolean;
  readonly aptpl?: boolean;
  readonly relativePortId?: number;
}

export function move(scsi: ScsiHarness, nexus: ItNexus, fields: MoveFields): Promise<ScsiAnswer> {
  const list = Buffer.alloc(24);
  list.writeBigUInt64BE(fields.key, 0);
  list.writeBigUInt64BE(fields.newKey, 8);
  list[17] = (fields.unregister === true ? 2 : 0) | (fields.aptpl === true ? 1 : 0);
  list.writeUInt16BE(fields.relativePortId ?? 1, 18);
  list.writeUInt32BE(fields.to.length, 20);
  const data = Buffer.concat([list, fields.to]);
  return scsi.runOn(nexus, proutCdb(Prout.registerAndMove, {}, data.length), { data });
}

export const prin = (
  scsi: ScsiHarness,
  nexus: ItNexus,
  action: number,
  allocationBytes = 4096,
): Promise<ScsiAnswer> =>
  scsi.runOn(nexus, [0x5e, action, 0, 0, 0, 0, 0, ...bytesOf(allocationBytes, 2), 0]);

export interface Keys {
  readonly generation: number;
  readonly keys: bigint[];
}

export async function keysOf(scsi: ScsiHarness, nexus: ItNexus): Promise<Keys> {
  const { data } = await prin(scsi, nexus, 0);
  const keys: bigint[] = [];
  for (let at = 8; at < 8 + data.readUInt32BE(4); at += 8) keys.push(data.readBigUInt64BE(at));
  return { generation: data.readUInt32BE(0), keys };
}

/** @returns undefined where nothing is reserved. */
export async function reservationOf(
  scsi: ScsiHarness,
  nexus: ItNexus,
): Promise<{ key: bigint; type: number } | undefined> {
  const { data } = await prin(scsi, nexus, 1);
  if (data.readUInt32BE(4) === 0) return undefined;
  return { key: data.readBigUInt64BE(8), type: data[21]! & 0x0f };
}

export const takeAttention = (nexus: ItNexus): string | undefined =>
  nexus.units.get(0)!.takeUnitAttention();

/** Keeps what was saved; fails or waits where told to. */
export class MemoryStore implements ReservationStore {
  bytes: Buffer | null = null;
  saves = 0;
  failing = false;
  /** Saves wait for `release`. */
  held = false;
  #waiting: (() => void)[] = [];

  load(): Buffer | null {
    return this.bytes;
  }

  async save(bytes: Buffer): Promise<void> {
    this.saves++;
    if (this.held) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.failing) throw new Error('no space left');
    this.bytes = Buffer.from(bytes);
  }

  release(): void {
    this.held = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
