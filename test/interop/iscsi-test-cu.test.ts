import { expect } from 'chai';
import {
  expectedSkips,
  expectedSkipsOnLargeBlocks,
  knownFailures,
  knownFailuresOnLargeBlocks,
} from './known-failures.ts';
import { parseTestReport } from './support/iscsi-test-report.ts';
import type { TestReport } from './support/iscsi-test-report.ts';
import { TargetService } from './support/service.ts';
import { requireTools, run } from './support/tools.ts';

const TESTS_IN_ALL = 230;
const SUITE_LIMIT_MS = 400_000;
const INITIATORS = [
  'iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test',
  'iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test-2',
];

const hosts = Object.fromEntries(INITIATORS.map((iqn, index) => [`tester${index + 1}`, { iqn }]));
const everyone = (right: 'rw' | 'ro') =>
  Object.fromEntries(Object.keys(hosts).map((name) => [name, right]));

async function runSuite(args: readonly string[]): Promise<TestReport> {
  const { stdout, stderr } = await run('iscsi-test-cu', args, { limitMs: SUITE_LIMIT_MS });
  const report = parseTestReport(stdout);
  if (report.summary.ran < 0) throw new Error(`iscsi-test-cu ended early\n${stdout}\n${stderr}`);
  return report;
}

const partition = (lun: number, right: 'rw' | 'ro', blockSize = 512) => ({
  size: '128MiB',
  lun,
  blockSize,
  shared: 'cluster',
  hosts: everyone(right),
});

describe('iscsi-test-cu of libiscsi', function () {
  let service: TargetService;

  before('starts a storage server', async () => {
    requireTools('iscsi-test-cu');
    service = await TargetService.start({
      hosts,
      partitions: {
        writable: partition(0, 'rw'),
        large: partition(1, 'rw', 4096),
        protected: partition(2, 'ro'),
      },
    });
  });

  after(() => service?.dispose());

  const disks = [
    { what: 'blocks of 512 bytes', lun: 0, known: knownFailures, skips: expectedSkips },
    {
      what: 'blocks of 4096 bytes',
      lun: 1,
      known: knownFailuresOnLargeBlocks,
      skips: [...expectedSkips, ...expectedSkipsOnLargeBlocks],
    },
  ];
  for (const { what, lun, known, skips } of disks)
    describe(`on a disk with ${what}`, () => {
      let report: TestReport;

      before('runs the whole suite', async () => {
        const url = service.url(lun);
        report = await runSuite(['-d', '-S', '-t', 'ALL', url, url]);
      });

      it('runs every test', () => {
        expect(report.summary.ran).to.equal(TESTS_IN_ALL);
        expect(report.ran).to.have.length(TESTS_IN_ALL);
      });

      it('fails in none but those known to contradict a standard', () => {
        const names = known.map(({ test }) => test);
        const unexpected = report.failed.filter(({ test }) => !names.includes(test));
        expect(unexpected.map(({ detail }) => detail.slice(0, 2_000)).join('\n')).to.equal('');
      });

      it('skips none but those without an object', () => {
        expect([...report.skipped].sort()).to.deep.equal([...skips].sort());
      });

      it('fails in all that are listed as known', () => {
        const failed = report.failed.map(({ test }) => test);
        expect(known.filter(({ test }) => !failed.includes(test))).to.deep.equal([]);
      });
    });

  it('passes its read-only test, without skipping, on a read-only partition', async () => {
    const report = await runSuite(['-d', '-t', 'ALL.ReadOnly', service.url(2)]);
    expect(report).to.deep.include({ failed: [], skipped: [] });
    expect(report.summary.ran).to.equal(1);
  });
});
