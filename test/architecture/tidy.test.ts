import { expect } from 'chai';
import { readSources, sourceFile } from './source-tree.ts';
import { FILE_LINES_MAX, FUNCTION_LINES_MAX, tidyRules } from './tidy-rules.ts';

/**
 * Findings that are known and wait for their mending, as the rule words them. It only ever gets
 * shorter.
 */
const known: readonly string[] = [];

const allFindings = (text: string, path = 'lib/base/planted.ts'): string[] =>
  Object.values(tidyRules).flatMap((rule) => rule(sourceFile(path, text)));

describe('tidiness', () => {
  const files = readSources();
  for (const [name, rule] of Object.entries(tidyRules))
    it(name, () => {
      const findings = files.flatMap(rule).filter((finding) => !known.includes(finding));
      expect(findings.join('\n')).to.equal('');
    });
});

describe('the tidiness test itself', () => {
  const planted: readonly [name: string, text: string][] = [
    ['a long file', 'a();\n'.repeat(FILE_LINES_MAX + 1)],
    ['a long line', `const text = '${'x'.repeat(100)}';`],
    ['a long function', `function f() {\n${'a();\n'.repeat(FUNCTION_LINES_MAX)}}`],
    ['a long method', `class C {\n m() {\n${'a();\n'.repeat(FUNCTION_LINES_MAX)}}\n}`],
    ['five parameters', 'const f = (a, b, c, d, e) => a;'],
    ['a leftover', `// ${'TO' + 'DO'}: later`],
    ['a cast to anything', `const x = y as ${'any'};`],
    ['a default export', 'export default 1;'],
    ['a default function', 'export default function f() {}'],
  ];
  for (const [name, text] of planted)
    it(`finds ${name}`, () => {
      expect(allFindings(text)).to.have.length(1);
    });

  it('lets a declared table be wider', () => {
    const row = `{ name: '${'x'.repeat(80)}', value: 1 },`;
    expect(allFindings(`// prettier-ignore\nconst table = [\n  ${row}\n];`)).to.deep.equal([]);
  });

  it('lets a chapter of tests be long', () => {
    expect(
      allFindings(
        `describe('x', () => {\n${'a();\n'.repeat(FUNCTION_LINES_MAX)}});`,
        'test/x.test.ts',
      ),
    ).to.deep.equal([]);
  });
});
