/** Plain numbers counted on the hot path and read by whoever shows them. */
import type { TargetTask } from './target-task.ts';

export class SessionCounters {
  commands = 0;
  dataInBytes = 0;
  dataOutBytes = 0;
  checkConditions = 0;

  count(task: TargetTask): void {
    this.commands++;
    this.dataInBytes += Math.min(task.scsi.dataInBytes, task.scsi.expectedInBytes);
    this.dataOutBytes += task.receivedOutBytes;
    if (task.scsi.status !== 0) this.checkConditions++;
  }
}

export class NodeCounters {
  connectionsAccepted = 0;
  connectionsClosed = 0;
  loginsAccepted = 0;
  loginsRefused = 0;
  /** Connections dropped to make room before they had logged in. */
  halfOpenDropped = 0;
  sessionsReinstated = 0;
  protocolErrors = 0;
  /** Mistakes of ours that ended a connection. */
  internalErrors = 0;
  digestErrors = 0;
  taskManagement = 0;
  nopTimeouts = 0;
}
