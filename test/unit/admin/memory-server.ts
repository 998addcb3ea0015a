/** A storage server on memory disks with its API, without sockets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildApp,
  hostRoutes,
  partitionRoutes,
  serverRoutes,
  silentLog,
  StorageServer,
} from '../../../lib/admin/index.ts';
import type { DesiredState, ServerSettings } from '../../../lib/admin/index.ts';
import { MIB } from '../../../lib/base/index.ts';

export const nothingWanted: DesiredState = { hosts: [], partitions: [] };

export function memorySettings(stateDirectory: string): ServerSettings {
  return {
    version: '0.0.0',
    iqn: 'iqn.2026-11.io.hawser:test',
    stateDirectory,
    portals: [],
    isns: [],
    chapAlgorithms: [5, 8],
    layout: 'linear',
    chunkBytes: 65_536,
    disks: [
      {
        path: undefined,
        memoryBytes: 128 * MIB,
        sizeBytes: undefined,
        sparse: false,
        initialize: false,
      },
    ],
    engine: 'js',
    direct: false,
    writeCache: true,
    limits: {},
    transferMemoryBytes: 16 * MIB,
    drainMs: 100,
    exported: { iqn: 'iqn.2026-11.io.hawser:test' },
  };
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

export class MemoryServer {
  readonly server: StorageServer;
  readonly directory: string;
  readonly #app: Awaited<ReturnType<typeof buildApp>>;

  private constructor(
    server: StorageServer,
    directory: string,
    app: Awaited<ReturnType<typeof buildApp>>,
  ) {
    this.server = server;
    this.directory = directory;
    this.#app = app;
  }

  static async start(wanted = nothingWanted): Promise<MemoryServer> {
    const directory = mkdtempSync(join(tmpdir(), 'hawser-admin-'));
    const server = await StorageServer.open(memorySettings(directory), silentLog);
    await server.openArray(wanted);
    const app = await buildApp({
      title: 'test',
      version: '0.0.0',
      routes: [...serverRoutes(server), ...partitionRoutes(server), ...hostRoutes(server)],
      guard: { token: null, names: [], isLocal: () => true },
      events: server.events,
      tasks: server.tasks,
      log: silentLog,
      notReady: () => server.notServing,
      metrics: () => server.metrics.render(),
    });
    return new MemoryServer(server, directory, app);
  }

  call(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return this.send(method, path, body === undefined ? undefined : JSON.stringify(body), headers);
  }

  /** The body as it is. */
  async send(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    payload?: string,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await this.#app.inject({
      method,
      url: path.startsWith('/api') || !path.startsWith('/v1') ? path : `/api${path}`,
      headers: { ...(method !== 'GET' && { 'content-type': 'application/json' }), ...headers },
      ...(payload !== undefined && { payload }),
    });
    const isJson = /json/.test(String(response.headers['content-type']));
    return {
      status: response.statusCode,
      body: isJson ? response.json() : response.body,
      headers: response.headers,
    };
  }

  async stop(): Promise<void> {
    await this.#app.close();
    await this.server.stop();
    rmSync(this.directory, { recursive: true });
  }
}
