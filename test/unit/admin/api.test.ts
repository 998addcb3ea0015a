import { expect } from 'chai';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GIB, MIB } from '../../../lib/base/index.ts';
import { MemoryServer } from './memory-server.ts';

const P = '/api/v1/partitions';
const H = '/api/v1/hosts';
const secret = 'sixteen-bytes-ok';
const web1 = {
  name: 'web1',
  iqn: 'iqn.1993-08.org.debian:01:web1',
  chap: { user: 'web1', secret },
};
const web2 = { name: 'web2', iqn: 'iqn.1993-08.org.debian:01:web2', chap: null };
const data1 = { name: 'data1', sizeBytes: 8 * MIB };

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly responses: Readonly<Record<string, object>>;
}
type Methods = Readonly<Record<string, Operation>>;

describe('admin API', () => {
  let service: MemoryServer;

  beforeEach(async () => {
    service = await MemoryServer.start();
  });

  afterEach(() => service.stop());

  it('begins with empty lists', async () => {
    for (const path of [P, H, '/api/v1/sessions', '/api/v1/tasks']) {
      expect(await service.call('GET', path)).to.include({ status: 200 });
      expect((await service.call('GET', path)).body).to.deep.equal([]);
    }
  });

  it('creates a partition that nobody sees', async () => {
    const { status, body } = await service.call('POST', P, data1);
    expect(status).to.equal(201);
    expect(body).to.include({ name: 'data1', lun: 0, sizeBytes: 8 * MIB, state: 'ready' });
    expect(body).to.deep.include({ assignments: [], connected: [], open: false });
  });

  it('assigns, shares, unassigns', async () => {
    await service.call('POST', H, web1);
    await service.call('POST', H, web2);
    await service.call('POST', P, { ...data1, hosts: { web1: 'rw' } });
    const refused = await service.call('PUT', `${P}/data1/hosts/web2`, { rights: 'rw' });
    expect(refused.body).to.include({ status: 403, code: 'notAllowed' });
    expect(refused.body).to.have.property('detail').that.contains('destroy');
    const shared = { rights: 'rw', shared: 'cluster' };
    const both = await service.call('PUT', `${P}/data1/hosts/web2`, shared);
    expect(both.body).to.include({ shared: true, open: true });
    const { body } = await service.call('DELETE', `${P}/data1/hosts/web1`);
    expect(body)
      .to.have.property('assignments')
      .that.deep.equals([{ host: 'web2', rights: 'rw', suspended: false }]);
  });

  it('leaves sharing as it was where the assignment is refused', async () => {
    await service.call('POST', P, data1);
    const shared = { rights: 'rw', shared: 'cluster' };
    expect(await service.call('PUT', `${P}/data1/hosts/nobody`, shared)).to.include({
      status: 404,
    });
    expect((await service.call('GET', `${P}/data1`)).body).to.include({ shared: false });
  });

  it('grows and renames, and keeps identity and LUN', async () => {
    const made = (await service.call('POST', P, data1)).body as { uuid: string };
    const change = { sizeBytes: 16 * MIB, name: 'data2' };
    const { body } = await service.call('PATCH', `${P}/data1`, change);
    expect(body).to.include({ name: 'data2', sizeBytes: 16 * MIB, lun: 0, uuid: made.uuid });
  });

  it('deletes, and gives the partition made in its place another identity', async () => {
    const first = (await service.call('POST', P, data1)).body as { uuid: string };
    expect(await service.call('DELETE', `${P}/data1`)).to.include({ status: 200 });
    const second = (await service.call('POST', P, data1)).body as { uuid: string };
    expect(second.uuid).to.not.equal(first.uuid);
  });

  it('keeps secrets in a file of its own, and shows none', async () => {
    await service.call('POST', H, web1);
    const { body } = await service.call('GET', `${H}/web1`);
    expect(body).to.include({ chapUser: 'web1', open: false });
    const file = join(service.directory, 'hosts.json');
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    expect(readFileSync(file, 'utf8')).to.contain(secret);
    for (const path of [H, '/api/v1/export', '/api/v1/status', '/metrics', '/api/v1/doctor']) {
      const answer = await service.call('GET', path);
      expect(JSON.stringify(answer.body), path).to.not.contain(secret);
    }
    expect(JSON.stringify(service.server.events.since(0))).to.not.contain(secret);
  });

  it('changes credentials of a host and keeps what is left out', async () => {
    await service.call('POST', H, web1);
    const change = { chap: { user: 'other' } };
    expect((await service.call('PATCH', `${H}/web1`, change)).body).to.include({
      chapUser: 'other',
      iqn: web1.iqn,
    });
    expect(readFileSync(join(service.directory, 'hosts.json'), 'utf8')).to.contain(secret);
  });

  it('removes a host only without partitions, or by force', async () => {
    await service.call('POST', H, web1);
    await service.call('POST', P, { ...data1, hosts: { web1: 'rw' } });
    expect(await service.call('DELETE', `${H}/web1`)).to.include({ status: 412 });
    expect(await service.call('DELETE', `${H}/web1?force=true`)).to.include({ status: 200 });
    const { body } = await service.call('GET', `${P}/data1`);
    expect(body).to.have.property('assignments').that.deep.equals([]);
  });

  const shareRequest = { name: 'vol', sizeBytes: 8 * MIB, iqn: web1.iqn, chap: web1.chap };

  it('shares in one step', async () => {
    const { status, body } = await service.call('POST', '/api/v1/shares', shareRequest);
    expect(status).to.equal(201);
    expect(body).to.deep.include({ hostIsNew: true, portals: [] });
    expect((body as { host: object }).host).to.include({ name: 'web1', chapUser: 'web1' });
  });

  it('leaves nothing of a share that failed', async () => {
    const large = { ...shareRequest, sizeBytes: 10 * GIB };
    expect(await service.call('POST', '/api/v1/shares', large)).to.include({ status: 409 });
    expect((await service.call('GET', H)).body).to.deep.equal([]);
    expect((await service.call('GET', P)).body).to.deep.equal([]);
  });

  const desired = {
    hosts: [{ ...web1, mutual: null }],
    partitions: [{ ...data1, lun: 4, blockSizeBytes: 512, shared: false, hosts: { web1: 'rw' } }],
  };

  it('applies what is wanted, once', async () => {
    const first = await service.call('POST', '/api/v1/apply', { desired });
    expect(first.body).to.include({ changed: true });
    const second = await service.call('POST', '/api/v1/apply', { desired });
    expect(second.body).to.deep.equal({ changed: false, lines: [] });
  });

  it('gives back by export what plan finds no difference to', async () => {
    await service.call('POST', '/api/v1/apply', { desired });
    const { body } = await service.call('GET', '/api/v1/export');
    const exported = (body as { desired: object }).desired;
    const { body: plan } = await service.call('POST', '/api/v1/plan', { desired: exported });
    expect(plan).to.deep.equal({ lines: [] });
  });

  it('changes nothing where one wish conflicts', async () => {
    const wrong = {
      hosts: desired.hosts,
      partitions: [...desired.partitions, { ...desired.partitions[0]!, name: 'twin' }],
    };
    const answer = await service.call('POST', '/api/v1/apply', { desired: wrong });
    expect(answer.body).to.include({ status: 409, code: 'conflict' });
    expect((await service.call('GET', H)).body).to.deep.equal([]);
  });

  const refused: [string, object, number][] = [
    ['is larger than the space', { name: 'large', lun: 5, sizeBytes: 10 * GIB }, 409],
    ['has no secret', {}, 409],
  ];
  for (const [what, change, status] of refused) {
    it(`changes nothing where one wish ${what}`, async () => {
      const isPartition = 'name' in change;
      const nobody = { name: 'nobody', iqn: 'iqn.2026-11.x:n', chap: { user: 'n' } };
      const wanted = {
        hosts: isPartition ? desired.hosts : [...desired.hosts, nobody],
        partitions: isPartition
          ? [...desired.partitions, { ...desired.partitions[0]!, ...change }]
          : desired.partitions,
      };
      expect(await service.call('POST', '/api/v1/apply', { desired: wanted })).to.include({
        status,
      });
      expect((await service.call('GET', H)).body).to.deep.equal([]);
      expect((await service.call('GET', P)).body).to.deep.equal([]);
    });
  }

  it('names how far it came where a step fails', async () => {
    // not in whole blocks: the array refuses it when its turn comes
    const broken = { ...desired.partitions[0]!, name: 'odd', lun: 5, sizeBytes: MIB + 1 };
    const wanted = { hosts: desired.hosts, partitions: [...desired.partitions, broken] };
    const { body } = await service.call('POST', '/api/v1/apply', { desired: wanted });
    expect(body).to.include({ code: 'partlyDone' });
    expect((body as { detail: string }).detail).to.match(
      /^2 of 5 changes made; create partition odd/,
    );
  });

  it('takes a wish that leaves out what has a default', async () => {
    const short = {
      hosts: [{ name: 'web2', iqn: web2.iqn, chap: null }],
      partitions: [{ name: 'data1', sizeBytes: 8 * MIB }],
    };
    expect((await service.call('POST', '/api/v1/apply', { desired: short })).body).to.include({
      changed: true,
    });
    const again = await service.call('POST', '/api/v1/apply', { desired: short });
    expect(again.body).to.deep.equal({ changed: false, lines: [] });
  });

  it('shows a host without CHAP as open, also where it has no partition yet', async () => {
    await service.call('POST', H, web2);
    const { body } = await service.call('GET', '/api/v1/status');
    expect((body as { openHosts: string[] }).openHosts).to.deep.equal(['web2']);
    expect((body as { attention: string[] }).attention.join()).to.contain('host web2 is open');
  });

  const refusals: [string, string, string, unknown, number, string][] = [
    ['a size of nothing', 'POST', P, { ...data1, sizeBytes: 0 }, 400, 'usage'],
    ['a size as text', 'POST', P, { ...data1, sizeBytes: '1GiB' }, 400, 'usage'],
    ['a key nobody knows', 'POST', P, { ...data1, colour: 'red' }, 400, 'usage'],
    ['a name with a capital', 'POST', P, { ...data1, name: 'Data' }, 400, 'usage'],
    ['a host nobody knows', 'POST', P, { ...data1, hosts: { x: 'rw' } }, 404, 'notFound'],
    ['a LUN out of range', 'POST', P, { ...data1, lun: 99_999 }, 400, 'usage'],
    ['more space than there is', 'POST', P, { ...data1, sizeBytes: GIB }, 409, 'conflict'],
    ['a partition nobody knows', 'PATCH', `${P}/nope`, { name: 'a' }, 404, 'notFound'],
    ['a session nobody knows', 'DELETE', '/api/v1/sessions/7', undefined, 404, 'notFound'],
    ['a session that is no number', 'DELETE', '/api/v1/sessions/x', undefined, 404, 'notFound'],
    ['an array nobody knows', 'POST', '/api/v1/array/import', { uuid: 'x' }, 404, 'notFound'],
    ['a short secret', 'POST', H, { ...web1, chap: { user: 'u', secret: 'short' } }, 400, 'usage'],
    ['a host without credentials said', 'POST', H, { name: 'a', iqn: web1.iqn }, 400, 'usage'],
    ['an initiator name that is none', 'POST', H, { ...web1, iqn: 'web1.local' }, 400, 'usage'],
    ['a body that is no JSON object', 'POST', P, [1], 400, 'usage'],
    ['a resource nobody knows', 'GET', '/api/v1/nothing', undefined, 404, 'notFound'],
  ];
  for (const [what, method, path, body, status, code] of refusals) {
    it(`refuses ${what} as a problem`, async () => {
      const answer = await service.call(method as 'GET', path, body);
      expect(answer.body).to.include({ status, code });
      expect(answer.headers['content-type']).to.match(/^application\/problem\+json/);
      expect((await service.call('GET', P)).body).to.deep.equal([]);
    });
  }

  it('does not repeat a body that is no JSON', async () => {
    const answer = await service.send('POST', H, '{"secret": sixteen-bytes-ok}');
    expect(answer).to.include({ status: 400 });
    expect(JSON.stringify(answer.body)).to.not.contain('sixteen');
  });

  it('refuses a change that does not say it is JSON', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await service.call('POST', P, data1, form)).status).to.equal(415);
    expect(
      (await service.call('DELETE', `${P}/x`, undefined, { 'content-type': '' })).status,
    ).to.equal(415);
  });

  it('makes a task of a change whose caller does not wait', async () => {
    const async = { prefer: 'respond-async' };
    const { status, headers } = await service.call('POST', P, data1, async);
    expect(status).to.equal(202);
    const location = String(headers['location']);
    let task = (await service.call('GET', location)).body as { state: string; result: object };
    while (task.state === 'running') {
      await new Promise((resolve) => setTimeout(resolve, 5));
      task = (await service.call('GET', location)).body as typeof task;
    }
    expect(task).to.include({ state: 'done', title: 'create partition data1' });
    expect(task.result).to.include({ name: 'data1' });
  });

  it('keeps the failure of a task', async () => {
    const async = { prefer: 'respond-async' };
    const large = { ...data1, sizeBytes: GIB };
    const { headers } = await service.call('POST', P, large, async);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { body } = await service.call('GET', String(headers['location']));
    expect(body).to.deep.include({ state: 'failed' });
    expect((body as { failure: object }).failure).to.include({ code: 'conflict' });
  });

  it('describes every route in its document', async () => {
    const { body } = await service.call('GET', '/api/v1/openapi.json');
    const { openapi, paths } = body as { openapi: string; paths: Record<string, Methods> };
    expect(openapi).to.match(/^3\.1/);
    expect(Object.keys(paths)).to.include.members([
      '/api/v1/partitions',
      '/api/v1/partitions/{name}/hosts/{host}',
      '/api/v1/hosts/{name}',
      '/api/v1/apply',
      '/api/v1/events',
      '/api/v1/tasks/{id}',
      '/metrics',
      '/healthz',
      '/readyz',
    ]);
    expect(JSON.stringify(body)).to.contain('writeOnly');
  });

  it('names each operation once, its parameters, its answer and its refusals', async () => {
    const { body } = await service.call('GET', '/api/v1/openapi.json');
    const { paths } = body as { paths: Record<string, Methods> };
    const ids: string[] = [];
    for (const [path, methods] of Object.entries(paths)) {
      if (!path.startsWith('/api/v1') || path.endsWith('/events')) continue;
      for (const [method, operation] of Object.entries(methods)) {
        const where = `${method} ${path}`;
        ids.push(operation.operationId);
        expect(Object.keys(operation.responses), where).to.include('default');
        const named = (operation.parameters ?? []).filter((one) => one.in === 'path');
        expect(named, where).to.have.length(path.split('{').length - 1);
        expect(operation.responses['202'] !== undefined, where).to.equal(
          (operation.parameters ?? []).some((one) => one.name === 'prefer'),
        );
      }
    }
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it('tells Prometheus what it counts', async () => {
    await service.call('POST', P, data1);
    const { status, body } = await service.call('GET', '/metrics');
    expect(status).to.equal(200);
    expect(body).to.contain('hawser_target_scsi_commands_total{partition="data1",op="read"} 0');
    expect(body).to.match(/hawser_target_scsi_command_seconds_bucket\{[^}]*le="\+Inf"[^}]*\} 0/);
    expect(body).to.contain('hawser_partitions 1');
    expect(body).to.contain('hawser_target_logins_accepted_total 0');
  });

  it('is alive and ready', async () => {
    expect((await service.call('GET', '/healthz')).body).to.deep.equal({ status: 'ok' });
    expect((await service.call('GET', '/readyz')).body).to.deep.equal({ status: 'ready' });
  });

  it('names what needs a look in its status', async () => {
    await service.call('POST', P, { ...data1, hosts: { '*': 'ro' } });
    const { body } = await service.call('GET', '/api/v1/status');
    const { attention, ...rest } = body as { attention: string[]; serving: boolean };
    expect(rest).to.include({ role: 'target', serving: true, partitions: 1 });
    expect(attention.join()).to.contain('data1 is open to any host').and.contain('memory');
  });

  it('does changes one after the other, however they come', async () => {
    const names = Array.from({ length: 8 }, (_, index) => `p${index}`);
    const made = await Promise.all(
      names.map((name) => service.call('POST', P, { name, sizeBytes: MIB })),
    );
    expect(made.map(({ status }) => status)).to.deep.equal(names.map(() => 201));
    const { body } = await service.call('GET', P);
    const luns = (body as { lun: number }[]).map(({ lun }) => lun);
    expect(luns).to.deep.equal(names.map((_, index) => index));
  });
});
