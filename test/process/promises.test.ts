import { expect } from 'chai';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { parse } from 'yaml';
import { Initiator } from '../../lib/transport/index.ts';
import { runCommand } from '../../scripts/cli/run.ts';
import { FakeTerminal } from '../unit/cli/fake-terminal.ts';
import { asWeb1, head, IQN, SECRET, WEB1, WEB2 } from './one-disk.ts';
import { repositoryRoot, run, TargetProcess } from './service.ts';

const MUTUAL = 'a-secret-of-the-unit';
const configuration = `${head}hosts:
  web1:
    iqn: "${WEB1}"
    chap: { user: web1, secret: "\${WEB1_SECRET}" }
    mutual: { user: unit1, secret: "${MUTUAL}" }
  web2: { iqn: "${WEB2}" }
partitions:
  data1: { size: 8MiB, lun: 0, hosts: { web1: rw } }
  media: { size: 4MiB, lun: 1, hosts: { "*": ro } }
`;

/** A service manager that keeps what it is told, a line each. */
class ServiceManager {
  readonly socket: string;
  told = '';
  readonly #child: ChildProcess;

  constructor(directory: string) {
    this.socket = join(directory, 'notify');
    const program =
      'import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\ns.bind(sys.argv[1])\n' +
      'print("bound",flush=True)\nwhile True: print(s.recv(4096).decode(),flush=True)';
    this.#child = spawn('python3', ['-c', program, this.socket]);
    this.#child.stdout!.on('data', (text: Buffer) => (this.told += text.toString()));
  }

