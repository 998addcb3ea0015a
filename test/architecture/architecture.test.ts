import { expect } from 'chai';
import { placeOf, refuseImport, resolved } from './levels.ts';
import { importsOf, readSources, sourceFile } from './source-tree.ts';
import type { SourceFile } from './source-tree.ts';

const refusals = (file: SourceFile): string[] =>
  importsOf(file).flatMap((entry) => refuseImport(file, entry) ?? []);

/**
 * Every closed chain of run-time imports that starts at `start`, as a list of files; the first is
 * enough.
 */
function cycleFrom(start: string, edges: ReadonlyMap<string, readonly string[]>): string[] {
  const visited = new Set<string>();
  const walk = (path: readonly string[]): string[] => {
    for (const next of edges.get(path.at(-1)!) ?? []) {
      if (next === start) return [...path, next];
      if (visited.has(next)) continue;
      visited.add(next);
      const cycle = walk([...path, next]);
      if (cycle.length > 0) return cycle;
    }
    return [];
  };
  return walk([start]);
}

const runTimeEdges = (files: readonly SourceFile[]): Map<string, string[]> =>
  new Map(
    files.map((file) => [
      file.path,
      importsOf(file)
        .filter(({ specifier, atRunTime }) => atRunTime && specifier.startsWith('.'))
        .map(({ specifier }) => resolved(file.path, specifier)),
    ]),
  );

describe('architecture', () => {
  const files = readSources();

  it('finds the sources', () => {
    expect(files.map(({ path }) => path)).to.include('lib/base/index.ts');
  });

  it('every file stands in a folder of the level table', () => {
    const homeless = files.filter(({ path }) => placeOf(path) === undefined);
    expect(homeless.map(({ path }) => path)).to.deep.equal([]);
  });

  it('every import goes to the own folder, down through an index.ts or to an allowed module', () => {
    expect(files.flatMap(refusals)).to.deep.equal([]);
  });

  it('no files of lib import each other in a circle at run time', () => {
    const edges = runTimeEdges(files.filter(({ path }) => path.startsWith('lib/')));
    const cycles = [...edges.keys()].map((start) => cycleFrom(start, edges));
    expect(
      cycles.filter(({ length }) => length > 0).map((cycle) => cycle.join(' → ')),
    ).to.deep.equal([]);
  });

  it('every file of lib is used by the product', () => {
    const product = files.filter(({ path }) => !path.startsWith('test/'));
    const used = new Set(
      product.flatMap((file) =>
        importsOf(file).map(({ specifier }) => resolved(file.path, specifier)),
      ),
    );
    const unused = product
      .map(({ path }) => path)
      .filter((path) => path.startsWith('lib/') && path !== 'lib/index.ts' && !used.has(path));
    expect(unused).to.deep.equal([]);
  });
});

describe('the architecture test itself', () => {
  const planted: readonly [name: string, path: string, text: string][] = [
    ['a higher level', 'lib/wire/planted.ts', `import { a } from '../scsi/index.ts';`],
    ['the same level', 'lib/scsi/planted.ts', `import { a } from '../iscsi/index.ts';`],
    ['a folder past its door', 'lib/scsi/planted.ts', `import { a } from '../wire/crc32c.ts';`],
    ['a type past its door', 'lib/scsi/planted.ts', `import type { A } from '../block/engine.ts';`],
    ['sockets below transport', 'lib/target/planted.ts', `import { connect } from 'node:net';`],
    ['a dynamic import', 'lib/target/planted.ts', `const net = await import('node:net');`],
    ['a re-export', 'lib/target/planted.ts', `export * from '../initiator/index.ts';`],
    ['a package', 'lib/scsi/planted.ts', `import { fastify } from 'fastify';`],
    ['a test from lib', 'lib/scsi/planted.ts', `import { a } from '../../test/fakes/a.ts';`],
  ];
  for (const [name, path, text] of planted)
    it(`refuses an import of ${name}`, () => {
      expect(refusals(sourceFile(path, text))).to.have.length(1);
    });

  it('accepts an import of the own folder and of a lower level through its door', () => {
    const text = `import { a } from './b.ts'; import { c } from '../base/index.ts';`;
    expect(refusals(sourceFile('lib/wire/planted.ts', text))).to.deep.equal([]);
  });

  it('finds a circle', () => {
    const circle = runTimeEdges([
      sourceFile('lib/wire/a.ts', `import { b } from './b.ts';`),
      sourceFile('lib/wire/b.ts', `import { a } from './a.ts';`),
    ]);
    expect(cycleFrom('lib/wire/a.ts', circle)).to.have.length(3);
  });

  it('ignores a circle that only types close', () => {
    const circle = runTimeEdges([
      sourceFile('lib/wire/a.ts', `import { b } from './b.ts';`),
      sourceFile('lib/wire/b.ts', `import type { A } from './a.ts';`),
    ]);
    expect(cycleFrom('lib/wire/a.ts', circle)).to.deep.equal([]);
  });
});
