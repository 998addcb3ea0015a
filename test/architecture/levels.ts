/** The folders of docs/architecture.md with what each may reach for. */
import { posix } from 'node:path';
import type { Import, SourceFile } from './source-tree.ts';

/** Level of each folder of lib/; a folder imports only lower levels. */
const levels: Readonly<Record<string, number>> = {
  base: 0,
  wire: 1,
  block: 2,
  auth: 2,
  intent: 3,
  scsi: 3,
  iscsi: 3,
  partition: 4,
  discovery: 4,
  target: 5,
  initiator: 5,
  nbd: 5,
  volume: 6,
  mirror: 6,
  transport: 6,
  controller: 7,
  admin: 7,
};
const COMPOSITION_LEVEL = 8;

/**
 * What a folder may import besides the tree; the longest matching prefix counts. `*` is anything of
 * Node.
 */
const outside: readonly { readonly prefix: string; readonly modules: readonly string[] }[] = [
  { prefix: 'lib/', modules: [] },
  { prefix: 'lib/auth/', modules: ['node:crypto'] },
  { prefix: 'lib/block/file/', modules: ['node:fs', 'node:fs/promises', 'node:path', 'node:os'] },
  {
    prefix: 'lib/block/native-binding.ts',
    modules: ['bindings', 'node:fs', 'node:module', 'node:path', 'node:url'],
  },
  { prefix: 'lib/transport/', modules: ['node:*'] },
  {
    prefix: 'lib/admin/',
    modules: ['node:*', 'fastify', '@fastify/swagger', 'prom-client', 'bunyan', 'yaml'],
  },
  { prefix: 'lib/controller/', modules: ['node:*'] },
  { prefix: 'config/', modules: ['node:*', 'convict', 'yaml'] },
  { prefix: 'scripts/', modules: ['node:*', 'bunyan', 'commander', 'yaml'] },
  {
    prefix: 'test/',
    modules: ['node:*', 'chai', 'sinon', 'fast-check', 'typescript', 'yaml', 'bunyan', 'fastify'],
  },
];

interface Place {
  /** The folder whose files know each other: `lib/iscsi`, `scripts`. */
  readonly folder: string;
  readonly level: number;
}

export function placeOf(path: string): Place | undefined {
  const [top = '', second = ''] = path.split('/');
  if (top === 'test') return { folder: 'test', level: COMPOSITION_LEVEL + 1 };
  if (top === 'scripts' || top === 'config') return { folder: top, level: COMPOSITION_LEVEL };
  if (path === 'lib/index.ts') return { folder: 'lib', level: COMPOSITION_LEVEL };
  const level = levels[second];
  return level === undefined ? undefined : { folder: `lib/${second}`, level };
}

/** @returns why `file` may not import `entry`, or undefined where it may. */
export function refuseImport(file: SourceFile, entry: Import): string | undefined {
  return entry.specifier.startsWith('.')
    ? refuseRelative(file.path, resolved(file.path, entry.specifier))
    : refuseModule(file.path, entry.specifier);
}

export const resolved = (from: string, specifier: string): string =>
  posix.normalize(posix.join(posix.dirname(from), specifier));

function refuseRelative(from: string, to: string): string | undefined {
  const importer = placeOf(from);
  const imported = placeOf(to);
  if (importer === undefined) return `${from} is in no folder of the level table`;
  if (imported === undefined) return `${from} → ${to}: in no folder of the level table`;
  if (!to.endsWith('.ts')) return `${from} → ${to}: the specifier ends in .ts`;
  if (importer.folder === imported.folder) return undefined;
  // tests look behind the doors, and the composition roots know each other's files
  if (importer.folder === 'test') return undefined;
  if (importer.level === COMPOSITION_LEVEL && imported.level === COMPOSITION_LEVEL)
    return undefined;
  if (importer.level <= imported.level)
    return `${from} (level ${importer.level}) → ${to} (level ${imported.level})`;
  if (to !== `${imported.folder}/index.ts`)
    return `${from} → ${to}: another folder is entered through its index.ts`;
  return undefined;
}

function refuseModule(from: string, specifier: string): string | undefined {
  const row = outside
    .filter(({ prefix }) => from.startsWith(prefix))
    .sort((left, right) => right.prefix.length - left.prefix.length)[0];
  if (row?.modules.includes(specifier)) return undefined;
  if (specifier.startsWith('node:') && row?.modules.includes('node:*')) return undefined;
  return `${from} → ${specifier}: not for ${row?.prefix ?? 'this folder'}`;
}
