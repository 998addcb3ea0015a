/**
 * Opens logged-in sessions: names, digests and secrets from an URL or options, redirections, one
 * promise.
 */
import { ChallengeRegister } from '../auth/index.ts';
import type { ChapCredentials, ChapIdentity } from '../auth/index.ts';
import { Failure } from '../base/index.ts';
import { systemCrc32c } from '../block/index.ts';
import { parsePortalAddress } from '../discovery/index.ts';
import type { PortalAddress } from '../discovery/index.ts';
import { InitiatorSession } from '../initiator/index.ts';
import type {
  DigestChoice,
  SessionEnd,
  SessionHandlers,
  SessionLimits,
} from '../initiator/index.ts';
import { localParameters, normalizeIscsiName } from '../iscsi/index.ts';
import type { Digest, LocalParameters, TextPair } from '../iscsi/index.ts';
import { dial } from './initiator-dialer.ts';
import { systemRandom, systemTimers } from './system-timers.ts';

/** The name of an initiator that isn't given one. */
export const INITIATOR_NAME_DEFAULT = 'iqn.2026-11.io.hawser:initiator';
const REDIRECTIONS_MAX = 4;
/** "Random" ISID: type 10b, 24 bits of chance, 16 bits that count. */
const ISID_RANDOM = 0x80;

const random = systemRandom();
const timers = systemTimers();
const challenges = new ChallengeRegister(random);
const isidBase = random.bytes(3);
let isidQualifier = random.below(2 ** 16);

export interface SessionRequest extends PortalAddress {
  /** null: a discovery session. */
  readonly targetName: string | null;
  readonly initiatorName?: string;
  readonly initiatorAlias?: string;
  /** Given by hosts that keep their identifiers over restarts. */
  readonly isid?: Buffer;
  readonly chap?: ChapCredentials | null;
  /** What the target has to prove. */
  readonly mutual?: ChapCredentials | null;
  readonly headerDigest?: DigestChoice;
  readonly dataDigest?: DigestChoice;
  readonly parameters?: Partial<LocalParameters>;
  readonly limits?: Partial<SessionLimits>;
  readonly connectMs?: number;
  readonly localAddress?: string;
  readonly extraKeys?: readonly TextPair[];
  /** Told after `openSession` has resolved. */
  readonly onEnded?: (end: SessionEnd) => void;
  readonly onAsyncMessage?: NonNullable<SessionHandlers['asyncMessage']>;
}

const digestOffers: Readonly<Record<DigestChoice, readonly Digest[]>> = {
  none: ['None'],
  preferred: ['CRC32C', 'None'],
  required: ['CRC32C'],
};

/**
 * Connects and logs in.
 * @throws Failure, as rejection: `unreachable`, `notAllowed`, `notFound`, or `usage` for names that
 * can't be.
 */
export async function openSession(request: SessionRequest): Promise<InitiatorSession> {
  let portal: PortalAddress = request;
  for (let hop = 0; hop < REDIRECTIONS_MAX; hop++) {
    const opened = await openOnce(request, portal);
    if (opened instanceof InitiatorSession) return opened;
    portal = parsePortalAddress(opened.targetAddress!);
  }
  throw new Failure('unreachable', `${request.targetName}: redirected ${REDIRECTIONS_MAX} times`);
}

/** @returns the session, or an end with a redirection. */
async function openOnce(
  request: SessionRequest,
  portal: PortalAddress,
): Promise<InitiatorSession | SessionEnd> {
  const login = new Login(request);
  const session = newSession(request, {
    ready: () => login.succeeded(session),
    ended: (end) => login.ended(end),
    ...(request.onAsyncMessage === undefined ? {} : { asyncMessage: request.onAsyncMessage }),
  });
  const { connectMs, localAddress } = request;
  await dial(session, portal, {
    ...(connectMs === undefined ? {} : { connectMs }),
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  return login.outcome;
}

/** How a login ends, as a promise; what comes afterwards goes to the one who asked. */
class Login {
  readonly outcome: Promise<InitiatorSession | SessionEnd>;
  readonly #request: SessionRequest;
  #resolve: (outcome: InitiatorSession | SessionEnd) => void = () => undefined;
  #reject: (failure: Failure) => void = () => undefined;
  #succeeded = false;

  constructor(request: SessionRequest) {
    this.#request = request;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  succeeded(session: InitiatorSession): void {
    this.#succeeded = true;
    this.#resolve(session);
  }

  ended(end: SessionEnd): void {
    if (this.#succeeded) this.#request.onEnded?.(end);
    else if (end.targetAddress !== null) this.#resolve(end);
    else this.#reject(end.failure);
  }
}

function newSession(request: SessionRequest, handlers: SessionHandlers): InitiatorSession {
  const { headerDigest = 'none', dataDigest = 'none', limits, extraKeys } = request;
  return new InitiatorSession({
    initiatorName: checkName(request.initiatorName ?? INITIATOR_NAME_DEFAULT),
    ...(request.initiatorAlias === undefined ? {} : { initiatorAlias: request.initiatorAlias }),
    targetName: request.targetName === null ? null : checkName(request.targetName),
    isid: request.isid ?? nextIsid(),
    chap: identityOf(request),
    parameters: localParameters({
      headerDigest: digestOffers[headerDigest],
      dataDigest: digestOffers[dataDigest],
      ...request.parameters,
    }),
    timers,
    challenges,
    crc32c: systemCrc32c(),
    ...(limits === undefined ? {} : { limits }),
    ...(extraKeys === undefined ? {} : { extraKeys }),
    handlers,
  });
}

function checkName(name: string): string {
  const normalized = normalizeIscsiName(name);
  if (normalized.ok) return normalized.value;
  throw new Failure('usage', `iSCSI name ${JSON.stringify(name)}: ${normalized.error}`);
}

function identityOf({ chap, mutual }: SessionRequest): ChapIdentity | null {
  if (chap === undefined || chap === null) return null;
  return { credentials: chap, mutual: mutual ?? null };
}

function nextIsid(): Buffer {
  isidQualifier = (isidQualifier + 1) % 2 ** 16;
  const qualifier = Buffer.from([isidQualifier >> 8, isidQualifier & 0xff]);
  return Buffer.concat([Buffer.from([ISID_RANDOM]), isidBase, qualifier]);
}
