/** What a logical unit has done, as plain numbers that metrics and LOG SENSE read. */
import type { LogicalUnit } from './logical-unit.ts';
import { ScsiStatus } from './status.ts';
import type { ScsiTask } from './task.ts';

/** Bucket `i` counts commands that took less than 2^i microseconds and not less than 2^(i-1). */
export const LATENCY_BUCKETS = 32;

export type MediaKind = 'read' | 'write';

export class UnitCounters {
  readCommands = 0;
  writeCommands = 0;
  readBytes = 0;
  writeBytes = 0;
  /** Flushes, UNMAP, WRITE SAME, VERIFY … and everything that moves no user data. */
  otherCommands = 0;
  /** Commands that ended in CHECK CONDITION. */
  failedCommands = 0;
  abortedCommands = 0;
  readErrors = 0;
  writeErrors = 0;
  unmappedBytes = 0;
  readonly readLatency = new Float64Array(LATENCY_BUCKETS);
  readonly writeLatency = new Float64Array(LATENCY_BUCKETS);

  /** Called once for each command, before its object is reused. */
  ended(task: ScsiTask, unit: LogicalUnit): void {
    const media = task.row === null ? undefined : task.row.media;
    if (task.stopping) this.abortedCommands++;
    else if (task.status === ScsiStatus.checkCondition) this.failedCommands++;
    if (media === undefined || task.status !== ScsiStatus.good || task.stopping) {
      this.otherCommands++;
      return;
    }
    const bucket = latencyBucket(unit.timers.nowMs() - task.startedMs);
    if (media === 'read') {
      this.readCommands++;
      this.readBytes += task.blocks * unit.blockSizeBytes;
      this.readLatency[bucket]!++;
    } else {
      this.writeCommands++;
      this.writeBytes += task.blocks * unit.blockSizeBytes;
      this.writeLatency[bucket]!++;
    }
  }
}

const latencyBucket = (elapsedMs: number): number =>
  Math.min(32 - Math.clz32(elapsedMs * 1000), LATENCY_BUCKETS - 1);
