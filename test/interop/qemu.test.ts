import { createHash } from 'node:crypto';
import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect } from 'chai';
import { SeededRandom } from '../../lib/base/index.ts';
import { TargetService } from './support/service.ts';
import { requireTools, succeed } from './support/tools.ts';

const IMAGE_BYTES = 96 * 1024 * 1024;

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

const anyHost = { shared: 'cluster', hosts: { '*': 'rw' } };

/**
 * Two disks for any host on striped files: one of exactly the image's size, one with large blocks.
 */
const config = {
  array: {
    layout: 'stripe',
    disks: [0, 1].map((index) => ({ path: `./disk${index}.img`, size: '256MiB' })),
  },
  partitions: {
    image: { size: '96MiB', lun: 0, ...anyHost },
    large: { size: '64MiB', lun: 1, blockSize: 4096, ...anyHost },
  },
};

describe('QEMU', () => {
  let target: TargetService;
  const file = (name: string): string => join(target.folder, name);

  before(async () => {
    requireTools('qemu-img', 'qemu-io', 'mkfs.ext4', 'e2fsck', 'debugfs');
    target = await TargetService.start(config);
  });

  after(() => target?.dispose());

  it('carries an ext4 image in and out unchanged', async () => {
    const content = new SeededRandom(1).bytes(8 * 1024 * 1024);
    writeFileSync(file('content'), content);
    writeFileSync(file('in.img'), '');
    await succeed('mkfs.ext4', ['-q', '-F', file('in.img'), `${IMAGE_BYTES / 1024}`]);
    await succeed('debugfs', ['-w', '-R', `write ${file('content')} content`, file('in.img')]);
    const url = target.url(0);
    await succeed('qemu-img', ['convert', '-n', '-O', 'raw', '-f', 'raw', file('in.img'), url]);
    await succeed('qemu-img', ['convert', '-O', 'raw', '-f', 'raw', url, file('out.img')]);
    expect(await sha256(file('out.img'))).to.equal(await sha256(file('in.img')));
    await succeed('e2fsck', ['-fn', file('out.img')]);
    await succeed('debugfs', ['-R', `dump content ${file('content.out')}`, file('out.img')]);
    expect(await sha256(file('content.out'))).to.equal(await sha256(file('content')));
  });

  it('finds the image again after a restart of the server', async () => {
    expect(await target.stop()).to.equal(0);
    await target.launch();
    await succeed('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', file('in.img'), target.url(0)]);
  });

  it('finds the size of both disks', async () => {
    const info = async (lun: number): Promise<number> => {
      const json = await succeed('qemu-img', ['info', '--output=json', target.url(lun)]);
      return (JSON.parse(json) as { 'virtual-size': number })['virtual-size'];
    };
    expect(await info(0)).to.equal(IMAGE_BYTES);
    expect(await info(1)).to.equal(64 * 1024 * 1024);
  });

  for (const lun of [0, 1])
    it(`qemu-io writes, reads, zeroes and discards on LUN ${lun}`, async () => {
      const commands = [
        'write -P 0xa5 0 1M',
        'write -f -P 0x5a 1M 64k',
        'aio_write -P 0x77 2M 2M',
        'aio_flush',
        'flush',
        'read -P 0xa5 0 1M',
        'read -P 0x5a 1M 64k',
        'read -P 0x77 2M 2M',
        'write -z 512k 256k',
        'read -P 0xa5 0 512k',
        'read -P 0 512k 256k',
        'read -P 0xa5 768k 256k',
        'discard 2M 1M',
        'read -P 0x77 3M 1M',
      ];
      const output = await succeed('qemu-io', [
        '-f',
        'raw',
        ...commands.flatMap((command) => ['-c', command]),
        target.url(lun),
      ]);
      expect(output).to.not.match(/fail|error/i);
      expect(output.match(/^(read|wrote|discard) /gm) ?? []).to.have.length(12);
    });

  it('qemu-img bench keeps 32 requests in flight', async () => {
    const args = ['bench', '-f', 'raw', '-c', '2000', '-d', '32', '-s', '4096', target.url(0)];
    expect(await succeed('qemu-img', args)).to.match(/Run completed in/);
  });
});
