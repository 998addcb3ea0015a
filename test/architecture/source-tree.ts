/**
 * Finds and reads the sources that the architecture tests judge; the tests themselves run from the
 * build.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const SOURCE_FOLDERS = ['lib', 'scripts', 'config', 'test'];

export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

export interface Import {
  readonly specifier: string;
  /** False where every name is a type: such an import leaves no trace at run time. */
  readonly atRunTime: boolean;
}

/** The nearest folder above this file that holds the project's configuration. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'tsconfig.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('no tsconfig.json above the tests');
    folder = parent;
  }
  return folder;
}

export function readSources(root = projectRoot()): SourceFile[] {
  const paths = SOURCE_FOLDERS.filter((folder) => existsSync(join(root, folder))).flatMap(
    (folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(root, folder, name),
      ),
  );
  return paths
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .sort()
    .map((path) => sourceFile(relative(root, path), readFileSync(path, 'utf8')));
}

export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true) };
}

export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    const entry = importOf(node);
    if (entry !== undefined) found.push(entry);
    ts.forEachChild(node, visit);
  };
  visit(file.tree);
  return found;
}

function importOf(node: ts.Node): Import | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier))
    return { specifier: node.moduleSpecifier.text, atRunTime: !isTypeImport(node) };
  if (
    ts.isExportDeclaration(node) &&
    node.moduleSpecifier &&
    ts.isStringLiteral(node.moduleSpecifier)
  )
    return { specifier: node.moduleSpecifier.text, atRunTime: !node.isTypeOnly };
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments;
    if (argument && ts.isStringLiteral(argument))
      return { specifier: argument.text, atRunTime: true };
  }
  return undefined;
}

function isTypeImport(node: ts.ImportDeclaration): boolean {
  return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

/** Line number, from 1, of a position. */
export function lineOf(file: SourceFile, position: number): number {
  return file.tree.getLineAndCharacterOfPosition(position).line + 1;
}
