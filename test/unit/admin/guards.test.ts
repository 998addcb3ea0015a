import { expect } from 'chai';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildApp,
  EventLog,
  isLocalCaller,
  listenOnSocket,
  listenOnTcp,
  silentLog,
} from '../../../lib/admin/index.ts';
import type { ApiListener } from '../../../lib/admin/index.ts';
import { TaskList } from '../../../lib/admin/task-list.ts';
import type { ApiRoute } from '../../../lib/admin/http/route.ts';

const PORT = 15_481;

const hello: ApiRoute = {
  method: 'GET',
  path: '/hello',
  tag: 'test',
  summary: 'hello',
  answer: { type: 'object', properties: { hello: { type: 'string' } } },
  run: () => ({ hello: 'world', secret: 'never' }),
};
const change: ApiRoute = { ...hello, method: 'POST', path: '/change' };

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly socketPath?: string;
}

function ask({ path = '/api/v1/hello', method = 'GET', headers = {}, socketPath }: Asked) {
  const where = socketPath === undefined ? { host: '127.0.0.1', port: PORT } : { socketPath };
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const asking = request({ ...where, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asking.on('error', reject);
    asking.end();
  });
}

describe('who may speak to the API', () => {
  const events = new EventLog(() => 0);
  let access: { token: string | null; names: string[] };
  let listeners: ApiListener[];
  let app: Awaited<ReturnType<typeof buildApp>>;
  let directory: string;

  before(async () => {
    access = { token: null, names: [] };
    directory = mkdtempSync(join(tmpdir(), 'hawser-api-'));
    app = await buildApp({
      title: 'test',
      version: '0',
      routes: [hello, change],
      guard: {
        get token() {
          return access.token;
        },
        get names() {
          return access.names;
        },
        isLocal: isLocalCaller,
      },
      events,
      tasks: new TaskList(() => 0),
      log: silentLog,
      notReady: () => 'a disk is missing',
      metrics: () => Promise.resolve({ contentType: 'text/plain', text: '' }),
    });
    listeners = [
      await listenOnSocket(join(directory, 'admin.sock'), app.routing),
      await listenOnTcp({ host: '127.0.0.1', port: PORT, tls: null }, app.routing),
    ];
  });

  after(async () => {
    await app.close();
    await Promise.all(listeners.map((listener) => listener.close()));
    rmSync(directory, { recursive: true });
  });

  beforeEach(() => {
    access.token = null;
    access.names = [];
  });

  const own = { host: `127.0.0.1:${PORT}` };
  const json = { 'content-type': 'application/json' };

  it('answers at its own address, and only what the route declares', async () => {
    expect(await ask({ headers: own })).to.deep.equal({ status: 200, text: '{"hello":"world"}' });
  });

  it('answers as localhost', async () => {
    expect((await ask({ headers: { host: `localhost:${PORT}` } })).status).to.equal(200);
  });

  for (const host of ['evil.example', `evil.example:${PORT}`, '127.0.0.1:1', '10.0.0.1']) {
    it(`refuses the Host "${host}"`, async () => {
      expect((await ask({ headers: { host } })).status).to.equal(421);
    });
  }

  it('answers under a name that the operator has listed', async () => {
    access.names = ['storage.example'];
    expect((await ask({ headers: { host: 'storage.example' } })).status).to.equal(200);
  });

  for (const origin of ['http://evil.example', 'null', `http://evil.example:${PORT}`]) {
    it(`refuses the Origin "${origin}"`, async () => {
      expect((await ask({ headers: { ...own, origin } })).status).to.equal(403);
    });
  }

  it('takes its own Origin', async () => {
    const origin = `http://127.0.0.1:${PORT}`;
    expect((await ask({ headers: { ...own, origin } })).status).to.equal(200);
  });

  it('wants a change to say that it is JSON', async () => {
    const path = '/api/v1/change';
    expect((await ask({ method: 'POST', path, headers: own })).status).to.equal(415);
    const said = { ...own, ...json, 'content-length': '0' };
    expect((await ask({ method: 'POST', path, headers: said })).status).to.equal(200);
  });

  it('wants the token where there is one', async () => {
    access.token = 'right';
    expect((await ask({ headers: own })).status).to.equal(401);
    const wrong = { ...own, authorization: 'Bearer wrong' };
    expect((await ask({ headers: wrong })).status).to.equal(401);
    const right = { ...own, authorization: 'Bearer right' };
    expect((await ask({ headers: right })).status).to.equal(200);
  });

  it('answers probes without the token', async () => {
    access.token = 'right';
    expect((await ask({ path: '/healthz', headers: own })).status).to.equal(200);
    const ready = await ask({ path: '/readyz', headers: own });
    expect(ready).to.include({ status: 503 });
    expect(ready.text).to.contain('a disk is missing');
  });

  it('asks nothing of who comes through the private socket', async () => {
    access.token = 'right';
    const socketPath = join(directory, 'admin.sock');
    expect(statSync(socketPath).mode & 0o777).to.equal(0o600);
    expect((await ask({ socketPath, headers: { host: 'anything' } })).status).to.equal(200);
  });

  it('streams events, beginning after the one that was seen last', async () => {
    events.publish('partition', 'a', 'first');
    events.publish('partition', 'b', 'second');
    const text = await new Promise<string>((resolve, reject) => {
      const headers = { ...own, 'last-event-id': '1' };
      const where = { host: '127.0.0.1', port: PORT, path: '/api/v1/events', headers };
      const asking = request(where, (response) => {
        response.setEncoding('utf8');
        let seen = '';
        response.on('data', (chunk: string) => {
          seen += chunk;
          if (!seen.includes('third')) return;
          resolve(seen);
          asking.destroy();
        });
        events.publish('host', 'c', 'third');
      });
      asking.on('error', reject);
      asking.end();
    });
    expect(text).to.not.contain('first');
    expect(text).to.match(/id: 2\nevent: partition\ndata: .*second/);
    expect(text).to.match(/id: 3\nevent: host\ndata: .*third/);
  });
});
