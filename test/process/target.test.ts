import { expect } from 'chai';
import { existsSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promiseFace } from '../../lib/block/index.ts';
import { Initiator } from '../../lib/transport/index.ts';
import { asWeb1, head, hosts, IQN, json, oneDisk, SECRET } from './one-disk.ts';
import { run, TargetProcess } from './service.ts';

describe('hawser target', function () {
  this.timeout(60_000);
  let target: TargetProcess;

  beforeEach(() => {
    target = new TargetProcess(oneDisk);
  });

  afterEach(() => target.remove());

  const url = (lun = 0): string => `iscsi://${target.ready!.portals[0]!}/${IQN}/${lun}`;
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
    const conflict = oneDisk.replace('lun: 0', 'lun: 5').replace('127.0.0.1:0', '127.0.0.2:0');
    target.configure(`${conflict}  data4: { size: 4MiB }\n`);
    target.signal('SIGHUP');
    await target.logged(/not applied.*partition data1: its LUN is 0 and can't become 5/);
    expect((await partitions()).map(({ name }) => name)).to.deep.equal(['data1', 'data2']);
    const { portals } = json<{ portals: { address: string }[] }>(
      await target.run('status', '--json'),
    );
    expect(portals.map(({ address }) => address)).to.deep.equal(target.ready!.portals);
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

  it('serves nothing without a disk that it had, and serves when the disk is back', async () => {
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

  it('waits for import with an array of another server, then for the confirmation', async () => {
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
