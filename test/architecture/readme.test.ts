/** The examples of README are run as they stand there. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import ts from 'typescript';
import { projectRoot } from './source-tree.ts';

const RUN_LIMIT_MS = 20_000;

interface Example {
  readonly title: string;
  readonly source: string;
}

/** Each TypeScript block with the heading above it. */
function examples(markdown: string): Example[] {
  const found: Example[] = [];
  const pattern = /^#+ (?<title>.+)$|^```ts\n(?<source>[\s\S]*?)^```$/gm;
  let title = '';
  for (const { groups } of markdown.matchAll(pattern)) {
    title = groups?.['title'] ?? title;
    if (groups?.['source'] !== undefined) found.push({ title, source: groups['source'] });
  }
  return found;
}

function run(script: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [script], { timeout: RUN_LIMIT_MS });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
}

describe('README', () => {
  const root = projectRoot();
  const list = examples(readFileSync(join(root, 'README.md'), 'utf8'));

  it('has examples of serving a device and of using a disk', () => {
    const sources = list.map(({ source }) => source);
    expect(sources.some((source) => source.includes('new Target('))).to.equal(true);
    expect(sources.some((source) => source.includes('Initiator.open('))).to.equal(true);
  });

  for (const { title, source } of list) {
    it(`"${title}": the example runs`, async () => {
      // inside the package, where its own name can be imported
      const folder = mkdtempSync(join(root, 'dist', 'readme-'));
      try {
        const script = join(folder, 'example.mjs');
        const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
        writeFileSync(script, ts.transpile(source, options));
        const { code, output } = await run(script);
        expect(code, output).to.equal(0);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }).timeout(2 * RUN_LIMIT_MS);

    it(`"${title}": the example fits in ten lines`, () => {
      const lines = source.split('\n').filter((line) => line.trim() !== '');
      expect(lines.length).to.be.at.most(10);
    });
  }
});
