// Compiles the addon with the headers of the node that runs, without a download. npm's `install` script.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const prefix = dirname(dirname(process.execPath));

function fail(...lines) {
  for (const line of lines) console.error(`native/build.mjs: ${line}`);
  process.exit(1);
}

/** node-gyp as npm hands it to scripts, or as it lies in npm's own tree beside this node. */
function findNodeGyp() {
  const inTree = 'node_modules/npm/node_modules/node-gyp/bin/node-gyp.js';
  const npmCli = process.env.npm_execpath;
  const candidates = [
    process.env.npm_config_node_gyp,
    npmCli && resolve(dirname(npmCli), '../node_modules/node-gyp/bin/node-gyp.js'),
    join(prefix, 'lib', inTree),
    join(prefix, 'share/nodejs/node-gyp/bin/node-gyp.js'),
  ];
  return candidates.find((path) => path && existsSync(path));
}

function headersDirectory() {
  if (process.env.npm_config_nodedir) return process.env.npm_config_nodedir;
  return existsSync(join(prefix, 'include/node/node_version.h')) ? prefix : undefined;
}

function requireTool(name, debianPackage) {
  // CXX may hold arguments too
  const [program] = name.split(' ');
  if (spawnSync(program, ['--version'], { stdio: 'ignore' }).error) {
    fail(
      `${name} not found: it compiles the addon.`,
      `On Debian: apt-get install ${debianPackage}`,
    );
  }
}

requireTool(process.env.CXX ?? 'g++', 'g++');
requireTool(process.env.MAKE ?? 'make', 'make');
requireTool(process.env.npm_config_python ?? process.env.PYTHON ?? 'python3', 'python3');
const nodeGyp = findNodeGyp();
if (nodeGyp === undefined) {
  fail(
    'node-gyp not found in npm.',
    'Run this through npm (npm ci), or set npm_config_node_gyp to its node-gyp.js.',
  );
}

const args = [nodeGyp, 'rebuild', '--release'];
const nodedir = headersDirectory();
if (nodedir !== undefined) args.push(`--nodedir=${nodedir}`);
else
  console.error(
    `native/build.mjs: no headers under ${prefix}/include/node; node-gyp will look for them itself.`,
  );

// node-gyp wants a home for its cache even where it caches nothing
const scratch = mkdtempSync(join(tmpdir(), 'hawser-build-'));
const env = {
  ...process.env,
  npm_config_devdir: process.env.npm_config_devdir ?? join(scratch, 'gyp'),
};
if (!env.HOME) env.HOME = scratch;
const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env });
rmSync(scratch, { recursive: true, force: true });
if (result.status !== 0) {
  fail(
    'the addon did not compile.',
    nodedir === undefined
      ? `The headers of node ${process.version} are missing: install them under ${prefix}/include/node or set npm_config_nodedir.`
      : 'The compiler says why above.',
  );
}
