/** hawser target: a storage server from its configuration file until it is told to stop. */
import { join } from 'node:path';
import {
  buildApp,
  hostRoutes,
  isLocalCaller,
  listenOnSocket,
  listenOnTcp,
  partitionRoutes,
  serverRoutes,
  StorageServer,
} from '../lib/admin/index.ts';
import type { ApiListener, Log } from '../lib/admin/index.ts';
import { Failure } from '../lib/base/index.ts';
import { nativeBindingIfBuilt } from '../lib/block/index.ts';
import { loadTargetConfig, parseAddress } from '../config/index.ts';
import type { TargetConfig } from '../config/index.ts';
import { reloadSignal } from './cli/reload-signal.ts';
import { serviceLog } from './cli/service-log.ts';
import { stopSignal } from './cli/stop-signal.ts';
import { portalSettings, restartKeys, serverSettings } from './cli/target-settings.ts';

export interface ServeOptions {
  readonly file: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onReady?: () => void;
}

/** Changes of the API's settings that a reload brings. */
interface AdminAccess {
  token: string | null;
  names: readonly string[];
}

export interface RunningTarget {
  readonly server: StorageServer;
  /** Where the API is. */
  readonly adminAddress: string;
  readonly socketPath: string;
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/** Resolves when the server has stopped. @throws Failure where it can't start. */
export async function serveTarget({ file, version, env, onReady }: ServeOptions): Promise<void> {
  const log = serviceLog('target', env['HAWSER_LOG']);
  const config = loadTargetConfig(file, env);
  const load = (): TargetConfig => loadTargetConfig(file, env);
  const stopAsked = stopSignal();
  const reloadAsked = reloadSignal();
  const running = await startTarget({ config, load, version, log });
  announceReady(running, env['NOTIFY_SOCKET']);
  reloadAsked.listen(() => void running.reload());
  onReady?.();
  const endWatchdog = feedWatchdog(env);
  const signal = await stopAsked;
  endWatchdog();
  log.info({ signal }, 'stopping');
  notify(env['NOTIFY_SOCKET'], 'STOPPING=1');
  await running.stop();
  log.info({}, 'stopped');
}

export async function startTarget(options: {
  readonly config: TargetConfig;
  /** Reads the configuration anew. */
  readonly load: () => TargetConfig;
  readonly version: string;
  readonly log: Log;
}): Promise<RunningTarget> {
  const { config, load, version, log } = options;
  warnIgnored(config, log);
  const server = await StorageServer.open(serverSettings(config, version), log);
  server.configurationFile = config.file;
  const access: AdminAccess = { token: config.admin.token ?? null, names: config.admin.names };
  const opened: ApiListener[] = [];
  try {
    const app = await makeApp(server, access, version, log);
    const socketPath = join(config.stateDirectory, 'admin.sock');
    const handler = app.routing.bind(app);
    opened.push(await listenOnSocket(socketPath, handler));
    opened.push(await listenOnTcp(adminEndpoint(config), handler));
    await server.listen();
    await server.openArray(config.desired);
    const stop = async (): Promise<void> => {
      await app.close();
      await Promise.all(opened.map((listener) => listener.close()));
      await server.stop();
    };
    let last = Promise.resolve();
    const reload = (): Promise<void> =>
      (last = last.then(() => reloadTarget({ server, access, config, load, log })));
    return { server, adminAddress: opened[1]!.address, socketPath, reload, stop };
  } catch (error) {
    await Promise.allSettled(opened.map((listener) => listener.close()));
    await server.stop().catch(() => undefined);
    throw error;
  }
}

function makeApp(server: StorageServer, access: AdminAccess, version: string, log: Log) {
  return buildApp({
    title: 'Hawser storage server',
    version,
    routes: [...serverRoutes(server), ...partitionRoutes(server), ...hostRoutes(server)],
    guard: {
      get token() {
        return access.token;
      },
      get names() {
        return access.names;
      },
      isLocal: isLocalCaller,
    },
    events: server.events,
    tasks: server.tasks,
    log,
    notReady: () => server.notServing,
    metrics: () => server.metrics.render(),
  });
}

function adminEndpoint({ admin }: TargetConfig) {
  const { host, port } = parseAddress(admin.listen)!;
  return { host, port, tls: admin.tls ?? null };
}

function warnIgnored({ ignoredKeys }: TargetConfig, log: Log): void {
  for (const key of ignoredKeys) log.warn({ key }, `${key} does nothing in this version`);
}

/** A bad file changes nothing. */
async function reloadTarget(options: {
  readonly server: StorageServer;
  readonly access: AdminAccess;
  readonly config: TargetConfig;
  readonly load: () => TargetConfig;
  readonly log: Log;
}): Promise<void> {
  const { server, access, config, load, log } = options;
  try {
    const next = load();
    warnIgnored(next, log);
    for (const key of restartKeys(config, next)) {
      log.warn({ key }, `${key} has changed: it holds from the next start`);
    }
    const applied = await server.reload(portalSettings(next), next.desired);
    access.token = next.admin.token ?? null;
    access.names = next.admin.names;
    log.info({ applied }, applied ? 'configuration applied' : 'configuration has not changed');
  } catch (error) {
    // whatever it is: hosts go on being served
    const message = `configuration not applied: ${(error as Error).message}`;
    const code = error instanceof Failure ? error.kind : 'unexpected';
    log.error(code === 'unexpected' ? { code, err: error } : { code }, message);
    server.events.publish('alert', 'config', message);
  }
}

function announceReady({ server, adminAddress }: RunningTarget, socket: string | undefined): void {
  const { iqn, portals, serving, array } = server.status();
  const ready = {
    role: 'target',
    iqn,
    portals: portals.map(({ address }) => address),
    admin: adminAddress,
    pid: process.pid,
    ...(serving ? {} : { serving, reason: array.detail }),
  };
  process.stdout.write(`ready ${JSON.stringify(ready)}\n`);
  notify(socket, `READY=1\nSTATUS=${serving ? 'serving' : array.detail}`);
}

/**
 * systemd's WatchdogSec: twice in its time it hears that the event loop turns. @returns ends it.
 */
function feedWatchdog(env: ServeOptions['env']): () => void {
  const microseconds = Number(env['WATCHDOG_USEC'] ?? 0);
  if (!(microseconds > 0)) return () => undefined;
  const tell = (): void => notify(env['NOTIFY_SOCKET'], 'WATCHDOG=1');
  const timer = setInterval(tell, microseconds / 2000);
  timer.unref();
  return () => clearInterval(timer);
}

/** For systemd's Type=notify; nothing where nobody listens. */
function notify(socket: string | undefined, message: string): void {
  if (socket === undefined || socket === '') return;
  try {
    nativeBindingIfBuilt()?.notify(socket, message);
  } catch {
    // a service manager that has gone must not take the disks with it
  }
}
