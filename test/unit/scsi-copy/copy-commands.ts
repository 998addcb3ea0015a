/** EXTENDED COPY as a host writes it. */
import type { LogicalUnit } from '../../../lib/scsi/index.ts';
import { bytesOf } from '../../fakes/scsi-harness.ts';

export const BLOCK = 512;

export interface CscdFields {
  readonly type?: number;
  readonly luIdType?: number;
  readonly nullDevice?: boolean;
  readonly peripheral?: number;
  readonly designatorType?: number;
  readonly naa?: Buffer;
  readonly blockBytes?: number;
}

export function cscd(unit: LogicalUnit, fields: CscdFields = {}): Buffer {
  const naa = fields.naa ?? unit.identity.naa;
  const descriptor = Buffer.alloc(32);
  descriptor[0] = fields.type ?? 0xe4;
  descriptor[1] =
    ((fields.luIdType ?? 0) << 6) |
    (fields.nullDevice === true ? 0x20 : 0) |
    (fields.peripheral ?? 0);
  descriptor[4] = 1;
  descriptor[5] = fields.designatorType ?? 3;
  descriptor[7] = naa.length;
  naa.copy(descriptor, 8);
  descriptor.set(bytesOf(fields.blockBytes ?? unit.blockSizeBytes, 3), 29);
  return descriptor;
}

export interface SegmentFields {
  readonly type?: number;
  readonly source?: number;
  readonly destination?: number;
  readonly blocks: number;
  readonly from: number;
  readonly to: number;
  readonly countsDestination?: boolean;
}

export function segment(fields: SegmentFields): Buffer {
  const descriptor = Buffer.alloc(28);
  descriptor[0] = fields.type ?? 0x02;
  descriptor[1] = fields.countsDestination === true ? 0x02 : 0;
  descriptor.writeUInt16BE(0x18, 2);
  descriptor.writeUInt16BE(fields.source ?? 0, 4);
  descriptor.writeUInt16BE(fields.destination ?? 0, 6);
  descriptor.writeUInt16BE(fields.blocks, 10);
  descriptor.set(bytesOf(fields.from, 8), 12);
  descriptor.set(bytesOf(fields.to, 8), 20);
  return descriptor;
}

export interface ListFields {
  readonly listId?: number;
  readonly usage?: number;
  readonly inlineBytes?: number;
}

export function copyList(cscds: Buffer[], segments: Buffer[], fields: ListFields = {}): Buffer {
  const header = Buffer.alloc(16);
  header[0] = fields.listId ?? 1;
  header[1] = (fields.usage ?? 0) << 3;
  header.writeUInt16BE(Buffer.concat(cscds).length, 2);
  header.writeUInt32BE(Buffer.concat(segments).length, 8);
  header.writeUInt32BE(fields.inlineBytes ?? 0, 12);
  return Buffer.concat([header, ...cscds, ...segments, Buffer.alloc(fields.inlineBytes ?? 0)]);
}

export const copyCdb = (listBytes: number): number[] => [
  0x83,
  ...new Array<number>(9).fill(0),
  ...bytesOf(listBytes, 4),
  0,
  0,
];

export const resultsCdb = (action: number, listId = 0, allocationBytes = 1024): number[] => [
  0x84,
  action,
  listId,
  ...new Array<number>(7).fill(0),
  ...bytesOf(allocationBytes, 4),
  0,
  0,
];
