import { expect } from 'chai';
import { ConfigFailure, parseTargetConfig } from '../../../config/index.ts';
import type { ConfigProblem } from '../../../config/index.ts';

const minimal = `iqn: iqn.2026-11.io.hawser:unit1
state: ./var
array:
  disks:
    - { memory: 64MiB }
`;

function problemsOf(text: string): readonly ConfigProblem[] {
  try {
    parseTargetConfig('/etc/hawser/target.yaml', text, {});
  } catch (error) {
    if (error instanceof ConfigFailure) return error.problems;
    throw error;
  }
  return [];
}

describe('disks in target.yaml', () => {
  it('refuses a disk that is file and memory, or neither', () => {
    const disks =
      'iqn: iqn.2026-11.x:t\nstate: v\narray:\n  disks:\n' +
      '    - { path: a, memory: 1GiB }\n    - {}\n';
    expect(problemsOf(disks).map(({ line, found }) => [line, found])).to.deep.equal([
      [5, 'both'],
      [6, 'neither'],
    ]);
  });

  it('refuses a mirror, which comes later, with its line', () => {
    const mirror = minimal.replace('array:', 'array:\n  layout: mirror');
    const [problem] = problemsOf(mirror);
    expect(problem).to.include({ line: 4, key: 'array.layout', expected: 'linear or stripe' });
  });

  it('refuses memory beside files: the array would be gone with the memory', () => {
    const disks =
      'iqn: iqn.2026-11.x:t\nstate: v\narray:\n  disks:\n' +
      '    - { path: a, size: 1GiB }\n    - { memory: 1GiB }\n';
    const [problem, ...more] = problemsOf(disks);
    expect(more).to.deep.equal([]);
    expect(problem).to.include({ line: 6, key: 'array.disks[1]', found: 'both' });
  });

  it('leaves the block size to the disks where it says none', () => {
    const text = `${minimal}partitions: { a: { size: 1MiB }, b: { size: 1MiB, blockSize: 4096 } }\n`;
    const { partitions } = parseTargetConfig('/t.yaml', text, {}).desired;
    expect(partitions.map(({ blockSizeBytes }) => blockSizeBytes)).to.deep.equal([null, 4096]);
  });
});
