import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Failure, GIB, KIB, MIB, TIB } from '../../../lib/base/index.ts';
import { FileDevice, promiseFace } from '../../../lib/block/index.ts';
import type { FileDeviceOptions } from '../../../lib/block/index.ts';

async function refusalOf(options: FileDeviceOptions): Promise<Failure> {
  try {
    await (await FileDevice.open(options)).close();
  } catch (error) {
    expect(error).to.be.instanceOf(Failure);
    return error as Failure;
  }
  throw new Error('the disk was opened');
}

describe('opening a disk file', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hawser-open-'));
    path = join(folder, 'disk.img');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('makes an absent one with all its storage', async () => {
    const device = await FileDevice.open({ path, sizeBytes: 8 * MIB });
    expect(device.capacityBytes).to.equal(8 * MIB);
    expect(device.features.thin).to.equal(false);
    expect(statSync(path).blocks * 512).to.be.at.least(8 * MIB);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    await device.close();
  });

  it('makes a sparse one without storage', async () => {
    const device = await FileDevice.open({ path, sizeBytes: GIB, sparse: true });
    expect(device.features.thin).to.equal(true);
    expect(statSync(path).blocks * 512).to.be.below(MIB);
    await device.close();
    const again = await FileDevice.open({ path });
    expect(again.features.thin).to.equal(true);
    await again.close();
  });

  it('keeps an existing one as it is', async () => {
    writeFileSync(path, Buffer.alloc(64 * KIB + 100, 0x44));
    const device = await FileDevice.open({ path, sizeBytes: 8 * MIB });
    expect(device.capacityBytes).to.equal(64 * KIB);
    const into = Buffer.alloc(64 * KIB);
    await promiseFace(device).read(0, into);
    expect(into.every((byte) => byte === 0x44)).to.equal(true);
    await device.close();
  });

  it('starts over with one that was left unfinished', async () => {
    writeFileSync(`${path}.unfinished`, Buffer.alloc(16 * MIB, 0x44));
    const device = await FileDevice.open({ path, sizeBytes: MIB });
    const into = Buffer.alloc(MIB, 1);
    await promiseFace(device).read(0, into);
    expect(into.every((byte) => byte === 0)).to.equal(true);
    expect(existsSync(`${path}.unfinished`)).to.equal(false);
    await device.close();
  });

  it('leaves nothing behind where there is no space', async () => {
    const refusal = await refusalOf({ path, sizeBytes: 8 * TIB });
    expect(refusal.message)
      .to.contain(path)
      .and.to.match(/space|larger/);
    expect(existsSync(path) || existsSync(`${path}.unfinished`)).to.equal(false);
  });

  it('gives storage back on unmap of a sparse one, and keeps it on unmap of a full one', async () => {
    for (const sparse of [true, false]) {
      const file = `${path}.${sparse}`;
      const device = await FileDevice.open({ path: file, sizeBytes: 4 * MIB, sparse });
      const io = promiseFace(device);
      await io.write(0, Buffer.alloc(4 * MIB, 1));
      await io.unmap(0, 4 * MIB, { fua: true });
      const allocated = statSync(file).blocks * 512;
      if (sparse) expect(allocated).to.be.below(MIB);
      else expect(allocated).to.be.at.least(4 * MIB);
      await device.close();
    }
  });

  it('refuses writes to one opened read-only', async () => {
    await (await FileDevice.open({ path, sizeBytes: MIB })).close();
    const device = await FileDevice.open({ path, readOnly: true });
    expect(device.features).to.include({ readOnly: true, unmap: false });
    let caught = '';
    await promiseFace(device)
      .write(0, Buffer.alloc(512))
      .catch((error: unknown) => (caught = String(error)));
    expect(caught).to.contain('readOnly');
    await promiseFace(device).flush();
    await device.close();
  });

  it('names the path and what to do where there is nothing', async () => {
    const refusal = await refusalOf({ path });
    expect(refusal.kind).to.equal('notFound');
    expect(refusal.message).to.contain(path).and.to.contain('give a size');
  });

  it('refuses a directory and an odd device', async () => {
    mkdirSync(path);
    expect((await refusalOf({ path })).kind).to.equal('usage');
    expect((await refusalOf({ path: '/dev/null' })).kind).to.equal('usage');
  });
});
