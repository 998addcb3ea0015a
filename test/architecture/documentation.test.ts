/**
 * What the documentation says has to be so: files it names exist, its configuration loads, every
 * key is in it.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { loadTargetConfig } from '../../config/index.ts';
import { targetFields } from '../../config/target-schema.ts';
import { operationalKeys } from '../../lib/iscsi/index.ts';
import { commandRows } from '../../lib/scsi/index.ts';
import { projectRoot } from './source-tree.ts';

const root = projectRoot();
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
];

describe('the documentation', () => {
  for (const page of pages)
    it(`${page} links to pages that exist`, () => {
      const links = [...read(page).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, link]) => link!);
      const local = links.filter((link) => !/^[a-z]+:/.test(link));
      const missing = local.filter((link) => !existsSync(join(root, dirname(page), link)));
      expect(missing).to.deep.equal([]);
    });

  for (const page of ['docs/features.md', 'docs/protocol.md', 'docs/testing.md'])
    it(`${page} names tests and scripts that exist`, () => {
      const names = [...read(page).matchAll(/`((?:test|scripts|unit|interop|fuzz)\/[\w./*-]+)`/g)];
      const paths = names.map(([, name]) =>
        /^(test|scripts)\//.test(name!) ? name! : `test/${name}`,
      );
      const missing = paths.filter(
        (path) => !existsSync(join(root, path.replace(/\*.*/, '.test.ts'))),
      );
      expect(missing).to.deep.equal([]);
    });

  it('the configuration of administration.md is accepted', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-docs-'));
    try {
      const yaml = /^```yaml\n([\s\S]*?)^```$/m.exec(read('docs/administration.md'))![1]!;
      for (const name of ['web1', 'web2', 'unit1'])
        writeFileSync(join(folder, `${name}.secret`), `the-secret-of-${name}`, { mode: 0o600 });
      writeFileSync(join(folder, 'target.yaml'), yaml);
      const { desired } = loadTargetConfig(join(folder, 'target.yaml'), {});
      expect(desired.partitions).to.have.length(3);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('administration.md has every key of the configuration', () => {
    const text = read('docs/administration.md');
    const keys = [
      ...Object.keys(targetFields),
      ...Object.values(targetFields).flatMap((field) =>
        field.kind === 'section' ? Object.keys(field.fields) : [],
      ),
    ];
    const missing = keys.filter((key) => !new RegExp(`[.\`]${key}[.\`\\[]`).test(text));
    expect(missing).to.deep.equal([]);
  });

  it('protocol.md names every command of the device server', () => {
    const text = read('docs/protocol.md');
    const names = commandRows.map(({ name }) => name.replace(/\(.*|,.*/, '').trim());
    const missing = [...new Set(names)].filter((name) => !mentions(text, name));
    expect(missing).to.deep.equal([]);
  });

  it('protocol.md speaks of every key of clause 13 by their table', () => {
    expect(Object.keys(operationalKeys)).to.have.length.above(20);
    expect(read('docs/protocol.md')).to.include('lib/iscsi/operational-keys.ts');
  });
});

/** "READ and WRITE (6, 10)" mentions WRITE; "PERSISTENT RESERVE IN and OUT" mentions both. */
function mentions(text: string, name: string): boolean {
  if (text.includes(name)) return true;
  const words = name.split(' ');
  const last = words.pop()!;
  return text.includes(`${words.join(' ')} `) && new RegExp(`and ${last}\\b`).test(text);
}
