import { expect } from 'chai';
import { TargetService, UNIT_IQN } from './support/service.ts';
import { requireTools, run, succeed } from './support/tools.ts';

const WEB1 = 'iqn.1993-08.org.debian:01:web1';
const WEB2 = 'iqn.1993-08.org.debian:01:web2';
const OPEN = 'iqn.1993-08.org.debian:01:open';
const SECRET = 'a-long-web1-secret';
const MUTUAL_SECRET = 'another-unit1-secret';

const config = {
  hosts: {
    web1: {
      iqn: WEB1,
      chap: { user: 'web1', secretFile: 'web1.secret' },
      mutual: { user: 'unit1', secretFile: 'unit1.secret' },
    },
    web2: { iqn: WEB2, chap: { user: 'web2', secretFile: 'web2.secret' } },
    open: { iqn: OPEN },
  },
  partitions: {
    data1: { size: '64MiB', lun: 0, hosts: { web1: 'rw' } },
    media: { size: '32MiB', lun: 1, blockSize: 4096, hosts: { web1: 'ro', open: 'rw' } },
  },
};
const files = {
  'web1.secret': SECRET,
  'web2.secret': 'the-secret-of-web2',
  'unit1.secret': MUTUAL_SECRET,
};

describe('libiscsi', () => {
  let target: TargetService;
  const web1 = (lun: number): string => target.url(lun, `web1%${SECRET}`);

  before(async () => {
    requireTools('iscsi-inq', 'iscsi-ls', 'iscsi-perf', 'iscsi-readcapacity16', 'iscsi-swp');
    target = await TargetService.start(config, files);
  });

  after(() => target?.dispose());

  it('iscsi-inq reads the standard data', async () => {
    const output = await succeed('iscsi-inq', ['-i', WEB1, web1(0)]);
    expect(output).to.match(/Peripheral Device Type:DIRECT_ACCESS/);
    expect(output).to.match(/Vendor:HAWSER/i);
  });

  for (const page of [0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2])
    it(`iscsi-inq reads VPD page ${page.toString(16).padStart(2, '0')}h`, async () => {
      await succeed('iscsi-inq', ['-i', WEB1, '-e', '1', '-c', String(page), web1(0)]);
    });

  it('iscsi-ls finds the target and the disks of this host', async () => {
    const portal = `iscsi://web1%${SECRET}@${target.portal}`;
    const output = await succeed('iscsi-ls', ['-i', WEB1, '-s', portal]);
    expect(output).to.include(`Target:${UNIT_IQN} Portal:${target.portal},1`);
    expect(output.match(/^Lun:\d+/gm)).to.deep.equal(['Lun:0', 'Lun:1']);
  });

  it('iscsi-ls of another host finds only its own', async () => {
    const output = await succeed('iscsi-ls', ['-i', OPEN, '-s', `iscsi://${target.portal}`]);
    expect(output.match(/^Lun:\d+/gm)).to.deep.equal(['Lun:1']);
  });

  it('iscsi-readcapacity16 tells the size', async () => {
    const output = await succeed('iscsi-readcapacity16', ['-i', WEB1, '-s', web1(0)]);
    expect(output.trim()).to.equal(String(64 * 1024 * 1024));
  });

  it('iscsi-readcapacity16 tells the block size', async () => {
    const output = await succeed('iscsi-readcapacity16', ['-i', WEB1, web1(1)]);
    expect(output).to.match(/BLOCK LENGTH IN BYTES:4096/);
  });

  it('iscsi-swp turns software write protection on and off', async () => {
    const swp = (...args: string[]): Promise<string> =>
      succeed('iscsi-swp', ['-i', OPEN, ...args, target.url(1)]);
    await swp('-s', 'on');
    expect(await swp()).to.match(/SWP:1/);
    await swp('-s', 'off');
    expect(await swp()).to.match(/SWP:0/);
  });

  it('iscsi-perf reads at random', async () => {
    const args = ['-i', WEB1, '-m', '32', '-b', '8', '-t', '2', '-r', web1(0)];
    expect(await succeed('iscsi-perf', args)).to.match(/iops average [1-9]/);
  });

  for (const digest of ['crc32c', 'none'])
    it(`reads with header digest ${digest}`, async () => {
      const url = `${web1(0)}?header_digest=${digest}`;
      await succeed('iscsi-inq', ['-i', WEB1, url]);
    });

  describe('CHAP', () => {
    const login = (initiator: string, url: string, env: Record<string, string> = {}) =>
      run('iscsi-inq', ['-i', initiator, url], { env });

    it('lets the right secret in', async () => {
      expect((await login(WEB1, web1(0))).code).to.equal(0);
    });

    const refusals: readonly [string, string, string][] = [
      ['a wrong secret', WEB1, 'web1%not-the-secret-at-all'],
      ['an unknown user', WEB1, `nobody%${SECRET}`],
      ['no credentials', WEB1, ''],
      ['the credentials of another host', WEB1, `web2%${files['web2.secret']}`],
      ['an initiator name that is not listed', 'iqn.1993-08.org.debian:01:stranger', ''],
    ];
    for (const [what, initiator, credentials] of refusals)
      it(`refuses ${what}`, async () => {
        expect((await login(initiator, target.url(0, credentials))).code).to.not.equal(0);
      });

    const mutual = (user: string, secret: string): string =>
      `${web1(0)}?target_user=${user}&target_password=${secret}`;

    it('proves itself to a host that asks', async () => {
      expect((await login(WEB1, mutual('unit1', MUTUAL_SECRET))).code).to.equal(0);
    });

    it('does not pass for a target with another secret', async () => {
      expect((await login(WEB1, mutual('unit1', 'something-else-entirely'))).code).to.not.equal(0);
    });

    it('does not pass for a target with another name', async () => {
      expect((await login(WEB1, mutual('other', MUTUAL_SECRET))).code).to.not.equal(0);
    });
  });

  it('never shows a secret in the log', () => {
    for (const secret of Object.values(files)) expect(target.log()).to.not.include(secret);
  });
});
