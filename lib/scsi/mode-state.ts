/** The changeable parameters of a logical unit's mode pages, shared by all nexuses. */
import type { BlockFeatures } from '../block/index.ts';

export class ModeState {
  /** WCE (Caching): writes may end before they are durable. */
  writeCacheEnabled: boolean;
  /** D_SENSE (Control): descriptor format instead of fixed. */
  descriptorSense = false;
  /** TAS (Control): commands aborted from another nexus end with TASK ABORTED. */
  taskAbortedStatus = false;
  /** SWP (Control): writes are refused. */
  softwareWriteProtect = false;
  /** The device has a write cache, so WCE can be changed. */
  readonly writeCacheChangeable: boolean;

  /**
   * @param allowWriteCache false: the operator wants every write durable, and no host can change
   * that.
   */
  constructor(features: BlockFeatures, allowWriteCache: boolean) {
    this.writeCacheChangeable = features.volatileWriteCache && allowWriteCache;
    this.writeCacheEnabled = this.writeCacheChangeable;
  }

  /** As after power on: nothing is saved, so the defaults return. */
  reset(): void {
    this.writeCacheEnabled = this.writeCacheChangeable;
    this.descriptorSense = false;
    this.taskAbortedStatus = false;
    this.softwareWriteProtect = false;
  }
}
