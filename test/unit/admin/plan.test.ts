import { expect } from 'chai';
import { desiredDigest, isApplied, makePlan, planLine } from '../../../lib/admin/index.ts';
import type {
  CurrentState,
  DesiredHost,
  DesiredPartition,
  StoredHost,
} from '../../../lib/admin/index.ts';
import { GIB } from '../../../lib/base/index.ts';

const host = (name: string, change: Partial<DesiredHost> = {}): DesiredHost => ({
  name,
  iqn: `iqn.2026-11.x:${name}`,
  chap: null,
  mutual: null,
  ...change,
});

const partition = (name: string, change: Partial<DesiredPartition> = {}): DesiredPartition => ({
  name,
  sizeBytes: GIB,
  lun: null,
  blockSizeBytes: 512,
  shared: false,
  hosts: {},
  ...change,
});

const current = (
  hosts: readonly DesiredHost[],
  partitions: readonly DesiredPartition[],
): CurrentState => ({
  hosts: hosts as StoredHost[],
  partitions: partitions.map((one, index) => ({
    ...one,
    lun: one.lun ?? index,
    blockSizeBytes: one.blockSizeBytes ?? 512,
  })),
});

const stepsOf = (
  wanted: { hosts?: DesiredHost[]; partitions?: DesiredPartition[] },
  now: CurrentState,
  prune = false,
): string[] => {
  const desired = { hosts: wanted.hosts ?? [], partitions: wanted.partitions ?? [] };
  const { steps, conflicts } = makePlan(desired, now, prune);
  expect(conflicts).to.deep.equal([]);
  return steps.map((step) => {
    const { action, kind, name } = planLine(step);
    return `${action} ${kind} ${name}`;
  });
};

const conflictsOf = (
  wanted: { hosts?: DesiredHost[]; partitions?: DesiredPartition[] },
  now: CurrentState,
  prune = false,
): readonly string[] =>
  makePlan({ hosts: wanted.hosts ?? [], partitions: wanted.partitions ?? [] }, now, prune)
    .conflicts;

