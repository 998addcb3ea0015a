/**
 * The programming interface of the asking end: a remote LUN as a BlockDevice, and what a portal has
 * to offer.
 */
import type { ChapCredentials } from '../auth/index.ts';
import { Failure } from '../base/index.ts';
import type { ListedPartition } from '../discovery/index.ts';
import {
  assignedPartitions,
  decodeSense,
  formatIscsiUrl,
  parseIscsiUrl,
  parsePortalUrl,
  RemoteDevice,
  sendTargets,
} from '../initiator/index.ts';
import type {
  DigestChoice,
  DiscoveredTarget,
  InitiatorSession,
  IscsiUrl,
  SessionEnd,
  SessionLimits,
} from '../initiator/index.ts';
import type { AsyncMessage, LocalParameters } from '../iscsi/index.ts';
import { decodeLun } from '../scsi/index.ts';
import { openSession } from './initiator-session.ts';
import type { SessionRequest } from './initiator-session.ts';
import { systemTimers } from './system-timers.ts';

export interface InitiatorOptions {
  readonly initiatorName?: string;
  /** Instead of what the URL says. */
  readonly chap?: ChapCredentials | null;
  /** What the target has to prove. */
  readonly mutual?: ChapCredentials | null;
  readonly headerDigest?: DigestChoice;
  readonly dataDigest?: DigestChoice;
  readonly parameters?: Partial<LocalParameters>;
  readonly limits?: Partial<SessionLimits>;
  readonly connectMs?: number;
  /** The session has ended although nobody closed the disk. */
  readonly onEnded?: (end: SessionEnd) => void;
}

export interface Discovery {
  readonly targets: readonly DiscoveredTarget[];
  /** What is assigned to this initiator; null where the target is none of ours. */
  readonly partitions: readonly ListedPartition[] | null;
}

/** A little longer than a session waits for the answer to its logout. */
const LOGOUT_MS_MAX = 5_000;

export const Initiator = {
  /**
   * Logs in and opens one LUN: `iscsi://host:3260/target-name/lun`. The device's `close` flushes
   * and logs out.
   * @throws Failure: `unreachable`, `notAllowed`, `notFound`, `usage`.
   */
  async open(url: string, options: InitiatorOptions = {}): Promise<RemoteDevice> {
    const parsed = parseIscsiUrl(url);
    const watch = new SessionWatch(options.onEnded);
    let disk: RemoteDevice | null = null;
    const session = await openSession({
      ...requestFor(parsed, options),
      onEnded: watch.onEnded,
      onAsyncMessage: (message, bytes) => {
        const sense = decodeSense(bytes, bytes.length);
        if (sense !== null && lunOf(message) === parsed.lun) disk?.takeAttention(sense);
      },
    });
    try {
      disk = await RemoteDevice.open({
        session,
        lun: parsed.lun,
        timers: systemTimers(),
        name: formatIscsiUrl(parsed),
        onClose: () => watch.logout(session),
      });
      return disk;
    } catch (error) {
      session.logout();
      throw error;
    }
  },

  /** Logs in without opening a LUN, for whoever sends commands of its own. */
  async session(url: string, options: InitiatorOptions = {}): Promise<InitiatorSession> {
    return openSession(requestFor(parseIscsiUrl(url), options));
  },

  /**
   * Asks a portal, `host[:port]`, for its targets and for the partitions assigned to this
   * initiator.
   */
  async discover(portal: string, options: InitiatorOptions = {}): Promise<Discovery> {
    const watch = new SessionWatch(options.onEnded);
    const session = await openSession({
      ...options,
      ...parsePortalUrl(portal),
      ...credentials(null, options),
      targetName: null,
      onEnded: watch.onEnded,
    });
    try {
      const targets = await sendTargets(session);
      return { targets, partitions: await assignedPartitions(session) };
    } finally {
      await watch.logout(session);
    }
  },
};

const lunOf = ({ lun }: AsyncMessage): number =>
  decodeLun(lun.readUInt32BE(0), lun.readUInt32BE(4));

/** Tells an end that was asked for from one that wasn't. */
class SessionWatch {
  readonly onEnded: (end: SessionEnd) => void;
  #ended = false;
  #asked = false;
  #wake: () => void = () => undefined;

  constructor(told: ((end: SessionEnd) => void) | undefined) {
    this.onEnded = (end) => {
      this.#ended = true;
      this.#wake();
      if (!this.#asked) told?.(end);
    };
  }

  logout(session: InitiatorSession): Promise<void> {
    this.#asked = true;
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOGOUT_MS_MAX);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      session.logout();
    });
  }
}

function requestFor(url: IscsiUrl, options: InitiatorOptions): SessionRequest {
  const { host, port, targetName, headerDigest, dataDigest } = url;
  return {
    host,
    port,
    targetName,
    ...(headerDigest === null ? {} : { headerDigest }),
    ...(dataDigest === null ? {} : { dataDigest }),
    ...options,
    ...credentials(url, options),
  };
}

/** Options before the URL; a user without a secret is refused here, not by the target. */
function credentials(
  url: IscsiUrl | null,
  options: InitiatorOptions,
): { chap: ChapCredentials | null; mutual: ChapCredentials | null } {
  const mutual = options.mutual === undefined ? (url?.mutual ?? null) : options.mutual;
  if (options.chap !== undefined) return { chap: options.chap, mutual };
  const user = url?.user ?? null;
  const secret = url?.secret ?? null;
  if (user === null) return { chap: null, mutual };
  if (secret === null) throw new Failure('usage', `CHAP user ${user}: the secret is missing`);
  return { chap: { user, secret }, mutual };
}
