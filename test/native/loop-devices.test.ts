/** Real block devices, where the machine lets us make one (root, loop devices). */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Failure, KIB, MIB } from '../../lib/base/index.ts';
import { createEngine, FileDevice, promiseFace } from '../../lib/block/index.ts';

const SIZE_BYTES = 16 * MIB;

function attach(file: string, ...options: string[]): string | undefined {
  try {
    const args = ['--find', '--show', ...options, file];
    return execFileSync('losetup', args, { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  } catch {
    return undefined;
  }
}

describe('block devices', () => {
  let folder: string;
  let file: string;
  let path: string;

  before(function () {
    folder = mkdtempSync(join(tmpdir(), 'hawser-loop-'));
    file = join(folder, 'backing');
    writeFileSync(file, '');
    truncateSync(file, SIZE_BYTES);
    const attached = attach(file);
    if (attached === undefined) this.skip();
    path = attached;
  });
  after(() => {
    if (path !== undefined) execFileSync('losetup', ['--detach', path]);
    rmSync(folder, { recursive: true });
  });

  for (const kind of ['io_uring', 'threads'] as const) {
    it(`writes, unmaps, zeros and reads over ${kind}`, async () => {
      const engine = createEngine(kind);
      const device = await FileDevice.open({ path, engine });
      const io = promiseFace(device);
      expect(device.capacityBytes).to.equal(SIZE_BYTES);
      expect(device.features).to.include({ volatileWriteCache: true, thin: false });
      await io.write(0, Buffer.alloc(MIB, 0x55), { fua: true });
      await io.writeZeroes(64 * KIB, 64 * KIB);
      await io.writeZeroes(256 * KIB, 64 * KIB, { mayUnmap: true, fua: true });
      if (device.features.unmap) await io.unmap(512 * KIB, 64 * KIB);
      await io.flush();
      const into = Buffer.alloc(MIB);
      await io.read(0, into);
      const zeroAt = [64, 256, ...(device.features.unmapReadsZeroes ? [512] : [])];
      for (const at of zeroAt) {
        const part = into.subarray(at * KIB, (at + 64) * KIB);
        expect(
          part.every((byte) => byte === 0),
          `${at} KiB`,
        ).to.equal(true);
      }
      expect(into[320 * KIB]).to.equal(0x55);
      await device.close();
      engine.close();
    });
  }

  it('are opened by one only, and the other is told by whom', async () => {
    const device = await FileDevice.open({ path });
    let caught: unknown;
    await FileDevice.open({ path }).catch((error: unknown) => (caught = error));
    await device.close();
    expect(caught).to.be.instanceOf(Failure);
    expect((caught as Failure).kind).to.equal('inUse');
    expect((caught as Failure).message).to.contain(`process ${process.pid}`);
  });

  it('with blocks of 4096 bytes refuse to pass for 512', async function () {
    const large = attach(file, '--sector-size', '4096');
    if (large === undefined) return this.skip();
    try {
      let caught: unknown;
      await FileDevice.open({ path: large, blockSizeBytes: 512 }).catch((error: unknown) => {
        caught = error;
      });
      expect((caught as Failure).kind).to.equal('usage');
      expect((caught as Failure).message).to.contain('4096');
      const device = await FileDevice.open({ path: large });
      expect(device.blockSizeBytes).to.equal(4096);
      await device.close();
    } finally {
      execFileSync('losetup', ['--detach', large]);
    }
  });
});
