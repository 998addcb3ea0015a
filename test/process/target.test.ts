import { expect } from 'chai';
import { existsSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promiseFace } from '../../lib/block/index.ts';
import { Initiator } from '../../lib/transport/index.ts';
import { run, TargetProcess } from './service.ts';
import type { Ran } from './service.ts';

const IQN = 'iqn.2026-11.io.hawser:process';
const WEB1 = 'iqn.1993-08.org.debian:01:web1';
const WEB2 = 'iqn.1993-08.org.debian:01:web2';
const SECRET = 'sixteen-bytes-ok';

const head = `iqn: ${IQN}
state: ./state
listen: ["127.0.0.1:0"]
admin: { listen: "127.0.0.1:0" }
array:
  layout: stripe
  disks:
    - { path: ./disk0.img, size: 64MiB, sparse: true }
    - { path: ./disk1.img, size: 64MiB, sparse: true }
`;
const hosts = `hosts:
  web1: { iqn: "${WEB1}", chap: { user: web1, secret: "${SECRET}" } }
  web2: { iqn: "${WEB2}" }
`;
const oneDisk = `${head}${hosts}partitions:
  data1: { size: 16MiB, lun: 0, hosts: { web1: rw } }
`;

const json = <T>({ code, stdout, stderr }: Ran): T => {
  expect(code, stderr).to.equal(0);
  return JSON.parse(stdout) as T;
};

