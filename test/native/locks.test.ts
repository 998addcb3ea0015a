import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Failure, MIB } from '../../lib/base/index.ts';
import { FileDevice } from '../../lib/block/index.ts';

const CHILD = fileURLToPath(new URL('./lock-child.js', import.meta.url));

async function refusalOf(opening: Promise<FileDevice>): Promise<Failure> {
  try {
    await (await opening).close();
  } catch (error) {
    expect(error).to.be.instanceOf(Failure);
    return error as Failure;
  }
  throw new Error('the disk was opened');
}

async function holdInChild(path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [CHILD, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

const end = (child: ChildProcess): Promise<unknown> => {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stdin!.end();
  return ended;
};

describe('the lock of a disk file', () => {
  let folder: string;
  let path: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'hawser-locks-'))));
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(async () => {
    path = join(folder, 'disk.img');
    await (await FileDevice.open({ path, sizeBytes: MIB })).close();
  });

  it('refuses a second process and names the one that holds it', async () => {
    const child = await holdInChild(path);
    const refusal = await refusalOf(FileDevice.open({ path }));
    await end(child);
    expect(refusal.kind).to.equal('inUse');
    expect(refusal.message).to.contain(path).and.to.contain(`process ${child.pid}`);
  });

  it('does not take one who only has the file open for the holder', async () => {
    const bystander = openSync(path, 'r');
    const child = await holdInChild(path);
    const refusal = await refusalOf(FileDevice.open({ path }));
    await end(child);
    closeSync(bystander);
    expect(refusal.message).to.contain(`process ${child.pid}`);
  });

  it('is gone with the process', async () => {
    const child = await holdInChild(path);
    const killed = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await killed;
    await (await FileDevice.open({ path })).close();
  });

  it('refuses a second open in the same process', async () => {
    const device = await FileDevice.open({ path });
    const refusal = await refusalOf(FileDevice.open({ path }));
    expect(refusal.kind).to.equal('inUse');
    await device.close();
    await (await FileDevice.open({ path })).close();
  });

  it('lets several read and keeps a writer out', async () => {
    const readers = [
      await FileDevice.open({ path, readOnly: true }),
      await FileDevice.open({ path, readOnly: true }),
    ];
    expect((await refusalOf(FileDevice.open({ path }))).kind).to.equal('inUse');
    for (const reader of readers) await reader.close();
  });
});
