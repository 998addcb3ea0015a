/** The first ten minutes of README, typed as they stand there. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { projectRoot } from '../architecture/source-tree.ts';
import { requireTools, run } from './support/tools.ts';

const READY_LIMIT_MS = 60_000;

function tourLines(markdown: string): string {
  const chapter = /^## The first ten minutes\n([\s\S]*?)^## /m.exec(markdown)![1]!;
  return [...chapter.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, lines]) => lines).join('');
}

describe('the first ten minutes of README', () => {
  const root = projectRoot();
  const folder = mkdtempSync(join(tmpdir(), 'hawser-tour-'));
  let output = '';

  /** What `npm start` does, in a folder of its own. */
  const server = spawn.bind(null, process.execPath, [join(root, 'dist', 'scripts', 'start.js')]);
  let running: ReturnType<typeof server> | undefined;

  before('npm start', async () => {
    requireTools('qemu-img', 'mkfs.ext4');
    symlinkSync(join(root, 'bin'), join(folder, 'bin'));
    running = server({ cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        reject(new Error(`npm start ${why}\n${output}`));
      };
      const timer = setTimeout(() => fail('is not ready in time'), READY_LIMIT_MS);
      const take = (chunk: Buffer): void => {
        output += chunk.toString();
        if (!output.includes('Running until Ctrl-C')) return;
        clearTimeout(timer);
        resolve();
      };
      running!.stdout!.on('data', take);
      running!.stderr!.on('data', take);
      running!.on('close', (code) => fail(`ended with ${code}`));
    });
  });

  after(async () => {
    if (running !== undefined && running.exitCode === null) {
      const ended = new Promise((resolve) => running!.on('close', resolve));
      running.kill('SIGINT');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it('wrote a file through iSCSI and read it back the same', () => {
    const [written, read] = [...output.matchAll(/sha256 \w+ +([0-9a-f]{64})/g)].map(
      ([, sum]) => sum,
    );
    expect(written).to.be.a('string');
    expect(read).to.equal(written);
  });

  it('every line works as it is written', async () => {
    const script = tourLines(readFileSync(join(root, 'README.md'), 'utf8'));
    const result = await run('bash', ['-euxo', 'pipefail'], { cwd: folder, input: script });
    expect(result.code, result.stdout + result.stderr).to.equal(0);
    expect(result.stdout).to.include('Images are identical.');
  });
});