describe('hawser target', function () {
  this.timeout(60_000);
  let target: TargetProcess;

  beforeEach(() => {
    target = new TargetProcess(oneDisk);
  });

  afterEach(() => target.remove());

  const url = (lun = 0): string => `iscsi://${target.ready!.portals[0]!}/${IQN}/${lun}`;
  const asWeb1 = { initiatorName: WEB1, chap: { user: 'web1', secret: SECRET } };
  const partitions = async (): Promise<{ name: string; assignments: { host: string }[] }[]> =>
    json(await target.run('partition', 'list', '--json'));
  const hostsOf = async (name: string): Promise<string[]> =>
    (await partitions()).find((one) => one.name === name)!.assignments.map(({ host }) => host);

  it('says once that it is ready, serves, and exits 0 when told to stop', async () => {
    const ready = await target.start();
    expect(ready).to.include({ role: 'target', iqn: IQN });
    expect(Object.keys(ready)).to.deep.equal(['role', 'iqn', 'portals', 'admin', 'pid']);
    const disk = await Initiator.open(url(), asWeb1);
    const io = promiseFace(disk);
    await io.write(4096, Buffer.alloc(4096, 7));
    await io.flush();
    await disk.close();
    expect(await target.stop()).to.equal(0);
    expect(target.stdout.match(/ready /g)).to.have.length(1);
    for (const line of target.log.trim().split('\n')) expect(() => JSON.parse(line)).to.not.throw();
    expect(target.log).to.not.contain(SECRET);
    await target.start();
    const again = await Initiator.open(url(), asWeb1);
    const found = Buffer.alloc(4096);
    await promiseFace(again).read(4096, found);
    await again.close();
    expect(found.equals(Buffer.alloc(4096, 7))).to.equal(true);
  });

  it('never gives access back by a restart', async () => {
    await target.start();
    expect((await target.run('partition', 'unassign', 'data1', 'web1')).code).to.equal(0);
    expect(await target.stop()).to.equal(0);
    await target.start();
    expect(await hostsOf('data1')).to.deep.equal([]);
    const plan = await target.run('plan', 'target.yaml', '--check');
    expect(plan.code).to.equal(4);
    expect(plan.stdout).to.contain('data1/web1');
    expect((await target.run('apply', 'target.yaml')).code).to.equal(0);
    expect(await hostsOf('data1')).to.deep.equal(['web1']);
  });

  it('does not apply again what `hawser apply` has applied', async () => {
    await target.start();
    target.configure(`${oneDisk}  data2: { size: 4MiB, lun: 1, hosts: { web1: ro } }\n`);
    expect((await target.run('apply', 'target.yaml')).code).to.equal(0);
    await target.run('partition', 'unassign', 'data2', 'web1');
    await target.stop();
    await target.start();
    expect(await hostsOf('data2')).to.deep.equal([]);
  });

  it('applies a changed file on SIGHUP, and a bad one not at all', async () => {
    await target.start();
    target.configure(`${oneDisk}  data2: { size: 4MiB, lun: 1, hosts: { web2: ro } }\n`);
    target.signal('SIGHUP');
    await target.logged(/configuration applied/);
    expect((await partitions()).map(({ name }) => name)).to.deep.equal(['data1', 'data2']);
    target.configure(`${oneDisk}  data3: { size: 4 }\n`);
    target.signal('SIGHUP');
    await target.logged(/target\.yaml:15: partitions\.data3\.size/);
    expect((await partitions()).map(({ name }) => name)).to.deep.equal(['data1', 'data2']);
  });

  it('keeps sessions that a reload does not concern', async () => {
    await target.start();
    const disk = await Initiator.open(url(), asWeb1);
    target.configure(`${oneDisk}  data2: { size: 4MiB, lun: 1, hosts: { web2: ro } }\n`);
    target.signal('SIGHUP');
    await target.logged(/configuration applied/);
    await promiseFace(disk).write(0, Buffer.alloc(4096));
    expect(json<unknown[]>(await target.run('session', 'list', '--json'))).to.have.length(1);
    await disk.close();
  });

  it('exits 2 with file, line and key of every error', async () => {
    target.configure(oneDisk.replace('16MiB', '16').replace('stripe', 'striped'));
    const { code, stderr } = await run(['target', '--config', target.file]);
    expect(code).to.equal(2);
    expect(stderr).to.contain('target.yaml:6: array.layout').and.contain('striped');
    expect(stderr).to.contain('target.yaml:14: partitions.data1.size');
    expect(existsSync(join(target.directory, 'state'))).to.equal(false);
  });

  it('exits 5 and names the process that has its state', async () => {
    const { pid } = await target.start();
    const { code, stderr } = await run(['target', '--config', target.file]);
    expect(code).to.equal(5);
    expect(stderr).to.contain(`process ${pid}`);
  });

  it('exits 5 where its portal is taken', async () => {
    const { portals } = await target.start();
    const other = new TargetProcess(oneDisk.replace('127.0.0.1:0', portals[0]!));
    try {
      expect((await run(['target', '--config', other.file])).code).to.equal(5);
    } finally {
      await other.remove();
    }
  });

  it('stays up without a disk that it had, serves nothing, and serves when the disk is back', async () => {
    await target.start();
    await target.stop();
    const [disk, aside] = [
      join(target.directory, 'disk1.img'),
      join(target.directory, 'aside.img'),
    ];
    renameSync(disk, aside);
    const ready = await target.start();
    expect(ready).to.include({ serving: false });
    expect(ready.reason).to.contain('disk1.img');
    const refused = await Initiator.open(url(), asWeb1).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(Error);
    const change = await target.run('partition', 'create', 'x', '--size', '1MiB');
    expect(change.code).to.equal(5);
    renameSync(aside, disk);
    await target.logged(/array is served/);
    const opened = await Initiator.open(url(), asWeb1);
    await opened.close();
  });

  it('waits for its import with an array of another server, then for the confirmation', async () => {
    await target.start();
    await target.stop();
    target.configure(`${head.replace('./state', './state2')}${hosts}`);
    const { serving, reason } = await target.start();
    expect(serving).to.equal(false);
    const uuid = /hawser array import (\S+?)"/.exec(reason!)![1]!;
    expect((await target.run('array', 'import', `${uuid.slice(1)}0`)).code).to.equal(3);
    expect((await target.run('array', 'import', uuid)).code).to.equal(0);
    const waiting = (): Promise<unknown> =>
      Initiator.open(url(), asWeb1).then(
        (disk) => disk.close().then(() => 'in'),
        () => 'out',
      );
    expect(await waiting()).to.equal('out');
    expect((await target.run('array', 'import', uuid, '--confirm')).code).to.equal(0);
    expect(await waiting()).to.equal('in');
    expect((await target.run('array', 'import', uuid)).code).to.equal(4);
  });

  it('makes partitions on memory anew at every start', async () => {
    const memory = head.replace(/  layout[\s\S]*/, '  disks: [{ memory: 64MiB }]\n');
    target.configure(
      `${memory}${hosts}partitions:\n  data1: { size: 16MiB, hosts: { web1: rw } }\n`,
    );
    await target.start();
    await target.stop('SIGKILL');
    await target.start();
    expect(await hostsOf('data1')).to.deep.equal(['web1']);
  });

  it('counts its starts, also after it was killed', async () => {
    await target.start();
    await target.stop('SIGKILL');
    await target.start();
    const status = json<{ incarnation: number }>(await target.run('status', '--json'));
    expect(status.incarnation).to.equal(2);
  });

  it('refuses a disk with something else on it, and names it', async () => {
    const disk = Buffer.alloc(64 * 1024 * 1024);
    disk.writeUInt16LE(0xef53, 1024 + 56);
    writeFileSync(join(target.directory, 'disk1.img'), disk);
    const { code, stderr } = await run(['target', '--config', target.file]);
    expect(code).to.equal(6);
    expect(stderr).to.contain('disk1.img');
  });

  it('keeps its private files private', async () => {
    await target.start();
    const state = join(target.directory, 'state');
    expect(statSync(state).mode & 0o777).to.equal(0o700);
    for (const name of ['hosts.json', 'admin.sock']) {
      expect(statSync(join(state, name)).mode & 0o777, name).to.equal(0o600);
    }
  });

  it('answers commands through its socket without a token', async () => {
    target.configure(oneDisk.replace('127.0.0.1:0" }', '127.0.0.1:0", token: "open-sesame" }'));
    await target.start();
    expect((await target.run('status')).code).to.equal(6);
    const socket = join(target.directory, 'state', 'admin.sock');
    expect((await target.run('status', '--admin', socket)).code).to.equal(0);
    const env = { HAWSER_ADMIN: target.ready!.admin, HAWSER_TOKEN: 'open-sesame' };
    expect((await run(['status'], { env })).code).to.equal(0);
  });
});

