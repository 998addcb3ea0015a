/** What tests look for in the answers of a target. */
import { expect } from 'chai';
import { Opcode, encodeTextKeys, parseTextKeys } from '../../../lib/iscsi/index.ts';
import { TARGET_NAME } from '../../fakes/target-harness.ts';
import type { TargetWorld } from '../../fakes/target-harness.ts';

export const HOST = 'iqn.2026-11.test:host';
export const OTHER = 'iqn.2026-11.test:other';
export const BLOCK = 512;

export type Keys = Readonly<Record<string, string>>;

export interface Pdu {
  readonly opcode: number;
  readonly header: Buffer;
  readonly data: Buffer;
  readonly flags: number;
  readonly tag: number;
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
}

export const textOf = (keys: Keys): Buffer =>
  encodeTextKeys(Object.entries(keys).map(([key, value]) => ({ key, value })));

/** The keys of a PDU, in their order. */
export function keysOf({ data }: Pdu): Map<string, string> {
  const parsed = parseTextKeys(data);
  if (!parsed.ok) throw new Error(parsed.error);
  return new Map(parsed.value.map(({ key, value }) => [key, value]));
}

/** What the first request of a login says of its sender. */
export const identity = (name: string = HOST): Keys => ({
  InitiatorName: name,
  SessionType: 'Normal',
  TargetName: TARGET_NAME,
});

export const opcodesOf = (pdus: readonly Pdu[]): number[] => pdus.map(({ opcode }) => opcode);
export const tagsOf = (pdus: readonly Pdu[]): number[] => pdus.map(({ tag }) => tag);

/**
 * Sense key and additional sense code of a SCSI Response in fixed format, as `key/ascascq` in hex.
 */
export function senseOf({ opcode, data }: Pdu): string {
  expect(opcode).to.equal(Opcode.scsiResponse);
  if (data.length === 0) return '';
  const sense = data.subarray(2);
  return `${(sense[2]! & 0x0f).toString(16)}/${sense.subarray(12, 14).toString('hex')}`;
}

/** Nothing of the world is left in use once its sessions are at rest. */
export function expectAtRest(world: TargetWorld): void {
  expect(world.buffers.usedBytes, 'transfer memory in use').to.equal(0);
  expect(world.node.memoryQueue.length, 'commands waiting for memory').to.equal(0);
  for (const session of world.node.sessionTable) {
    expect(session.tasks.size, 'tasks of a session').to.equal(0);
    expect(session.outstandingCommands, 'commands outstanding').to.equal(0);
  }
}