describe('a plan', () => {
  const nothing = current([], []);

  it('is empty where everything is as wanted', () => {
    const wanted = { hosts: [host('a')], partitions: [partition('p', { hosts: { a: 'rw' } })] };
    expect(stepsOf(wanted, current(wanted.hosts, wanted.partitions))).to.deep.equal([]);
  });

  it('makes hosts before partitions and partitions before assignments', () => {
    const wanted = { hosts: [host('a')], partitions: [partition('p', { hosts: { a: 'rw' } })] };
    expect(stepsOf(wanted, nothing)).to.deep.equal([
      'create host a',
      'create partition p',
      'create assignment p/a',
    ]);
  });

  it('takes access before it gives access', () => {
    const now = current([host('a'), host('b')], [partition('p', { hosts: { a: 'rw' } })]);
    const wanted = {
      hosts: [host('a'), host('b')],
      partitions: [partition('p', { hosts: { b: 'rw' } })],
    };
    expect(stepsOf(wanted, now)).to.deep.equal(['delete assignment p/a', 'create assignment p/b']);
  });

  it('lessens rights before it widens others, so that there are never two writers', () => {
    const now = current([host('a'), host('b')], [partition('p', { hosts: { a: 'rw', b: 'ro' } })]);
    const wanted = {
      hosts: [host('a'), host('b')],
      partitions: [partition('p', { hosts: { b: 'rw', a: 'ro' } })],
    };
    expect(stepsOf(wanted, now)).to.deep.equal(['update assignment p/a', 'update assignment p/b']);
  });

  it('grows what is smaller and keeps what is larger', () => {
    const now = current([], [partition('p'), partition('q', { sizeBytes: 3 * GIB })]);
    const wanted = {
      partitions: [partition('p', { sizeBytes: 2 * GIB }), partition('q', { sizeBytes: 2 * GIB })],
    };
    expect(stepsOf(wanted, now)).to.deep.equal(['update partition p', 'keep partition q']);
  });

  it('keeps what is not in the file unless it prunes', () => {
    const now = current([host('a')], [partition('p', { hosts: { a: 'rw' } })]);
    expect(stepsOf({}, now)).to.deep.equal(['keep host a', 'keep partition p']);
    expect(stepsOf({}, now, true)).to.deep.equal([
      'delete assignment p/a',
      'delete partition p',
      'delete host a',
    ]);
  });

  it('keeps a secret that the file leaves out', () => {
    const stored = host('a', { chap: { user: 'u', secret: '123456789012' } });
    const wanted = { hosts: [host('a', { chap: { user: 'u', secret: null } })] };
    expect(stepsOf(wanted, current([stored], []))).to.deep.equal([]);
  });

  it('never shows a secret', () => {
    const stored = host('a', { chap: { user: 'u', secret: 'old-secret-123' } });
    const wanted = host('a', { chap: { user: 'u', secret: 'new-secret-123' } });
    const { steps } = makePlan({ hosts: [wanted], partitions: [] }, current([stored], []), false);
    const text = JSON.stringify(steps.map(planLine));
    expect(text).to.contain('changed').and.not.contain('secret-123');
  });

  const refused: [string, string, readonly string[]][] = [
    [
      'another block size',
      'block size',
      conflictsOf(
        { partitions: [partition('p', { blockSizeBytes: 4096 })] },
        current([], [partition('p')]),
      ),
    ],
    [
      'another LUN',
      "its LUN is 0 and can't become 5",
      conflictsOf({ partitions: [partition('p', { lun: 5 })] }, current([], [partition('p')])),
    ],
    [
      'a LUN that another partition has',
      'belongs to partition q',
      conflictsOf({ partitions: [partition('p', { lun: 0 })] }, current([], [partition('q')])),
    ],
    [
      'an initiator name that another host has',
      'belongs to host b',
      conflictsOf({ hosts: [host('a', { iqn: 'iqn.2026-11.x:b' })] }, current([host('b')], [])),
    ],
    [
      'a host without any secret to keep',
      'no secret',
      conflictsOf({ hosts: [host('a', { chap: { user: 'u', secret: null } })] }, nothing),
    ],
    [
      'a host nobody knows',
      'not known',
      conflictsOf({ partitions: [partition('p', { hosts: { x: 'ro' } })] }, nothing),
    ],
    [
      'two writers of an ordinary file system',
      'destroy',
      conflictsOf({ partitions: [partition('p', { hosts: { '*': 'rw' } })] }, nothing),
    ],
    [
      'one name twice',
      'partition p stands twice',
      conflictsOf({ partitions: [partition('p'), partition('p')] }, nothing),
    ],
  ];
  for (const [what, words, conflicts] of refused) {
    it(`refuses ${what}`, () => {
      expect(conflicts.join()).to.contain(words);
    });
  }

  it('may give a LUN on where the partition that had it is pruned', () => {
    const wanted = { partitions: [partition('p', { lun: 0 })] };
    expect(stepsOf(wanted, current([], [partition('q')]), true)).to.deep.equal([
      'delete partition q',
      'create partition p',
    ]);
  });
});

describe('whether a file has been applied', () => {
  const digest = (size: number): string =>
    desiredDigest({ hosts: [], partitions: [partition('p', { sizeBytes: size })] });
  const [a, b] = [digest(GIB), digest(2 * GIB)];

  const cases: [string, Parameters<typeof isApplied>[0], string, boolean][] = [
    ['nothing was', { service: null, latest: null, arrayUuid: null }, a, false],
    ['the service applied it', { service: a, latest: a, arrayUuid: 'x' }, a, true],
    ['another file was applied since', { service: a, latest: b, arrayUuid: 'x' }, a, true],
    ['`hawser apply` applied it', { service: a, latest: b, arrayUuid: 'x' }, b, true],
    ['it went back to an older content', { service: b, latest: b, arrayUuid: 'x' }, a, false],
    ['the array is another one', { service: a, latest: a, arrayUuid: 'y' }, a, false],
  ];
  for (const [name, applied, content, expected] of cases) {
    it(`is ${expected} where ${name}`, () => {
      expect(isApplied(applied, content, 'x')).to.equal(expected);
    });
  }

  it('does not depend on the order of keys', () => {
    const hosts = { b: 'ro', a: 'rw' } as const;
    const other = { a: 'rw', b: 'ro' } as const;
    expect(desiredDigest({ hosts: [], partitions: [partition('p', { hosts })] })).to.equal(
      desiredDigest({ hosts: [], partitions: [partition('p', { hosts: other })] }),
    );
  });
});
