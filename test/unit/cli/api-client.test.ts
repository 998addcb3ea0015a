import { expect } from 'chai';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { Failure } from '../../../lib/base/index.ts';
import { ApiClient } from '../../../scripts/cli/api-client.ts';
import type { WaitOptions } from '../../../scripts/cli/api-client.ts';

const PORT = 15_482;

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

const task = (state: string, more: object = {}): object => ({
  id: 't-7',
  title: 'create partition x',
  state,
  result: null,
  failure: null,
  ...more,
});

describe('the client of commands', () => {
  let server: Server;
  let replies: Reply[];
  let asked: string[];
  const told: string[] = [];
  const client = new ApiClient({ admin: `127.0.0.1:${PORT}`, token: 'sesame' });
  const waiting = (change: Partial<WaitOptions> = {}): { wait: WaitOptions } => ({
    wait: { wait: true, onTask: (id) => told.push(id), ...change },
  });

  beforeEach((done) => {
    replies = [];
    asked = [];
    told.length = 0;
    server = createServer((request, response) => {
      const { method, url, headers } = request;
      asked.push(`${method} ${url} ${headers.authorization ?? ''} ${String(headers['prefer'])}`);
      const { status, body } = replies.length > 1 ? replies.shift()! : replies[0]!;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    server.listen(PORT, '127.0.0.1', done);
  });

  afterEach((done) => {
    server.closeAllConnections();
    server.close(done);
  });

  const failureOf = async (call: Promise<unknown>): Promise<Failure> => {
    const error: unknown = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(Failure);
    return error as Failure;
  };

  it('shows its token', async () => {
    replies = [{ status: 200, body: [] }];
    expect(await client.get('/hosts')).to.deep.equal([]);
    expect(asked).to.deep.equal(['GET /api/v1/hosts Bearer sesame undefined']);
  });

  it('turns a problem into a failure of the same class', async () => {
    replies = [{ status: 412, body: { code: 'inUse', detail: 'web1 is connected' } }];
    const failure = await failureOf(client.change('DELETE', '/partitions/x'));
    expect(failure).to.include({ kind: 'inUse', message: 'web1 is connected' });
  });

  it('takes a class that it does not know for unexpected', async () => {
    replies = [{ status: 400, body: { code: 'done', detail: 'x' } }];
    expect(await failureOf(client.get('/hosts'))).to.include({ kind: 'unexpected' });
  });

  it('follows a task to its result', async () => {
    const done = task('done', { result: { name: 'x' } });
    replies = [
      { status: 202, body: task('running') },
      { status: 200, body: task('running') },
      { status: 200, body: done },
    ];
    const result = await client.change('POST', '/partitions', waiting());
    expect(result).to.deep.equal({ name: 'x' });
    expect(told).to.deep.equal(['t-7']);
    expect(asked[0]).to.contain('respond-async, wait=1');
    expect(asked[1]).to.contain('/api/v1/tasks/t-7');
  });

  it('follows a task to its failure', async () => {
    const failure = { code: 'conflict', message: 'no space' };
    replies = [
      { status: 202, body: task('running') },
      { status: 200, body: task('failed', { failure }) },
    ];
    const error = await failureOf(client.change('POST', '/partitions', waiting()));
    expect(error).to.include({ kind: 'conflict', message: 'no space' });
  });

  it('stops waiting in time, and names the task that goes on', async () => {
    replies = [
      { status: 202, body: task('running') },
      { status: 200, body: task('running') },
    ];
    const call = client.change('POST', '/partitions', waiting({ timeoutMs: 1 }));
    const error = await failureOf(call);
    expect(error.kind).to.equal('timedOut');
    expect(error.exitCode).to.equal(7);
    expect(error.message).to.contain('t-7');
  });

  it('returns at once where nobody wants to wait', async () => {
    replies = [{ status: 202, body: task('running') }];
    expect(await client.change('POST', '/x', waiting({ wait: false }))).to.equal(undefined);
    expect(asked).to.have.length(1);
    expect(asked[0]).to.contain('wait=0');
  });

  it('tells a service of another kind from one of ours', async () => {
    replies = [{ status: 404, body: '<html>' }];
    const error = await failureOf(client.get('/hosts'));
    expect(error.kind).to.equal('unreachable');
    expect(error.message).to.contain('expected a Hawser service');
  });
});
