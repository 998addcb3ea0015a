/** READ CAPACITY(10), READ CAPACITY(16) and READ DEFECT DATA (SBC-3). */
import { expectParameterData, ones } from '../cdb.ts';
import type { CommandRow } from '../command.ts';
import { finishParameterData } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import type { ScsiTask } from '../task.ts';

/** Told where the last LBA doesn't fit; the host then asks with READ CAPACITY(16). */
const LBA_32_MAX = 0xffff_ffff;
const CAPACITY_10_BYTES = 8;
const CAPACITY_16_BYTES = 32;
const LBPME_BIT = 0x80;
const LBPRZ_BIT = 0x40;
/** PLISTV or GLISTV and DEFECT LIST FORMAT, as they were asked for. */
const DEFECT_REQUEST_BITS = 0x1f;

function runReadCapacity10(task: ScsiTask, unit: LogicalUnit): void {
  const data = Buffer.alloc(CAPACITY_10_BYTES);
  data.writeUInt32BE(Math.min(unit.capacityBlocks - 1, LBA_32_MAX), 0);
  data.writeUInt32BE(unit.blockSizeBytes, 4);
  finishParameterData(task, data);
}

function runReadCapacity16(task: ScsiTask, unit: LogicalUnit): void {
  const { features } = unit.device;
  const data = Buffer.alloc(CAPACITY_16_BYTES);
  data.writeUIntBE(unit.capacityBlocks - 1, 2, 6);
  data.writeUInt32BE(unit.blockSizeBytes, 8);
  data[13] = Math.round(Math.log2(unit.limits.physicalBlocks));
  data[14] = (unit.thin ? LBPME_BIT : 0) | (unit.thin && features.unmapReadsZeroes ? LBPRZ_BIT : 0);
  finishParameterData(task, data);
}

/** No defects: the medium below remaps its own. */
function runReadDefectData10(task: ScsiTask): void {
  finishParameterData(task, Buffer.from([0, task.cdb[2]! & DEFECT_REQUEST_BITS, 0, 0]));
}

function runReadDefectData12(task: ScsiTask): void {
  finishParameterData(task, Buffer.from([0, task.cdb[1]! & DEFECT_REQUEST_BITS, 0, 0, 0, 0, 0, 0]));
}

export const capacityCommands: readonly CommandRow[] = [
  {
    opcode: 0x25,
    name: 'READ CAPACITY(10)',
    cdbBytes: 10,
    usage: [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    reservation: 'always',
    prepare: (task) => expectParameterData(task, CAPACITY_10_BYTES),
    run: runReadCapacity10,
  },
  {
    opcode: 0x9e,
    serviceAction: 0x10,
    name: 'READ CAPACITY(16)',
    cdbBytes: 16,
    usage: [0x9e, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...ones(4), 0, 0],
    reservation: 'always',
    prepare: (task) => expectParameterData(task, task.cdb.readUInt32BE(10)),
    run: runReadCapacity16,
  },
  {
    opcode: 0x37,
    name: 'READ DEFECT DATA(10)',
    cdbBytes: 10,
    usage: [0x37, 0, DEFECT_REQUEST_BITS, 0, 0, 0, 0, 0xff, 0xff, 0],
    reservation: 'always',
    prepare: (task) => expectParameterData(task, task.cdb.readUInt16BE(7)),
    run: runReadDefectData10,
  },
  {
    opcode: 0xb7,
    name: 'READ DEFECT DATA(12)',
    cdbBytes: 12,
    usage: [0xb7, DEFECT_REQUEST_BITS, ...ones(8), 0, 0],
    reservation: 'always',
    prepare: (task) => expectParameterData(task, task.cdb.readUInt32BE(6)),
    run: runReadDefectData12,
  },
];
