/**
 * Task management function requests (RFC 7143 §11.5, §11.6). "Complete" is said only of what was
 * done: of tasks that can no longer touch the medium. What doesn't end in the time allowed is
 * answered as rejected.
 */
import { TaskManagementFunction, TaskManagementResponseCode } from '../iscsi/index.ts';
import type { TaskManagementRequest } from '../iscsi/index.ts';
import { decodeLun } from '../scsi/index.ts';
import type { ItNexus, ScsiTarget, TmfOutcome } from '../scsi/index.ts';
import { DataDrain } from './data-drain.ts';
import type { TargetConnection } from './target-connection.ts';
import type { TargetSession } from './target-session.ts';
import { TaskPhase } from './target-task.ts';
import type { TargetTask } from './target-task.ts';

const responseOf: Readonly<Record<TmfOutcome, TaskManagementResponseCode>> = {
  complete: TaskManagementResponseCode.functionComplete,
  noSuchTask: TaskManagementResponseCode.taskDoesNotExist,
  noSuchLun: TaskManagementResponseCode.lunDoesNotExist,
  failed: TaskManagementResponseCode.functionRejected,
  unsupported: TaskManagementResponseCode.notSupported,
};

/** A function that ends several tasks (RFC 7143 §4.2.3.1). */
interface MultiTaskRow {
  /** It ends the tasks of one logical unit; otherwise of all that the nexus has. */
  readonly ofUnit: boolean;
  readonly perform: (scsi: ScsiTarget, nexus: ItNexus, lun: number) => Promise<TmfOutcome>;
}

const multiTaskRows: Readonly<Record<number, MultiTaskRow>> = {
  [TaskManagementFunction.abortTaskSet]: {
    ofUnit: true,
    perform: (scsi, nexus, lun) => scsi.abortTaskSet(nexus, lun),
  },
  [TaskManagementFunction.clearTaskSet]: {
    ofUnit: true,
    perform: (scsi, nexus, lun) => scsi.clearTaskSet(nexus, lun),
  },
  [TaskManagementFunction.logicalUnitReset]: {
    ofUnit: true,
    perform: (scsi, nexus, lun) => scsi.logicalUnitReset(nexus, lun),
  },
  [TaskManagementFunction.targetWarmReset]: {
    ofUnit: false,
    perform: (scsi, nexus) => scsi.targetReset(nexus),
  },
  [TaskManagementFunction.targetColdReset]: {
    ofUnit: false,
    perform: (scsi, nexus) => scsi.targetReset(nexus),
  },
};

/**
 * Runs once the function may see the tasks that it affects: those of one logical unit when every
 * command before it has come (§4.2.3.3); an abort of one task at once, for it may be what fills the
 * gap.
 */
export function whenInOrder(
  session: TargetSession,
  request: TaskManagementRequest,
  run: () => void,
): void {
  const waits = multiTaskRows[request.function]?.ofUnit === true;
  if (waits) session.afterCommandsBefore(request.cmdSn, run);
  else run();
}

/** Performs the function that came on `connection`; resolves when it has been done, or won't be. */
export async function performTaskManagement(
  session: TargetSession,
  request: TaskManagementRequest,
  connection: TargetConnection,
): Promise<TaskManagementResponseCode> {
  const lun = decodeLun(request.lun.readUInt32BE(0), request.lun.readUInt32BE(4));
  if (request.function === TaskManagementFunction.abortTask) {
    return abortTask(session, request, lun);
  }
  if (request.function === TaskManagementFunction.taskReassign) {
    return TaskManagementResponseCode.reassignmentNotSupported;
  }
  const row = multiTaskRows[request.function];
  if (row === undefined) return TaskManagementResponseCode.notSupported;
  const { node } = session;
  const drain = new DataDrain(session, (task) => !row.ofUnit || lunOf(task) === lun);
  const outcome = await row.perform(node.scsi, session.nexus!, lun);
  await drain.done(node.timers, node.limits.drainMs);
  await responsesTaken(session, connection);
  return responseOf[outcome];
}

const lunOf = ({ scsi }: TargetTask): number => decodeLun(scsi.lunHigh, scsi.lunLow);

/**
 * Responses on the session's other connections could arrive behind ours: it waits until the peer
 * has them (§4.2.2.3).
 */
async function responsesTaken(session: TargetSession, answering: TargetConnection): Promise<void> {
  const others = [...session.connections.values()].filter((other) => other !== answering);
  const { drainMs } = session.node.limits;
  await Promise.all(others.map((other) => other.acknowledged(drainMs)));
}

async function abortTask(
  session: TargetSession,
  request: TaskManagementRequest,
  lun: number,
): Promise<TaskManagementResponseCode> {
  const task = session.tasks.get(request.referencedTaskTag);
  if (task === undefined) {
    // the command may still be on its way: it is dropped when it comes (§11.6.1)
    return session.plug(request.refCmdSn, request.cmdSn)
      ? TaskManagementResponseCode.functionComplete
      : TaskManagementResponseCode.taskDoesNotExist;
  }
  if (task.phase === TaskPhase.held) session.discardHeld(task.cmdSn);
  else if (task.scsi.itl === null) await session.node.scsi.endTask(task.scsi);
  else {
    const { tag } = task.scsi;
    return responseOf[await session.node.scsi.abortTask(session.nexus!, lun, tag)];
  }
  return TaskManagementResponseCode.functionComplete;
}