  async heard(word: string): Promise<void> {
    while (!this.told.includes(word)) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  stop(): void {
    this.#child.kill();
  }
}

describe('what a storage server promises', function () {
  this.timeout(30_000);
  const target = new TargetProcess(configuration);
  const manager = new ServiceManager(target.directory);

  before(async () => {
    await manager.heard('bound');
    const secret = { WEB1_SECRET: SECRET, HAWSER_LOG: 'trace' };
    await target.start({ ...secret, NOTIFY_SOCKET: manager.socket });
  });

  after(async () => {
    manager.stop();
    await target.remove();
  });

  /** A command in this process: the same code without the start of another one. */
  async function command(...words: string[]): Promise<{ code: number; terminal: FakeTerminal }> {
    const env = { HAWSER_ADMIN: target.ready!.admin, WEB1_SECRET: SECRET };
    const terminal = new FakeTerminal(env);
    return { code: await runCommand(words, terminal, '0.0.0'), terminal };
  }

  const ask = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`http://${target.ready!.admin}${path}`, { headers });

  it('tells the service manager when it is ready', async () => {
    await manager.heard('READY=1');
  });

  const list = ['partition', 'list'];
  const forms: [string[], string | RegExp][] = [
    [list, /^NAME +LUN .*\ndata1 +0 +8MiB +ready +web1:rw /],
    [[...list, '-o', 'wide'], /^NAME .* UUID .*\ndata1 .*[0-9a-f]{8}-/],
    [[...list, '--no-headers'], /^data1 /],
    [[...list, '-o', 'name'], 'data1\nmedia\n'],
    [['session', 'list', '-o', 'json'], '[]\n'],
    [['session', 'list', '-o', 'yaml'], '[]\n'],
    [['session', 'list', '--no-headers'], ''],
    [['task', 'list', '--json'], '[]\n'],
  ];
  for (const [words, expected] of forms) {
    it(`prints "${words.join(' ')}" as it is asked to`, async () => {
      const { code, terminal } = await command(...words);
      expect(code, terminal.stderr).to.equal(0);
      if (typeof expected === 'string') expect(terminal.stdout).to.equal(expected);
      else expect(terminal.stdout).to.match(expected);
    });
  }

  it('prints the same data as JSON and as YAML, bytes as integers, times in UTC', async () => {
    const [json, yaml] = await Promise.all([
      command(...list, '--json'),
      command(...list, '-o', 'yaml'),
    ]);
    const rows = JSON.parse(json.terminal.stdout) as { sizeBytes: number; createdAt: string }[];
    expect(parse(yaml.terminal.stdout)).to.deep.equal(rows);
    expect(rows[0]!.sizeBytes).to.equal(8 * 1024 * 1024);
    expect(rows[0]!.createdAt).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  const create = ['partition', 'create'];
  const refusals: [number, string[], string][] = [
    [2, [...create, 'x', '--size', '5'], 'with its unit'],
    [2, ['partition', 'resize', 'data1', '--size', '1MiB'], "can't shrink"],
    [2, ['partition', 'delete', 'data1'], '--yes'],
    [2, [...create, 'Data', '--size', '1MiB'], 'pattern'],
    [3, ['partition', 'assign', 'data1', 'nobody'], 'host nobody'],
    [3, ['partition', 'delete', 'nothing', '--yes'], 'nothing'],
    [3, ['task', 'watch', 't-99'], 't-99'],
    [4, [...create, 'data1', '--size', '1MiB'], 'exists already'],
    [4, [...create, 'x', '--size', '1MiB', '--lun', '1'], 'LUN 1 is taken by partition media'],
    [4, [...create, 'x', '--size', '1TiB'], 'are free'],
    [4, ['host', 'add', 'web3', '--iqn', WEB1], 'belongs to host web1'],
    [5, ['host', 'remove', 'web1', '--yes'], 'data1'],
    [6, ['partition', 'assign', 'data1', 'web2'], 'destroy'],
    [6, ['partition', 'assign', 'media', '*', 'rw'], 'destroy'],
    [8, ['status', '--admin', '127.0.0.1:1'], '127.0.0.1:1'],
  ];
  for (const [expected, words, why] of refusals) {
    it(`exits ${expected} after "${words.join(' ')}", and changes nothing`, async () => {
      const before = (await command('export')).terminal.stdout;
      const { code, terminal } = await command(...words);
      expect(terminal.stderr).to.contain(why);
      expect(code).to.equal(expected);
      expect(terminal.stdout).to.equal('');
      expect((await command('export')).terminal.stdout).to.equal(before);
    });
  }

  it('goes on with what nobody waits for, and tells by its task how it ended', async () => {
    const { code, terminal } = await command(...create, 'later', '--size', '4MiB', '--no-wait');
    expect(code).to.equal(0);
    const [, id, how] = /task (t-\d+): create partition later goes on.*: (hawser .*)/.exec(
      terminal.stderr,
    )!;
    expect(how).to.equal(`hawser task watch ${id!} --admin ${target.ready!.admin}`);
    const ended = await command(...how!.split(' ').slice(1), '--json');
    expect(ended.code).to.equal(0);
    const [task] = JSON.parse(ended.terminal.stdout) as { state: string }[];
    expect(task).to.include({ state: 'done' });
    const failed = await command(...create, 'later', '--size', '4MiB', '--no-wait');
    const [, again] = /task (t-\d+)/.exec(failed.terminal.stderr)!;
    expect((await command('task', 'watch', again!)).code).to.equal(4);
    expect((await command('task', 'cancel', again!)).code).to.equal(0);
  });

  it('shows what is open', async () => {
    const { terminal } = await command('status');
    expect(terminal.stdout)
      .to.match(/hosts +2, open: web2/)
      .and.match(/partitions .*open: media/);
  });

  it('never shows a secret: not in its log, not in any form, not by its API', async () => {
    const portal = target.ready!.portals[0]!;
    const disk = await Initiator.open(`iscsi://${portal}/${IQN}/0`, asWeb1);
    const wrong = { ...asWeb1, chap: { user: 'web1', secret: `${SECRET}-not` } };
    await Initiator.open(`iscsi://${portal}/${IQN}/0`, wrong).catch(() => undefined);
    const texts = await Promise.all(
      ['status', 'hosts', 'partitions', 'sessions', 'export', 'doctor', 'tasks', 'openapi.json']
        .map((name) => `/api/v1/${name}`)
        .concat('/metrics')
        .map(async (path) => (await ask(path)).text()),
    );
    const tables = [['host', 'list', '-o', 'wide'], ['export'], ['plan', target.file]];
    for (const words of tables) texts.push((await command(...words)).terminal.stdout);
    await disk.close();
    for (const text of [...texts, target.log, target.stdout]) {
      expect(text).to.not.contain(SECRET).and.not.contain(MUTUAL);
    }
  });

  it('answers probes, and describes its API', async () => {
    expect(await (await ask('/healthz')).json()).to.deep.equal({ status: 'ok' });
    expect(await (await ask('/readyz')).json()).to.deep.equal({ status: 'ready' });
    const { paths } = (await (await ask('/api/v1/openapi.json')).json()) as { paths: object };
    expect(paths).to.have.property('/api/v1/partitions');
    const gone = await ask('/api/v1/nothing');
    expect(gone.headers.get('content-type')).to.match(/^application\/problem\+json/);
  });

  it('streams what happens, and goes on after the event that was seen last', async () => {
    const first = await eventsUntil('host watched was added', '0', () =>
      command('host', 'add', 'watched', '--iqn', 'iqn.2026-11.x:watched'),
    );
    const id = /id: (\d+)\nevent: host\n.*watched was added/.exec(first)![1]!;
    const second = await eventsUntil('host watched was removed', id, () =>
      command('host', 'remove', 'watched', '--yes'),
    );
    expect(second).to.not.contain('watched was added');
  });

  async function eventsUntil(
    text: string,
    lastId: string,
    act: () => Promise<unknown>,
  ): Promise<string> {
    const response = await ask('/api/v1/events', { 'last-event-id': lastId });
    const reader = response.body!.getReader();
    await act();
    let seen = '';
    while (!seen.includes(text)) seen += Buffer.from((await reader.read()).value!).toString();
    await reader.cancel();
    return seen;
  }

  it('lets no other process have its disks: that one exits 5 and names this one', async () => {
    const other = new TargetProcess(
      configuration.replaceAll('./disk', join(target.directory, 'disk')),
    );
    try {
      const env = { WEB1_SECRET: SECRET };
      const { code, stderr } = await run(['target', '--config', other.file], { env });
      expect(stderr).to.contain(`process ${target.ready!.pid}`);
      expect(code).to.equal(5);
    } finally {
      await other.remove();
    }
  });

  it('is watched until Ctrl-C, which exits 130', async () => {
    const hawser = join(repositoryRoot(), 'bin', 'hawser');
    const words = ['partition', 'list', '-o', 'name', '--watch'];
    const env = { ...process.env, HAWSER_ADMIN: target.ready!.admin };
    const child = spawn(process.execPath, [hawser, ...words], { env });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.split('data1\n').length > 2) child.kill('SIGINT');
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).to.equal(130);
  });

  it('stops on SIGINT, tells the service manager, and exits 0', async () => {
    expect(await target.stop('SIGINT')).to.equal(0);
    await manager.heard('STOPPING=1');
  });
});
