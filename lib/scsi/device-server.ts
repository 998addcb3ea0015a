/** The way of a command through the device server: refuse, order, perform. */
import { hasServiceActions, lookUpRow } from './command-table.ts';
import type { CommandRow } from './command.ts';
import { finishSense, finishStatus } from './finish.ts';
import { decodeLun } from './lun.ts';
import type { ItlNexus, ItNexus } from './nexus.ts';
import { invalidCdbField, progressSpecific } from './sense.ts';
import { ScsiStatus } from './status.ts';
import { TaskAttribute, TaskPhase } from './task.ts';
import type { ScsiTask } from './task.ts';

/** Bits of byte 1 that tell commands of one opcode apart. */
const SERVICE_ACTION_BITS = 0x1f;

/** @returns false where the task has ended; else it waits for memory, Data-Out and `runTask`. */
export function prepareTask(task: ScsiTask, nexus: ItNexus): boolean {
  clearResults(task);
  nexus.inUse = true;
  const itl = nexus.units.get(decodeLun(task.lunHigh, task.lunLow));
  if (itl === undefined) return prepareStray(task, nexus);
  const { unit } = itl;
  task.itl = itl;
  task.startedMs = unit.timers.nowMs();
  if (unit.tasks.full) return refuseFull(task, itl);
  const row = lookUpRow(task.cdb);
  task.row = row;
  if (itl.unitAttentionCount !== 0 && (row === null || row.passesUnitAttention !== true)) {
    finishSense(task, itl.takeUnitAttention()!);
    return false;
  }
  if (row === null || (row.supported !== undefined && !row.supported(unit))) {
    const knownOpcode = row === null && hasServiceActions(task.cdb[0]!);
    finishSense(task, knownOpcode ? invalidCdbField(task, 1, 4) : 'invalidOpcode');
    return false;
  }
  if (refusedByField(task, row) || refusedByState(task, itl, row)) return false;
  const reason = row.prepare === undefined ? undefined : row.prepare(task, unit);
  if (reason !== undefined) {
    finishSense(task, reason);
    return false;
  }
  unit.tasks.enter(task);
  return true;
}

/** The transport has brought memory and Data-Out. */
export function runTask(task: ScsiTask): void {
  if (task.set !== null && task.phase === TaskPhase.collecting) task.set.ready(task);
}

/**
 * The task's turn has come. What happened while it waited for data or for its turn counts again.
 */
export function performTask(task: ScsiTask): void {
  const { itl, row } = task;
  if (row === null || itl === null) return;
  if (refusedByState(task, itl, row)) return;
  row.run(task, itl.unit);
}

/** Ends an aborted task as early as it can be done. */
export function stopTask(task: ScsiTask): void {
  const unit = task.itl === null ? null : task.itl.unit;
  const waitsForRange = unit !== null && unit.ranges.waits(task);
  if (task.phase !== TaskPhase.started || waitsForRange) finishStatus(task, ScsiStatus.good);
  else if (unit === null) return;
  else if (task.row?.stop !== undefined) task.row.stop(task, unit);
  else if (task.request.owner !== null) unit.device.cancel(task.request);
}

/** The task set's `start` for commands without a logical unit. */
export function performStray(task: ScsiTask): void {
  const { row } = task;
  if (row !== null && row.withoutUnit !== undefined) row.withoutUnit.run(task);
}

/** A command for a LUN that this nexus doesn't have. */
function prepareStray(task: ScsiTask, nexus: ItNexus): boolean {
  const row = lookUpRow(task.cdb);
  task.row = row;
  if (row === null || row.withoutUnit === undefined) {
    finishSense(task, 'logicalUnitNotSupported');
    return false;
  }
  if (refusedByField(task, row)) return false;
  const reason = row.withoutUnit.prepare(task);
  if (reason !== undefined) {
    finishSense(task, reason);
    return false;
  }
  nexus.strayTasks.enter(task);
  return true;
}

function clearResults(task: ScsiTask): void {
  task.itl = null;
  task.row = null;
  task.dataOutBytes = 0;
  task.dataInBytesMax = 0;
  task.bufferBytes = 0;
  task.status = ScsiStatus.good;
  task.senseBytes = 0;
  task.dataInBytes = 0;
  task.aborted = false;
  task.lba = 0;
  task.blocks = 0;
  task.senseSpecific = 0;
  task.senseInformation = -1;
  task.state = null;
  task.exclusive = false;
  task.touching = false;
  task.stopping = false;
  task.tellsAbort = false;
  task.request.owner = null;
}

/**
 * TASK SET FULL tells a nexus to wait for its own commands; one that has none is told BUSY (SAM-5).
 */
function refuseFull(task: ScsiTask, itl: ItlNexus): false {
  const has = !itl.tasks().next().done;
  finishStatus(task, has ? ScsiStatus.taskSetFull : ScsiStatus.busy);
  return false;
}

/** Reserved bits and bits of what isn't supported, by the row's usage data. */
function refusedByField(task: ScsiTask, row: CommandRow): boolean {
  if (task.attribute === TaskAttribute.aca) {
    finishSense(task, 'invalidMessage');
    return true;
  }
  const { cdb } = task;
  const { usage, cdbBytes } = row;
  for (let index = 1; index < cdbBytes; index++) {
    let stray = cdb[index]! & ~usage[index]!;
    if (stray === 0) continue;
    if (index === 1 && row.serviceAction !== undefined) stray &= ~SERVICE_ACTION_BITS;
    if (stray === 0) continue;
    finishSense(task, invalidCdbField(task, index, 31 - Math.clz32(stray)));
    return true;
  }
  return false;
}

function refusedByState(task: ScsiTask, itl: ItlNexus, row: CommandRow): boolean {
  const { unit } = itl;
  if (unit.hasReservations && row.reservation !== 'always') {
    if (unit.reservations.conflicts(itl, row.reservation)) {
      finishStatus(task, ScsiStatus.reservationConflict);
      return true;
    }
  }
  if (unit.notReady !== null && row.whenNotReady !== true) {
    if (unit.notReadyProgress >= 0) task.senseSpecific = progressSpecific(unit.notReadyProgress);
    finishSense(task, unit.notReady);
    return true;
  }
  if (row.writes !== true) return false;
  if (itl.readOnly || unit.readOnly) finishSense(task, 'writeProtected');
  else if (unit.modes.softwareWriteProtect) finishSense(task, 'softwareWriteProtected');
  else return false;
  return true;
}
