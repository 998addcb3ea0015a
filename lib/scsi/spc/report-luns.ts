/** REPORT LUNS (SPC-4): the logical units of this nexus, whichever LUN it is asked on. */
import { expectParameterData } from '../cdb.ts';
import type { CommandRow } from '../command.ts';
import { finishParameterData } from '../finish.ts';
import { encodeLun } from '../lun.ts';
import type { ItNexus } from '../nexus.ts';
import { invalidCdbField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';

const HEADER_BYTES = 8;
const LUN_BYTES = 8;

/**
 * SELECT REPORT: true where it means the ordinary logical units; well-known and administrative ones
 * don't exist.
 */
const reportsUnits: Readonly<Record<number, boolean>> = {
  0x00: true,
  0x01: false,
  0x02: true,
  0x10: false,
  0x11: true,
  0x12: false,
};

const answerBytes = (nexus: ItNexus): number => HEADER_BYTES + nexus.units.size * LUN_BYTES;

function prepareReportLuns(task: ScsiTask): SenseReason | undefined {
  if (reportsUnits[task.cdb[2]!] === undefined) return invalidCdbField(task, 2, 7);
  return expectParameterData(task, task.cdb.readUInt32BE(6), answerBytes(task.nexus!));
}

function forgetChange(nexus: ItNexus): void {
  for (const itl of nexus.units.values()) itl.removeUnitAttention('reportedLunsChanged');
}

function runReportLuns(task: ScsiTask): void {
  const nexus = task.nexus!;
  const luns = reportsUnits[task.cdb[2]!] === true ? [...nexus.units.keys()] : [];
  luns.sort((one, other) => one - other);
  const data = Buffer.alloc(HEADER_BYTES + luns.length * LUN_BYTES);
  data.writeUInt32BE(luns.length * LUN_BYTES, 0);
  luns.forEach((lun, index) =>
    data.writeUInt32BE(encodeLun(lun), HEADER_BYTES + index * LUN_BYTES),
  );
  const fits = data.length <= task.bufferBytes;
  // the answer tells what this unit attention would, unless LUNs came since `prepare`
  if (fits || data.length > task.dataInBytesMax) forgetChange(nexus);
  finishParameterData(task, fits ? data : data.subarray(0, task.bufferBytes));
}

export const reportLunsCommands: readonly CommandRow[] = [
  {
    opcode: 0xa0,
    name: 'REPORT LUNS',
    cdbBytes: 12,
    usage: [0xa0, 0, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0],
    reservation: 'always',
    passesUnitAttention: true,
    whenNotReady: true,
    withoutUnit: { prepare: prepareReportLuns, run: runReportLuns },
    prepare: prepareReportLuns,
    run: runReportLuns,
  },
];
