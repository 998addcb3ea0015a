/**
 * Task management function requests (RFC 7143 §11.5, §11.6). "Complete" is said only of what was done: of tasks that can
 * no longer touch the medium. What doesn't end in the time allowed is answered as rejected.
 */
import { TaskManagementFunction, TaskManagementResponseCode } from '../iscsi/index.ts';
import type { TaskManagementRequest } from '../iscsi/index.ts';
import { decodeLun } from '../scsi/index.ts';
import type { TmfOutcome } from '../scsi/index.ts';
import type { TargetSession } from './target-session.ts';

const responseOf: Readonly<Record<TmfOutcome, TaskManagementResponseCode>> = {
  complete: TaskManagementResponseCode.functionComplete,
  noSuchTask: TaskManagementResponseCode.taskDoesNotExist,
  noSuchLun: TaskManagementResponseCode.lunDoesNotExist,
  failed: TaskManagementResponseCode.functionRejected,
  unsupported: TaskManagementResponseCode.notSupported,
};

/** Performs the function; resolves when it has been done, or won't be. */
export async function performTaskManagement(
  session: TargetSession,
  request: TaskManagementRequest,
): Promise<TaskManagementResponseCode> {
  const { scsi } = session.node;
  const nexus = session.nexus!;
  const lun = decodeLun(request.lun.readUInt32BE(0), request.lun.readUInt32BE(4));
  switch (request.function) {
    case TaskManagementFunction.abortTask:
      return abortTask(session, request, lun);
    case TaskManagementFunction.abortTaskSet:
      return responseOf[await scsi.abortTaskSet(nexus, lun)];
    case TaskManagementFunction.clearTaskSet:
      return responseOf[await scsi.clearTaskSet(nexus, lun)];
    case TaskManagementFunction.logicalUnitReset:
      return responseOf[await scsi.logicalUnitReset(nexus, lun)];
    case TaskManagementFunction.targetWarmReset:
    case TaskManagementFunction.targetColdReset:
      return responseOf[await scsi.targetReset(nexus)];
    case TaskManagementFunction.taskReassign:
      return TaskManagementResponseCode.reassignmentNotSupported;
    default:
      return TaskManagementResponseCode.notSupported;
  }
}

async function abortTask(
  session: TargetSession,
  request: TaskManagementRequest,
  lun: number,
): Promise<TaskManagementResponseCode> {
  const task = session.tasks.get(request.referencedTaskTag);
  if (task === undefined || task.scsi.itl === null) {
    // the command may still be on its way: it is dropped when it comes (§11.5.5)
    return session.abandon(request.refCmdSn)
      ? TaskManagementResponseCode.functionComplete
      : TaskManagementResponseCode.taskDoesNotExist;
  }
  const outcome = await session.node.scsi.abortTask(session.nexus!, lun, task.scsi.tag);
  return responseOf[outcome];
}
