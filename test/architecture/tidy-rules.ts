/**
 * The rules of CONTRIBUTING.md that a machine can judge. Each returns `path:line: what is wrong`.
 */
import ts from 'typescript';
import { lineOf } from './source-tree.ts';
import type { SourceFile } from './source-tree.ts';

export const FUNCTION_LINES_MAX = 60;
export const FILE_LINES_MAX = 400;
export const LINE_COLUMNS_MAX = 100;
/** Declared tables stand under `// prettier-ignore`, one row a line. */
export const TABLE_COLUMNS_MAX = 180;
/** A test's name is a sentence, and a sentence isn't broken. */
export const TEST_COLUMNS_MAX = 140;
export const PARAMETERS_MAX = 4;

/** A test file's `describe` and `it` are chapters, not functions. */
const CHAPTERS = /^(describe|it|before|after|beforeEach|afterEach)/;
// spelled in halves, or this file would break its own rule
const LEFTOVERS = new RegExp(
  `\\b(${'TO' + 'DO'}|${'FIX' + 'ME'}|${'X' + 'XX'})\\b|\\bas ${'any'}\\b`,
);

type Rule = (file: SourceFile) => string[];

const longFile: Rule = (file) => {
  const lines = file.text.trimEnd().split('\n').length;
  return lines > FILE_LINES_MAX ? [`${file.path}: ${lines} lines`] : [];
};

const longLines: Rule = (file) => {
  const tables = tableLines(file);
  const proseMax = file.path.startsWith('test/') ? TEST_COLUMNS_MAX : LINE_COLUMNS_MAX;
  return file.text.split('\n').flatMap((line, index) => {
    const columnsMax = tables.has(index + 1) ? TABLE_COLUMNS_MAX : proseMax;
    return [...line].length > columnsMax
      ? [`${file.path}:${index + 1}: ${line.length} columns`]
      : [];
  });
};

/** Lines of the statements that carry a `prettier-ignore`. */
function tableLines(file: SourceFile): Set<number> {
  const lines = new Set<number>();
  const visit = (node: ts.Node): void => {
    const comments = ts.getLeadingCommentRanges(file.text, node.getFullStart()) ?? [];
    if (comments.some(({ pos, end }) => file.text.slice(pos, end).includes('prettier-ignore')))
      for (let line = lineOf(file, node.getStart()); line <= lineOf(file, node.end); line++)
        lines.add(line);
    ts.forEachChild(node, visit);
  };
  visit(file.tree);
  return lines;
}

const leftovers: Rule = (file) =>
  file.text.split('\n').flatMap((line, index) => {
    const match = LEFTOVERS.exec(line);
    return match === null ? [] : [`${file.path}:${index + 1}: ${match[0]}`];
  });

const functions: Rule = (file) => {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) found.push(...judge(file, node));
    ts.forEachChild(node, visit);
  };
  visit(file.tree);
  return found;
};

function judge(file: SourceFile, node: ts.SignatureDeclaration): string[] {
  if (isChapter(node)) return [];
  const first = lineOf(file, node.getStart());
  const lines = lineOf(file, node.end) - first + 1;
  const parameters = node.parameters.length;
  const found: string[] = [];
  if (lines > FUNCTION_LINES_MAX) found.push(`${file.path}:${first}: a function of ${lines} lines`);
  if (parameters > PARAMETERS_MAX) found.push(`${file.path}:${first}: ${parameters} parameters`);
  return found;
}

function isChapter(node: ts.Node): boolean {
  const { parent } = node;
  return ts.isCallExpression(parent) && CHAPTERS.test(parent.expression.getText());
}

const defaultExports: Rule = (file) =>
  file.tree.statements
    .filter(
      (node) =>
        ts.isExportAssignment(node) ||
        (ts.canHaveModifiers(node) &&
          ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)),
    )
    .map((node) => `${file.path}:${lineOf(file, node.getStart())}: default export`);

export const tidyRules: Readonly<Record<string, Rule>> = {
  [`no file is longer than ${FILE_LINES_MAX} lines`]: longFile,
  [`no line is longer than ${LINE_COLUMNS_MAX} columns`]: longLines,
  [`no function has more than ${FUNCTION_LINES_MAX} lines or ${PARAMETERS_MAX} parameters`]:
    functions,
  'nothing is left over': leftovers,
  'names only: no default exports': defaultExports,
};
