import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promiseFace } from '../../lib/block/index.ts';
import { Initiator } from '../../lib/transport/index.ts';
import { asWeb1, IQN, json, oneDisk, SECRET, WEB1 } from './one-disk.ts';
import { run, TargetProcess } from './service.ts';

describe('hawser commands against a storage server', function () {
  this.timeout(60_000);
  let target: TargetProcess;

  before(async () => {
    target = new TargetProcess(oneDisk);
    await target.start();
  });

  after(() => target.remove());

  const url = (lun = 0): string => `iscsi://${target.ready!.portals[0]!}/${IQN}/${lun}`;

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
