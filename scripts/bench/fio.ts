/**
 * The raw disk under the servers, measured by fio through io_uring: the ceiling of every number
 * beside it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execute } from './child-process.ts';
import type { Workload } from './workloads.ts';

export interface FioResult {
  readonly iops: number;
  readonly mbPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

interface FioJob {
  iops: number;
  bw_bytes: number;
  clat_ns: { percentile?: Record<string, number> };
}

export const fioFile = (directory: string): string => join(directory, 'fio.img');

/** Writes the file in full where it isn't there. */
export async function prepareFio(directory: string, sizeBytes: number): Promise<void> {
  const file = fioFile(directory);
  if (existsSync(file)) return;
  await execute('fio', [
    ...common(file, sizeBytes),
    ...['--name=fill', '--rw=write', '--bs=1M', '--iodepth=8', '--end_fsync=1'],
  ]);
}

export async function runFio(
  directory: string,
  workload: Workload,
  options: { sizeBytes: number; seconds: number },
): Promise<FioResult> {
  const output = await execute('fio', [
    ...common(fioFile(directory), options.sizeBytes),
    ...['--name=raw', `--rw=${workload.op}`, `--bs=${workload.blockSizeBytes}`],
    ...[`--iodepth=${workload.depth * workload.connections}`, '--time_based'],
    ...[
      `--runtime=${Math.round(options.seconds * 1000)}ms`,
      '--norandommap',
      '--output-format=json',
    ],
  ]);
  const report = JSON.parse(output.slice(output.indexOf('{'))) as {
    jobs: { read: FioJob; write: FioJob }[];
  };
  const job = report.jobs[0]![workload.op.endsWith('read') ? 'read' : 'write'];
  const percentiles = job.clat_ns.percentile ?? {};
  return {
    iops: job.iops,
    mbPerSecond: job.bw_bytes / 1e6,
    p50Us: (percentiles['50.000000'] ?? 0) / 1000,
    p99Us: (percentiles['99.000000'] ?? 0) / 1000,
  };
}

const common = (file: string, sizeBytes: number): string[] => [
  `--filename=${file}`,
  `--size=${sizeBytes}`,
  '--ioengine=io_uring',
  '--direct=1',
  '--thread',
];
