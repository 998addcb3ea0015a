/** GET LBA STATUS (SBC-3): which blocks have storage behind them. */
import { ones, readLba64 } from '../cdb.ts';
import type { BlockExtent } from '../../block/index.ts';
import type { CommandRow } from '../command.ts';
import { finishParameterData } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';

const HEADER_BYTES = 8;
const DESCRIPTOR_BYTES = 16;
/** Descriptors in one answer. */
const DESCRIPTORS_MAX = 256;
/** NUMBER OF LOGICAL BLOCKS has 32 bits. */
const BLOCKS_PER_DESCRIPTOR_MAX = 0xffff_ffff;

const Provisioning = { mapped: 0, deallocated: 1, anchored: 2 } as const;

interface LbaStatus {
  readonly lba: number;
  blocks: number;
  readonly provisioning: number;
}

const descriptorLimit = (task: ScsiTask): number =>
  Math.min(
    Math.max(Math.floor((task.dataInBytesMax - HEADER_BYTES) / DESCRIPTOR_BYTES), 1),
    DESCRIPTORS_MAX,
  );

function prepareGetLbaStatus(task: ScsiTask, unit: LogicalUnit): SenseReason | undefined {
  task.lba = readLba64(task.cdb, 2);
  if (task.lba >= unit.capacityBlocks) return 'lbaOutOfRange';
  task.dataInBytesMax = task.cdb.readUInt32BE(10);
  const answerBytes = HEADER_BYTES + descriptorLimit(task) * DESCRIPTOR_BYTES;
  task.bufferBytes = Math.min(task.dataInBytesMax, answerBytes);
  return undefined;
}

function runGetLbaStatus(task: ScsiTask, unit: LogicalUnit): void {
  void answer(task, unit);
}

async function answer(task: ScsiTask, unit: LogicalUnit): Promise<void> {
  const limit = descriptorLimit(task);
  const statuses = unit.thin ? await provisioned(task.lba, unit, limit) : [allMapped(task, unit)];
  const shown = statuses.slice(0, limit);
  const data = Buffer.alloc(HEADER_BYTES + shown.length * DESCRIPTOR_BYTES);
  data.writeUInt32BE(data.length - 4, 0);
  shown.forEach((status, index) => {
    const at = HEADER_BYTES + index * DESCRIPTOR_BYTES;
    data.writeUIntBE(status.lba, at + 2, 6);
    data.writeUInt32BE(Math.min(status.blocks, BLOCKS_PER_DESCRIPTOR_MAX), at + 8);
    data[at + 12] = status.provisioning;
  });
  finishParameterData(task, data);
}

const allMapped = (task: ScsiTask, unit: LogicalUnit): LbaStatus => ({
  lba: task.lba,
  blocks: unit.capacityBlocks - task.lba,
  provisioning: Provisioning.mapped,
});

async function provisioned(lba: number, unit: LogicalUnit, limit: number): Promise<LbaStatus[]> {
  const { blockSizeBytes } = unit;
  const lengthBytes = (unit.capacityBlocks - lba) * blockSizeBytes;
  const extents = await unit.device.extents(lba * blockSizeBytes, lengthBytes, limit);
  // without thin provisioning the space of an unmapped block stays promised to it
  const unmapped = unit.device.features.thin ? Provisioning.deallocated : Provisioning.anchored;
  return blockStatuses({ lba, extents, blockSizeBytes, unmapped });
}

/** Whole blocks of the extents; a block that holds any data is mapped. */
function blockStatuses(options: {
  readonly lba: number;
  readonly extents: readonly BlockExtent[];
  readonly blockSizeBytes: number;
  readonly unmapped: number;
}): LbaStatus[] {
  const { lba, extents, blockSizeBytes, unmapped } = options;
  const statuses: LbaStatus[] = [];
  let next = lba;
  for (const { offsetBytes, lengthBytes, kind } of extents) {
    const exactEnd = (offsetBytes + lengthBytes) / blockSizeBytes;
    const end = kind === 'data' ? Math.ceil(exactEnd) : Math.floor(exactEnd);
    if (end <= next) continue;
    const provisioning = kind === 'data' ? Provisioning.mapped : unmapped;
    const last = statuses.at(-1);
    if (last !== undefined && last.provisioning === provisioning) last.blocks += end - next;
    else statuses.push({ lba: next, blocks: end - next, provisioning });
    next = end;
  }
  return statuses;
}

export const lbaStatusCommands: readonly CommandRow[] = [
  {
    opcode: 0x9e,
    serviceAction: 0x12,
    name: 'GET LBA STATUS',
    cdbBytes: 16,
    usage: [0x9e, 0, ...ones(12), 0, 0],
    reservation: 'always',
    prepare: prepareGetLbaStatus,
    run: runGetLbaStatus,
  },
];
