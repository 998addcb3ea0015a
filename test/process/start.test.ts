import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoConfiguration } from '../../scripts/cli/demo-configuration.ts';
import { repositoryRoot } from './service.ts';

const script = join(repositoryRoot(), 'dist', 'scripts', 'start.js');
const READY_MS_MAX = 60_000;

/** Runs until it says that it stays up, then interrupts it. @returns what it printed. */
function startOnce(directory: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script], { cwd: directory });
    let text = '';
    const late = setTimeout(() => child.kill('SIGKILL'), READY_MS_MAX);
    const keep = (chunk: Buffer): void => {
      text += chunk.toString();
      if (text.includes('Running until Ctrl-C')) child.kill('SIGINT');
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('close', (code) => {
      clearTimeout(late);
      if (code === 0) resolve(text);
      else reject(new Error(`npm start ended with ${code}: ${text}`));
    });
  });
}

describe('npm start', function () {
  this.timeout(2 * READY_MS_MAX);
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'hawser-start-'));
    // its own ports may be in use here; the file is otherwise what it writes itself
    mkdirSync(join(directory, 'var'));
    writeFileSync(join(directory, 'var', 'demo.secret'), 'sixteen-bytes-ok\n', { mode: 0o600 });
    const configuration = demoConfiguration('127.0.0.1:0', '127.0.0.1:0');
    writeFileSync(join(directory, 'var', 'target.yaml'), configuration);
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  it('proves itself with a real file, and finds it again the next time', async () => {
    const first = await startOnce(directory);
    const sums = [...first.matchAll(/sha256 (?:written|read) +([0-9a-f]{64})/g)];
    expect(sums).to.have.length(2);
    expect(sums[0]![1]).to.equal(sums[1]![1]);
    expect(first.match(/^ {2}bin\/hawser /gm)).to.have.length(3);
    expect(first).to.not.contain('found');
    const second = await startOnce(directory);
    expect(second).to.match(/found node of \S+ as it was written/);
    expect(statSync(join(directory, 'var', 'state')).mode & 0o777).to.equal(0o700);
  });
});
