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

/**
 * Suites run side by side, each on a disk and with two initiators of its own: resets end all
 * sessions of their sender.
 */
const disks = {
  writable: { lun: 0, blockSize: 512, right: 'rw' },
  large: { lun: 1, blockSize: 4096, right: 'rw' },
  protected: { lun: 2, blockSize: 512, right: 'ro' },
  reset: { lun: 3, blockSize: 512, right: 'rw' },
} as const;
type Disk = keyof typeof disks;

const initiators = (disk: Disk): string[] =>
  ['first', 'second'].map((which) => `iqn.2026-11.test:${disk}-${which}`);
const hostNames = (disk: Disk): string[] => [`${disk}-first`, `${disk}-second`];

function configuration(): Record<string, object> {
  const hosts: Record<string, object> = {};
  const partitions: Record<string, object> = {};
  for (const disk of Object.keys(disks) as Disk[]) {
    const { lun, blockSize, right } = disks[disk];
    const names = hostNames(disk);
    names.forEach((name, index) => (hosts[name] = { iqn: initiators(disk)[index] }));
    const assigned = Object.fromEntries(names.map((name) => [name, right]));
    partitions[disk] = { size: '112MiB', lun, blockSize, shared: 'cluster', hosts: assigned };
  }
  // the tool sleeps for a minute, and answers no NOP-In meanwhile
  return { hosts, partitions, limits: { nopInterval: '60s', nopTimeout: '60s' } };
}

async function runTests(service: TargetService, disk: Disk, tests: string): Promise<TestReport> {
  const [first, second] = initiators(disk);
  const url = service.url(disks[disk].lun);
  const names = ['-i', first!, '-I', second!];
  const args = [...names, '-d', '-S', '-t', tests, url, url];
  const { stdout, stderr } = await run('iscsi-test-cu', args, { limitMs: SUITE_LIMIT_MS });
  const report = parseTestReport(stdout);
  if (report.summary.ran < 0) throw new Error(`iscsi-test-cu ended early\n${stdout}\n${stderr}`);
  return report;
}

describe('iscsi-test-cu of libiscsi', function () {
  let service: TargetService;
  let reports: Readonly<Record<Disk, TestReport>>;

  before('runs the whole suite on two disks, and single tests on two others', async () => {
    requireTools('iscsi-test-cu');
    service = await TargetService.start(configuration());
    const [writable, large, readOnly, reset] = await Promise.all([
      runTests(service, 'writable', 'ALL'),
      runTests(service, 'large', 'ALL'),
      runTests(service, 'protected', 'ALL.ReadOnly'),
      runTests(service, 'reset', 'ALL.Sanitize.Reset'),
    ]);
    reports = { writable: writable!, large: large!, protected: readOnly!, reset: reset! };
  });

  after(() => service?.dispose());

  const suites = [
    { disk: 'writable', known: knownFailures, skips: expectedSkips },
    {
      disk: 'large',
      known: knownFailuresOnLargeBlocks,
      skips: [...expectedSkips, ...expectedSkipsOnLargeBlocks],
    },
  ] as const;
  for (const { disk, known, skips } of suites)
    describe(`on a disk with blocks of ${disks[disk].blockSize} bytes`, () => {
      it('runs every test', () => {
        expect(reports[disk].summary.ran).to.equal(TESTS_IN_ALL);
        expect(reports[disk].ran).to.have.length(TESTS_IN_ALL);
      });

      it('fails in none but those known to contradict a standard', () => {
        const names = known.map(({ test }) => test);
        const unexpected = reports[disk].failed.filter(({ test }) => !names.includes(test));
        expect(unexpected.map(({ detail }) => detail.slice(0, 2_000)).join('\n')).to.equal('');
      });

      it('skips none but those without an object', () => {
        expect([...reports[disk].skipped].sort()).to.deep.equal([...skips].sort());
      });

      it('fails in all that are listed as known', () => {
        const failed = reports[disk].failed.map(({ test }) => test);
        expect(known.filter(({ test }) => !failed.includes(test))).to.deep.equal([]);
      });
    });

  const alone = [
    ['its read-only test on a read-only partition', 'protected'],
    ['its test of a sanitize operation under resets where nothing holds a reservation', 'reset'],
  ] as const;
  for (const [what, disk] of alone)
    it(`passes ${what}, without skipping`, () => {
      expect(reports[disk]).to.deep.include({ failed: [], skipped: [] });
      expect(reports[disk].summary.ran).to.equal(1);
    });
});
