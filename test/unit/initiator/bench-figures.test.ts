import { expect } from 'chai';
import { SeededRandom } from '../../../lib/base/index.ts';
import { addressPattern } from '../../../scripts/bench/address-pattern.ts';
import { reportOn } from '../../../scripts/bench/bench-report.ts';
import { LatencyHistogram } from '../../../scripts/bench/latency-histogram.ts';
import { ratioSpread, spreadOf } from '../../../scripts/bench/measurement.ts';
import type { Measurement } from '../../../scripts/bench/measurement.ts';
import { workloads } from '../../../scripts/bench/workloads.ts';

function run(contestant: string, round: number, iops: number, cpu = 10): Measurement {
  return {
    workload: 'r4k-q32',
    contestant,
    round,
    iops,
    mbPerSecond: 1,
    p50Us: 1,
    p99Us: 2,
    maxUs: 3,
    errors: 0,
    serverCpuUsPerOperation: cpu,
    clientCpuUsPerOperation: 1,
  };
}

describe('latency histogram', () => {
  it('finds percentiles of random latencies within four percent (seed 11)', () => {
    const random = new SeededRandom(11);
    const histogram = new LatencyHistogram();
    const values: number[] = [];
    for (let index = 0; index < 20_000; index++) {
      const latencyMs = 0.01 * Math.exp(random.next() * 10);
      values.push(latencyMs * 1000);
      histogram.add(latencyMs);
    }
    values.sort((left, right) => left - right);
    for (const fraction of [0.5, 0.9, 0.99]) {
      const exact = values[Math.ceil(values.length * fraction) - 1]!;
      expect(histogram.percentileUs(fraction) / exact).to.be.within(0.96, 1.04);
    }
    expect(histogram.percentileUs(1)).to.equal(values.at(-1));
  });

  it('says 0 before there was anything', () => {
    expect(new LatencyHistogram().percentileUs(0.5)).to.equal(0);
  });

  it('counts what is longer than its last bucket', () => {
    const histogram = new LatencyHistogram();
    histogram.add(200_000);
    expect([histogram.count, histogram.maxUs]).to.deep.equal([1, 200_000_000]);
  });
});

describe('address pattern', () => {
  const range = { firstLba: 80, transfers: 3, blocksPerTransfer: 8 };

  it('goes through its range in order, again and again', () => {
    const next = addressPattern(range, null);
    expect([next(), next(), next(), next()]).to.deep.equal([80, 88, 96, 80]);
  });

  it('stays in its range at random, on whole transfers', () => {
    const next = addressPattern(range, new SeededRandom(1));
    const seen = new Set(Array.from({ length: 100 }, next));
    expect([...seen].sort()).to.deep.equal([80, 88, 96]);
  });
});

describe('benchmark report', () => {
  it('takes the median of the ratios of each round, against the better rival', () => {
    const runs = [1, 2, 3].flatMap((round) => [
      run('subject', round, [200, 300, 100][round - 1]!),
      run('slow', round, 10),
      run('fast', round, 100),
    ]);
    const about = { subject: 'subject', rivals: ['slow', 'fast'] };
    const ratio = ratioSpread(runs, { ...about, figure: ({ iops }) => iops });
    expect(ratio).to.deep.equal({ median: 2, min: 1, max: 3 });
  });

  it('has a median between two', () => {
    expect(spreadOf([4, 1])).to.deep.equal({ median: 2.5, min: 1, max: 4 });
  });

  it('names the floors that were missed', () => {
    const workload = workloads.find(({ name }) => name === 'r4k-q32')!;
    const good = [run('hawser', 1, 200, 2), run('tgt-rdwr', 1, 100, 10)];
    expect(reportOn(workload, good).missed).to.deep.equal([]);
    const bad = [run('hawser', 1, 120, 5), run('tgt-rdwr', 1, 100, 10)];
    expect(reportOn(workload, bad).missed).to.have.length(2);
  });

  it('measures everything that the floors are about', () => {
    const floors = Object.fromEntries(workloads.map((it) => [it.name, it.ratioFloor]));
    expect(floors).to.include({ 'r4k-q1': 1, 'r4k-q32': 1.5, 'r4k-4x32': 1.8, 'w4k-q32': 1.3 });
    expect(floors).to.include({ 'r1m-q8': 1.1, 'w1m-q8': 1, 'null-q32': 4 });
  });
});
