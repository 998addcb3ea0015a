/** Every command of the device server, found by operation code and service action. */
import { assert } from '../base/index.ts';
import type { CommandRow } from './command.ts';
import { cacheCommands } from './sbc/cache.ts';
import { capacityCommands } from './sbc/capacity.ts';
import { compareAndWriteCommands } from './sbc/compare-and-write.ts';
import { lbaStatusCommands } from './sbc/get-lba-status.ts';
import { readCommands } from './sbc/read.ts';
import { sanitizeCommands } from './sbc/sanitize.ts';
import { unmapCommands } from './sbc/unmap.ts';
import { verifyCommands } from './sbc/verify.ts';
import { writeSameCommands } from './sbc/write-same.ts';
import { writeCommands } from './sbc/write.ts';
import { aluaCommands } from './spc/alua.ts';
import { copyCommands } from './spc/extended-copy.ts';
import { inquiryCommands } from './spc/inquiry.ts';
import { logCommands } from './spc/log-sense.ts';
import { modeSelectCommands } from './spc/mode-select.ts';
import { modeSenseCommands } from './spc/mode-sense.ts';
import { reportLunsCommands } from './spc/report-luns.ts';
import { reportSupportedCommands } from './spc/report-supported.ts';
import { reservationCommands } from './spc/reservation-commands.ts';
import { senseCommands } from './spc/sense-commands.ts';

const OPCODES = 256;
const SERVICE_ACTIONS = 32;
const SERVICE_ACTION_MASK = 0x1f;

/** All rows, by operation code and service action ascending. */
export const commandRows: readonly CommandRow[] = [
  ...aluaCommands,
  ...cacheCommands,
  ...capacityCommands,
  ...compareAndWriteCommands,
  ...copyCommands,
  ...inquiryCommands,
  ...lbaStatusCommands,
  ...logCommands,
  ...modeSelectCommands,
  ...modeSenseCommands,
  ...readCommands,
  ...reportLunsCommands,
  ...reportSupportedCommands({ rows: () => commandRows }),
  ...reservationCommands,
  ...sanitizeCommands,
  ...senseCommands,
  ...unmapCommands,
  ...verifyCommands,
  ...writeCommands,
  ...writeSameCommands,
].sort(byCode);

const plainRows: (CommandRow | null)[] = new Array<CommandRow | null>(OPCODES).fill(null);
const actionRows: ((CommandRow | null)[] | null)[] = new Array<null>(OPCODES).fill(null);
for (const row of commandRows) addRow(row);

/** @returns the row of a CDB of at least 2 bytes; null: none. */
export function lookUpRow(cdb: Buffer): CommandRow | null {
  const opcode = cdb[0]!;
  const row = plainRows[opcode]!;
  if (row !== null) return row;
  const actions = actionRows[opcode]!;
  return actions === null ? null : actions[cdb[1]! & SERVICE_ACTION_MASK]!;
}

/** The operation code is known and needs a service action to name a command. */
export function hasServiceActions(opcode: number): boolean {
  return (actionRows[opcode] ?? null) !== null;
}

function byCode(one: CommandRow, other: CommandRow): number {
  return one.opcode - other.opcode || (one.serviceAction ?? 0) - (other.serviceAction ?? 0);
}

function addRow(row: CommandRow): void {
  assert(row.usage.length === row.cdbBytes, `${row.name}: usage data for every byte`);
  assert(plainRows[row.opcode] === null, `${row.name}: operation code is taken`);
  if (row.serviceAction === undefined) {
    assert(!hasServiceActions(row.opcode), `${row.name}: operation code is taken`);
    plainRows[row.opcode] = row;
    return;
  }
  const actions = (actionRows[row.opcode] ??= new Array<CommandRow | null>(SERVICE_ACTIONS).fill(
    null,
  ));
  assert(actions[row.serviceAction] === null, `${row.name}: service action is taken`);
  actions[row.serviceAction] = row;
}