describe('hawser commands against a storage server', function () {
  this.timeout(60_000);
  let target: TargetProcess;

  before(async () => {
    target = new TargetProcess(oneDisk);
    await target.start();
  });

  after(() => target.remove());

  const url = (lun = 0): string => `iscsi://${target.ready!.portals[0]!}/${IQN}/${lun}`;
  const asWeb1 = { initiatorName: WEB1, chap: { user: 'web1', secret: SECRET } };

  it('export gives what plan finds no difference to', async () => {
    const exported = await target.run('export');
    expect(exported.stdout).to.not.contain(SECRET);
    writeFileSync(join(target.directory, 'exported.yaml'), exported.stdout);
    expect((await target.run('plan', 'exported.yaml', '--check')).code).to.equal(0);
  });

  it('delete says who is connected and refuses, and ends their session by force', async () => {
    await target.run(
      'partition',
      'create',
      'gone',
      '--size',
      '4MiB',
      '--lun',
      '7',
      '--host',
      'web1',
    );
    const disk = await Initiator.open(url(7), asWeb1);
    const refused = await target.run('partition', 'delete', 'gone', '--yes');
    expect(refused.code).to.equal(5);
    expect(refused.stderr).to.contain('web1 (127.0.0.1:');
    const unsure = await target.run('partition', 'delete', 'gone', '--force');
    expect(unsure.code).to.equal(2);
    expect((await target.run('partition', 'delete', 'gone', '--force', '--yes')).code).to.equal(0);
    const write = await promiseFace(disk)
      .write(0, Buffer.alloc(4096))
      .catch((error: unknown) => error);
    expect(write).to.be.instanceOf(Error);
    const reused = ['partition', 'create', 'next', '--size', '4MiB', '--lun', '7'];
    const seen = await target.run(...reused);
    expect(seen.code).to.equal(5);
    expect(seen.stderr).to.contain('LUN 7');
    await disk.close().catch(() => undefined);
    expect((await target.run(...reused)).code).to.equal(0);
  });

  it('unassign ends access of a live session at once', async () => {
    await target.run(
      'partition',
      'create',
      'taken',
      '--size',
      '4MiB',
      '--lun',
      '9',
      '--host',
      'web1',
    );
    const disk = await Initiator.open(url(9), asWeb1);
    expect((await target.run('partition', 'unassign', 'taken', 'web1')).code).to.equal(0);
    const read = await promiseFace(disk)
      .read(0, Buffer.alloc(4096))
      .catch((error: unknown) => error);
    expect(read).to.be.instanceOf(Error);
    await disk.close().catch(() => undefined);
  });

  it('host add makes a secret that logs in and that no data shows', async () => {
    const iqn = 'iqn.2026-11.x:made';
    const { code, stdout, stderr } = await target.run(
      'host',
      'add',
      'made',
      '--iqn',
      iqn,
      '--json',
    );
    expect(code).to.equal(0);
    const secret = / secret (\S+)/.exec(stderr)![1]!;
    expect(stdout).to.not.contain(secret);
    await target.run(
      'partition',
      'create',
      'formade',
      '--size',
      '4MiB',
      '--lun',
      '11',
      '--host',
      'made',
    );
    const wrong = { initiatorName: iqn, chap: { user: 'made', secret: 'wrong-secret-wrong' } };
    const refused = await Initiator.open(url(11), wrong).catch((error: unknown) => error);
    expect(refused).to.include({ kind: 'notAllowed' });
    const disk = await Initiator.open(url(11), {
      initiatorName: iqn,
      chap: { user: 'made', secret },
    });
    await disk.close();
  });

  it('session drop ends a session', async () => {
    const disk = await Initiator.open(url(), asWeb1);
    const [session] = json<{ tsih: number }[]>(await target.run('session', 'list', '--json'));
    expect((await target.run('session', 'drop', String(session!.tsih))).code).to.equal(0);
    expect(json(await target.run('session', 'list', '--json'))).to.deep.equal([]);
    await disk.close().catch(() => undefined);
  });

  it('discover lists targets, portals and the partitions of this host', async () => {
    const words = [
      'discover',
      target.ready!.portals[0]!,
      '--iqn',
      WEB1,
      '--user',
      'web1',
      '--json',
    ];
    const env = { HAWSER_SECRET: SECRET };
    const [found] = json<{ target: string; partitions: { name: string; lun: number }[] }[]>(
      await run(words, { env }),
    );
    expect(found).to.include({ target: IQN });
    expect(found!.partitions.find(({ name }) => name === 'data1')).to.include({ lun: 0 });
  });

  it('bench measures', async () => {
    const words = ['bench', url(), '--iqn', WEB1, '--user', 'web1', '--seconds', '1', '--json'];
    const result = json<{ iops: number; errors: number }>(
      await run(words, { env: { HAWSER_SECRET: SECRET } }),
    );
    expect(result.errors).to.equal(0);
    expect(result.iops).to.be.greaterThan(10);
  });

  it('share create gives a disk whose printed secret works', async () => {
    const iqn = 'iqn.1993-08.org.debian:01:db1';
    const { code, stdout } = await target.run(
      'share',
      'create',
      'vol-a',
      '--size',
      '4MiB',
      '--to',
      iqn,
    );
    expect(code).to.equal(0);
    const secret = / secret (\S+) /.exec(stdout)![1]!;
    const lun = Number(/LUN (\d+)/.exec(stdout)![1]);
    const disk = await Initiator.open(url(lun), {
      initiatorName: iqn,
      chap: { user: 'db1', secret },
    });
    await disk.close();
    for (const system of ['Linux', 'Windows', 'ESXi', 'Proxmox', 'QEMU']) {
      expect(stdout).to.contain(system);
    }
  });

  it('apply --prune asks first', async () => {
    const refused = await target.run('apply', 'target.yaml', '--prune');
    expect(refused.code).to.equal(2);
    expect(refused.stderr).to.contain('--yes');
    expect((await target.run('apply', 'target.yaml', '--prune', '--yes')).code).to.equal(0);
    expect((await target.run('plan', 'target.yaml', '--check')).code).to.equal(0);
  });

  it('doctor names each finding with what mends it', async () => {
    const findings = json<{ level: string; remedy: string }[]>(
      await target.run('doctor', '--json'),
    );
    for (const { level, remedy } of findings) expect(level === 'ok').to.equal(remedy === '');
  });

  it('completion knows the names of partitions', async () => {
    const { stdout } = await target.run('__complete', '--', 'partition', 'delete', 'da');
    expect(stdout).to.equal('data1\n');
  });

  it('openapi prints the document', async () => {
    expect(json(await target.run('openapi'))).to.have.property('openapi');
  });

  it('top shows a line for each session', async () => {
    const disk = await Initiator.open(url(), asWeb1);
    const rows = json<unknown[]>(await target.run('top', '--json'));
    expect(rows).to.have.length(1);
    await disk.close();
  });
});
