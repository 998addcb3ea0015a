import { expect } from 'chai';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB } from '../../../lib/base/index.ts';
import { fileDisk, LiveServer } from './live-server.ts';
import type { LiveOptions } from './live-server.ts';
import type { Layout } from '../../../lib/partition/index.ts';

const SIZE = 32 * MIB;

describe('a server that has had an array', () => {
  let directory: string;
  let live: LiveServer | null;
  let paths: string[];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hawser-known-'));
    paths = ['a.img', 'b.img'].map((name) => join(directory, name));
    live = null;
  });

  afterEach(async () => {
    await live?.end();
    rmSync(directory, { recursive: true });
  });

  const options = (disks: readonly string[], layout: Layout): LiveOptions => ({
    directory,
    settings: { layout, disks: disks.map((path) => fileDisk(path, SIZE)) },
  });

  async function start(disks = paths, layout: Layout = 'stripe'): Promise<LiveServer> {
    await live?.end();
    live = null;
    return (live = await LiveServer.start(options(disks, layout)));
  }

  async function makeAndEnd(layout: Layout = 'stripe'): Promise<string> {
    const { server } = await start(paths, layout);
    const { uuid } = server.array();
    await live!.end();
    live = null;
    return uuid!;
  }

  it('makes no new one on blank disks in its place', async () => {
    const uuid = await makeAndEnd();
    for (const path of paths) writeFileSync(path, Buffer.alloc(SIZE));
    const { server } = await start();
    expect(server.status().serving).to.equal(false);
    expect(server.array().detail).to.contain(uuid).and.contain('another state directory');
    for (const path of paths) expect(readFileSync(path).equals(Buffer.alloc(SIZE))).to.equal(true);
  });

  it('makes no new file in place of a disk that is away', async () => {
    await makeAndEnd();
    renameSync(paths[1]!, `${paths[1]!}.away`);
    const { server } = await start();
    expect(server.array().detail).to.contain(`${paths[1]!} is not there`);
    expect(existsSync(paths[1]!)).to.equal(false);
  });

  it('makes no new file either where the configuration names a stripe disk elsewhere', async () => {
    await makeAndEnd();
    const mistaken = join(directory, 'elsewhere.img');
    const { server } = await start([paths[0]!, mistaken]);
    expect(server.array().detail).to.contain(`${mistaken} is not there`);
    expect(existsSync(mistaken)).to.equal(false);
  });

  it('takes a new file into a linear array', async () => {
    const uuid = await makeAndEnd('linear');
    const { server } = await start([...paths, join(directory, 'c.img')], 'linear');
    expect(server.array()).to.include({ state: 'online', uuid });
    expect(server.array().members).to.have.length(3);
  });

  it('finds its disks under other paths', async () => {
    const uuid = await makeAndEnd();
    const moved = paths.map((path) => path.replace('.img', '.disk'));
    for (const [index, path] of paths.entries()) renameSync(path, moved[index]!);
    expect((await start(moved)).server.array()).to.include({ state: 'online', uuid });
  });
});
