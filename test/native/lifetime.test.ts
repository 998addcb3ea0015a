import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const CHILD = fileURLToPath(new URL('./lifetime-child.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
}

function run(stage: string, kind: string, path: string): Promise<Ended> {
  const child = spawn(process.execPath, ['--expose-gc', CHILD, stage, kind, path]);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, output }));
  });
}

const stages: readonly (readonly [
  stage: string,
  behaviour: string,
  output: string,
  code: number,
])[] = [
  ['loaded', 'ends after the addon was loaded and memory taken', '', 0],
  ['idle', 'ends while an idle engine is open', '', 0],
  ['opened', 'ends with a file open', '', 0],
  ['pending', 'exits with I/O in flight', '', 0],
  ['queued', 'exits with I/O queued', '', 0],
  ['inCallback', 'exits from inside a completion', '', 0],
  ['closed', 'ends after close, which may be called twice', '', 0],
  ['thrown', 'hands an exception of a completion to the process', '', 42],
  ['finishes', 'stays alive until all I/O has ended, and no longer', 'all ended', 0],
  ['collected', 'keeps memory while I/O into it is in flight', '', 0],
  ['worker', 'outlives a worker that is terminated with I/O in flight', '', 0],
  ['askingWorker', 'outlives a worker that is terminated with questions open', '', 0],
];

for (const kind of ['io_uring', 'threads'] as const) {
  describe(`a process with an engine of ${kind}`, () => {
    let folder: string;
    before(() => (folder = mkdtempSync(join(tmpdir(), 'hawser-lifetime-'))));
    after(() => rmSync(folder, { recursive: true }));

    for (const [stage, behaviour, output, code] of stages) {
      it(behaviour, async () => {
        const ended = await run(stage, kind, join(folder, stage));
        expect(ended).to.deep.equal({ code, signal: null, output });
      });
    }
  });
}
