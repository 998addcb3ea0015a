import { expect } from 'chai';
import { endpoint } from '../../../scripts/cli/api-client.ts';
import { runCommand } from '../../../scripts/cli/run.ts';
import { pasteBlocks } from '../../../scripts/cli/paste-lines.ts';
import type { ShareFacts } from '../../../scripts/cli/paste-lines.ts';
import { FakeTerminal } from './fake-terminal.ts';

/** Nobody listens there. */
const NOBODY = '127.0.0.1:1';

async function run(...words: string[]): Promise<{ code: number; terminal: FakeTerminal }> {
  const terminal = new FakeTerminal({ HAWSER_ADMIN: NOBODY });
  return { code: await runCommand(words, terminal, '1.2.3'), terminal };
}

describe('the command line', () => {
  it('tells its version and its help on stdout', async () => {
    expect((await run('--version')).terminal.stdout).to.equal('1.2.3\n');
    const { code, terminal } = await run('--help');
    expect(code).to.equal(0);
    expect(terminal.stdout).to.contain('partition').and.contain('Exit codes:');
    expect(terminal.stdout).to.not.contain('__complete').and.not.contain('volume');
  });

  const usage: [string[], RegExp][] = [
    [['frobnicate'], /unknown command/],
    [['partition', 'creat'], /Did you mean create/],
    [['partition', 'create', 'x'], /--size/],
    [['partition', 'create', 'x', '--size', '10'], /with its unit/],
    [['partition', 'create', 'x', '--size', '1GiB', '--lun', '-1'], /--lun/],
    [['partition', 'create', 'x', '--size', '1GiB', '--block-size', '1024'], /512 or 4KiB/],
    [['partition', 'create', 'x', '--size', '1GiB', '--host', 'a:all'], /expected rw or ro/],
    [['partition', 'list', '-o', 'xml'], /Allowed choices/],
    [['host', 'add', 'web1'], /--iqn/],
    [['partition', 'create', 'x', '--size', '1GiB', '--timeout', '9'], /--timeout 9/],
    [['completion', 'tcsh'], /bash, zsh, fish/],
    [['plan', '/nowhere/target.yaml'], /can't read/],
    [['target', '--config', '/nowhere/target.yaml'], /can't read/],
    [['status', '--admin', 'somewhere'], /expected host:port/],
    [['bench', 'http://x'], /iSCSI URL/],
    [['bench', 'iscsi://h/iqn.2026-11.x:t/0', '--op', 'trim'], /randread, randwrite/],
    [['bench', 'iscsi://h/iqn.2026-11.x:t/0', '--op', 'write'], /--yes/],
    [['volume', 'create', '--size', '1GiB'], /not in this version \(1\.2\.3\)/],
    [['initiator', '--config', 'x'], /host service/],
    [['task', 'watch', 't-1', '--timeout', '9'], /--timeout 9/],
  ];
  for (const [words, message] of usage) {
    it(`exits 2 and says why after "${words.join(' ')}"`, async () => {
      const { code, terminal } = await run(...words);
      expect(terminal.stderr).to.match(message);
      expect(terminal.stdout).to.equal('');
      expect(code).to.equal(2);
    });
  }

  it('asks the controller for tasks where nothing says which service', async () => {
    const terminal = new FakeTerminal();
    expect(await runCommand(['task', 'list'], terminal, '1.2.3')).to.equal(8);
    expect(terminal.stderr).to.contain('127.0.0.1:3290');
  });

  it('exits 8 and says where it asked when nobody answers', async () => {
    const { code, terminal } = await run('partition', 'list');
    expect(code).to.equal(8);
    expect(terminal.stderr).to.contain(NOBODY);
  });

  it('exits 2 without any command', async () => {
    expect((await run()).code).to.equal(2);
  });

  it('takes options that all commands share before and after the command', async () => {
    for (const words of [
      ['--admin', '127.0.0.1:2', 'status'],
      ['status', '--admin', '127.0.0.1:2'],
    ]) {
      expect((await run(...words)).terminal.stderr).to.contain('127.0.0.1:2');
    }
  });
});

describe('completion', () => {
  const complete = async (...words: string[]): Promise<string[]> =>
    (await run('__complete', '--', ...words)).terminal.stdout.split('\n').slice(0, -1);

  it('knows commands', async () => {
    expect(await complete('part')).to.deep.equal(['partition']);
    expect(await complete('partition', 'as')).to.deep.equal(['assign']);
  });

  it('knows options, those of all commands too', async () => {
    expect(await complete('partition', 'create', '--b')).to.deep.equal(['--block-size']);
    expect(await complete('partition', 'create', '--adm')).to.deep.equal(['--admin']);
  });

  it('hides what is hidden', async () => {
    expect(await complete('vol')).to.deep.equal([]);
  });

  it('stays silent where the service is down', async () => {
    expect(await complete('partition', 'delete', '')).to.deep.equal([]);
  });

  for (const shell of ['bash', 'zsh', 'fish']) {
    it(`has a script for ${shell}`, async () => {
      expect((await run('completion', shell)).terminal.stdout).to.contain('hawser __complete');
    });
  }
});

describe('addresses of services', () => {
  it('are TCP, TLS or a path', () => {
    expect(endpoint('127.0.0.1:3280')).to.deep.equal({
      secure: false,
      where: { host: '127.0.0.1', port: 3280 },
    });
    expect(endpoint('https://[::1]:3280')).to.deep.equal({
      secure: true,
      where: { host: '::1', port: 3280 },
    });
    for (const path of ['/run/a.sock', './a.sock', '../a.sock']) {
      expect(endpoint(path).where).to.deep.equal({ socketPath: path });
    }
  });
});

describe('lines to paste', () => {
  const facts: ShareFacts = {
    portals: ['[2001:db8::1]:3260', '192.0.2.1:3260'],
    targetIqn: 'iqn.2026-11.io.hawser:unit1',
    initiatorIqn: 'iqn.1993-08.org.debian:01:web1',
    lun: 3,
    partition: 'vol_a.1',
    chap: { user: 'web1', secret: "it's-a-secret" },
  };

  it('cover the systems, each with target and initiator name', () => {
    const blocks = pasteBlocks(facts);
    expect(blocks.map(({ system }) => system.split(' ')[0])).to.deep.equal([
      'Linux',
      'Windows',
      'VMware',
      'Proxmox',
      'QEMU,',
      'Hawser',
    ]);
    for (const { system, lines } of blocks) {
      const text = lines.join('\n');
      expect(text).to.contain(facts.initiatorIqn);
      // our host service finds the targets behind the portals itself
      if (!system.startsWith('Hawser')) expect(text).to.contain(facts.targetIqn);
    }
  });

  it('quote what a shell would change', () => {
    const [linux, windows] = pasteBlocks(facts).map(({ lines }) => lines.join('\n'));
    expect(linux).to.contain(`-v 'it'\\''s-a-secret'`);
    expect(windows).to.contain(`-ChapSecret 'it''s-a-secret'`);
  });

  it('name every portal on Linux', () => {
    const text = pasteBlocks(facts)[0]!.lines.join('\n');
    for (const portal of facts.portals) expect(text).to.contain(`-p ${portal} `);
  });

  it('ask for no proof where there is none', () => {
    const text = JSON.stringify(pasteBlocks({ ...facts, chap: null }));
    expect(text).to.not.match(/chap|CHAP|secret/);
  });
});
