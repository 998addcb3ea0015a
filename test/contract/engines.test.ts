import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngine } from '../../lib/block/index.ts';
import { describeEngine } from './engine.ts';

describe('engines', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'hawser-engine-'))));
  after(() => rmSync(folder, { recursive: true }));
  const path = (): string => join(folder, 'file');

  const narrow = { depth: 2, batchEntries: 3, threads: 2 };
  describeEngine('io_uring', () => createEngine('io_uring'), path);
  describeEngine('io_uring, narrow', () => createEngine('io_uring', narrow), path);
  describeEngine('threads', () => createEngine('threads'), path);
  describeEngine('threads, narrow', () => createEngine('threads', narrow), path);
  describeEngine('js', () => createEngine('js'), path);
});
