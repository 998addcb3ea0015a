/** Puts a storage server together from its settings; nothing listens and no disk is open yet. */
import { ChallengeRegister } from '../../auth/index.ts';
import type { Random, Timers } from '../../base/index.ts';
import { createEngine, systemCrc32c, systemMemory, TransferBuffers } from '../../block/index.ts';
import type { Engine } from '../../block/index.ts';
import { makeUuid } from '../../partition/index.ts';
import { ScsiTarget } from '../../scsi/index.ts';
import { TargetNode } from '../../target/index.ts';
import type { NodeEvents } from '../../target/index.ts';
import { systemRandom, systemTimers } from '../../transport/index.ts';
import { ChangeQueue } from '../change-queue.ts';
import { EventLog } from '../events.ts';
import type { Log } from '../log.ts';
import { HostStore } from '../state/host-store.ts';
import { ServerRecord } from '../state/server-record.ts';
import { TaskList } from '../task-list.ts';
import { AccessMap } from './access-map.ts';
import { ArrayHolder } from './array-holder.ts';
import { IsnsSet } from './isns-set.ts';
import type { ServerParts } from './server-parts.ts';
import type { ServerSettings } from './settings.ts';
import { lockState } from './state-lock.ts';
import type { StateLock } from './state-lock.ts';
import { UnitSet } from './unit-set.ts';

/** Ids of events never meet those of a later life. */
const EVENTS_PER_LIFE_MAX = 1_000_000_000;

export interface AssembledServer {
  readonly parts: ServerParts;
  readonly engine: Engine;
  readonly lock: StateLock;
}

export async function assembleServer(settings: ServerSettings, log: Log): Promise<AssembledServer> {
  const engine = createEngine(settings.engine);
  const lock = await lockState(settings.stateDirectory, engine);
  try {
    const parts = await makeParts(settings, engine, log);
    return { parts, engine, lock };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function makeParts(settings: ServerSettings, engine: Engine, log: Log): Promise<ServerParts> {
  const [timers, random] = [systemTimers(), systemRandom()];
  const { stateDirectory, transferMemoryBytes, writeCache } = settings;
  const record = await ServerRecord.open(stateDirectory, () => makeUuid(random));
  const hosts = await HostStore.open(stateDirectory);
  const buffers = new TransferBuffers(systemMemory, transferMemoryBytes);
  const units = new UnitSet({ buffers, timers, writeCache });
  const access = new AccessMap(hosts, units);
  const wallMs = (): number => timers.wallMs();
  const events = new EventLog(wallMs, record.incarnation * EVENTS_PER_LIFE_MAX);
  const world = { settings, record, timers, random };
  const node = makeNode({ ...world, access, buffers, nodeEvents: nodeEvents(events, log) });
  const holder = new ArrayHolder({ ...world, engine });
  const servers = settings.isns;
  const isns = new IsnsSet({ targetName: settings.iqn, servers, timers, random, log });
  const { abortMs: abortLimitMs } = node.limits;
  const changing = { changes: new ChangeQueue(), tasks: new TaskList(wallMs), abortLimitMs };
  return { holder, hosts, record, units, access, node, events, log, timers, isns, ...changing };
}

function makeNode(options: {
  readonly settings: ServerSettings;
  readonly record: ServerRecord;
  readonly timers: Timers;
  readonly random: Random;
  readonly access: AccessMap;
  readonly buffers: TransferBuffers;
  readonly nodeEvents: NodeEvents;
}): TargetNode {
  const { settings, record, timers, random, access, buffers, nodeEvents } = options;
  const abortLimit =
    settings.limits.abortMs === undefined ? {} : { abortLimitMs: settings.limits.abortMs };
  const node = new TargetNode({
    name: settings.iqn,
    directory: access,
    scsi: new ScsiTarget({ buffers, timers, ...abortLimit }),
    buffers,
    timers,
    random,
    crc32c: systemCrc32c(),
    limits: settings.limits,
    chapAlgorithms: settings.chapAlgorithms,
    challenges: new ChallengeRegister(random),
    incarnation: record.incarnation,
    events: nodeEvents,
  });
  node.setServing(false);
  return node;
}

const nodeEvents = (events: EventLog, log: Log): NodeEvents => ({
  sessionOpened: ({ host, identity }) => {
    const { tsih, initiatorName } = identity;
    events.publish('session', String(tsih), `host ${host} logged in as ${initiatorName}`);
    log.info({ tsih, host, initiatorName }, 'session opened');
  },
  sessionClosed: ({ host, identity }, reason) => {
    const { tsih, initiatorName } = identity;
    events.publish('session', String(tsih), `session of host ${host} ended: ${reason}`);
    log.info({ tsih, host, initiatorName, reason }, 'session closed');
  },
  internalError: ({ error, ...details }) => {
    const message = `a mistake of this server ended a connection: ${(error as Error).message}`;
    events.publish('alert', details.initiatorName, message);
    log.error({ ...details, err: error }, message);
  },
  loginRefused: (details) => log.warn({ ...details }, 'login refused'),
  connectionClosed: (details) => log.debug({ ...details }, 'connection closed'),
});
