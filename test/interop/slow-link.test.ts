import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { SeededRandom } from '../../lib/base/index.ts';
import { startFragmentProxy, tinySegments } from '../../scripts/tools/fragment-proxy.ts';
import type { FragmentProxy } from '../../scripts/tools/fragment-proxy.ts';
import { TargetService, UNIT_IQN } from './support/service.ts';
import { requireTools, succeed } from './support/tools.ts';

const IMAGE_BYTES = 256 * 1024;
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

describe(`a link with tiny and delayed segments (SEED=${seed})`, () => {
  let target: TargetService;
  let proxy: FragmentProxy;

  before(async () => {
    requireTools('qemu-io', 'iscsi-inq');
    target = await TargetService.start({
      partitions: { data1: { size: '1MiB', lun: 0, shared: 'cluster', hosts: { '*': 'rw' } } },
    });
    proxy = await startFragmentProxy({ ...tinySegments, targetPort: target.port, seed });
  });

  after(async () => {
    await proxy?.close();
    await target?.dispose();
  });

  it('carries data in and out unchanged', async () => {
    const image = join(target.folder, 'image');
    writeFileSync(image, new SeededRandom(seed).bytes(IMAGE_BYTES));
    const far = `iscsi://127.0.0.1:${proxy.port}/${UNIT_IQN}/0`;
    const range = ['-f', 'raw', '-c', `read -v 0 ${IMAGE_BYTES}`];
    await succeed('qemu-io', ['-f', 'raw', '-c', `write -s ${image} 0 ${IMAGE_BYTES}`, far]);
    const through = await succeed('qemu-io', [...range, far]);
    const direct = await succeed('qemu-io', [...range, target.url(0)]);
    const local = await succeed('qemu-io', [...range, image]);
    expect(hexDump(through)).to.equal(hexDump(local));
    expect(hexDump(direct)).to.equal(hexDump(local));
    expect(proxy.bytes).to.be.greaterThan(2 * IMAGE_BYTES);
  });

  it('carries the header digest', async () => {
    const far = `iscsi://127.0.0.1:${proxy.port}/${UNIT_IQN}/0?header_digest=crc32c`;
    await succeed('iscsi-inq', [far]);
  });
});

/** The bytes of a `read -v`, without the line that tells the time it took. */
const hexDump = (output: string): string =>
  output
    .split('\n')
    .filter((line) => /^[0-9a-f]{8}:/.test(line))
    .join('\n');
