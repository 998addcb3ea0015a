/** The version of the package that this file belongs to. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export function packageVersion(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  const content = readFileSync(join(directory, 'package.json'), 'utf8');
  return (JSON.parse(content) as { version: string }).version;
}
