/** What a target node is made of. */
import type { ChallengeRegister, ChapAlgorithm } from '../auth/index.ts';
import type { Random, Timers } from '../base/index.ts';
import type { TransferBuffers } from '../block/index.ts';
import type { ScsiTarget } from '../scsi/index.ts';
import type { Crc32c } from '../wire/index.ts';
import type { AccessDirectory } from './access.ts';
import type { TargetLimits } from './limits.ts';
import type { TargetSession } from './target-session.ts';

/** What a node tells its owner, for logs; never per command. */
export interface NodeEvents {
  sessionOpened?(session: TargetSession): void;
  sessionClosed?(session: TargetSession, reason: string): void;
  /**
   * A mistake of ours that a peer's bytes led to; its connection is closed. Where nobody listens it
   * is thrown, and ends the process.
   */
  internalError?(details: { initiatorName: string; remoteAddress: string; error: unknown }): void;
  loginRefused?(details: {
    initiatorName: string;
    remoteAddress: string;
    status: number;
    reason: string;
  }): void;
  connectionClosed?(details: {
    remoteAddress: string;
    initiatorName: string;
    reason: string;
  }): void;
}

export interface TargetNodeOptions {
  /** iSCSI name, normalized. */
  readonly name: string;
  readonly alias?: string;
  readonly directory: AccessDirectory;
  readonly scsi: ScsiTarget;
  readonly buffers: TransferBuffers;
  readonly timers: Timers;
  readonly random: Random;
  readonly crc32c: Crc32c;
  readonly limits?: Partial<TargetLimits>;
  /** CHAP algorithms offered; default: all four. */
  readonly chapAlgorithms?: readonly ChapAlgorithm[];
  /** Counts the starts of this server: tells initiators that unflushed writes may be gone. */
  readonly incarnation: number;
  readonly challenges?: ChallengeRegister;
  readonly events?: NodeEvents;
}

/**
 * A network portal; all portals of a node form one portal group, so a session can be reinstated
 * through another network.
 */
export interface TargetPortal {
  /** `host:port` that is listened on. */
  readonly address: string;
  /** `host:port` told to hosts instead. */
  readonly advertise?: string;
}

export const PORTAL_GROUP_TAG = 1;

/**
 * Asked for by our own host service, at login or by text: another value than last time says that
 * unflushed writes may be gone.
 */
export const INCARNATION_KEY = 'X-io.hawser.Incarnation';
