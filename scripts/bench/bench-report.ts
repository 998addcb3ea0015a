/** Turns runs into verdicts and a table for people. */
import { ratioSpread, spreadOf } from './measurement.ts';
import type { Measurement, Spread } from './measurement.ts';
import type { Workload } from './workloads.ts';

export interface WorkloadReport {
  readonly workload: Workload;
  readonly contestants: readonly ContestantReport[];
  /** Subject against the better rival, per round. */
  readonly iopsRatio: Spread | null;
  readonly cpuRatio: Spread | null;
  /** Floors that were missed, in words; empty: all reached. */
  readonly missed: readonly string[];
}

export interface ContestantReport {
  readonly name: string;
  readonly iops: Spread;
  readonly mbPerSecond: Spread;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly serverCpuUsPerOperation: number | null;
  readonly errors: number;
}

export function reportOn(workload: Workload, all: readonly Measurement[]): WorkloadReport {
  const runs = all.filter((run) => run.workload === workload.name);
  const { subject, rivals, cpuRival } = workload;
  const iopsRatio = ratioSpread(runs, { subject, rivals, figure: ({ iops }) => iops }) ?? null;
  const cpuRatio =
    cpuRival === undefined
      ? null
      : (ratioSpread(runs, {
          subject,
          rivals: [cpuRival],
          figure: ({ serverCpuUsPerOperation }) => serverCpuUsPerOperation,
        }) ?? null);
  return {
    workload,
    contestants: workload.contestants.flatMap((name) => contestantReport(name, runs)),
    iopsRatio,
    cpuRatio,
    missed: missedBy(workload, iopsRatio, cpuRatio, runs),
  };
}

function contestantReport(name: string, all: readonly Measurement[]): ContestantReport[] {
  const runs = all.filter(({ contestant }) => contestant === name);
  if (runs.length === 0) return [];
  const median = (figure: (run: Measurement) => number): number =>
    spreadOf(runs.map(figure)).median;
  const cpu = runs.flatMap((run) => run.serverCpuUsPerOperation ?? []);
  return [
    {
      name,
      iops: spreadOf(runs.map(({ iops }) => iops)),
      mbPerSecond: spreadOf(runs.map(({ mbPerSecond }) => mbPerSecond)),
      p50Us: median(({ p50Us }) => p50Us),
      p99Us: median(({ p99Us }) => p99Us),
      serverCpuUsPerOperation: cpu.length === 0 ? null : spreadOf(cpu).median,
      errors: runs.reduce((sum, { errors }) => sum + errors, 0),
    },
  ];
}

function missedBy(
  workload: Workload,
  iops: Spread | null,
  cpu: Spread | null,
  runs: readonly Measurement[],
): string[] {
  const missed: string[] = [];
  const { ratioFloor, cpuRatioCeiling } = workload;
  if (ratioFloor !== undefined && iops !== null && iops.median < ratioFloor) {
    missed.push(`IOPS ratio ${iops.median.toFixed(2)} is below ${ratioFloor}`);
  }
  if (cpuRatioCeiling !== undefined && cpu !== null && cpu.median > cpuRatioCeiling) {
    missed.push(`CPU ratio ${cpu.median.toFixed(2)} is above ${cpuRatioCeiling}`);
  }
  const failed = runs.filter(({ errors }) => errors > 0);
  if (failed.length > 0) missed.push(`${failed.length} runs with errors`);
  return missed;
}

const HEADINGS = ['', 'IOPS', 'min', 'max', 'MB/s', 'p50 us', 'p99 us', 'CPU us/IO'];

export function formatReport(report: WorkloadReport): string {
  const rows = report.contestants.map((row) => [
    row.name,
    row.iops.median.toFixed(0),
    row.iops.min.toFixed(0),
    row.iops.max.toFixed(0),
    row.mbPerSecond.median.toFixed(0),
    row.p50Us.toFixed(0),
    row.p99Us.toFixed(0),
    row.serverCpuUsPerOperation?.toFixed(1) ?? '',
  ]);
  const lines = [report.workload.title, ...columns([HEADINGS, ...rows])];
  lines.push(...verdictLines(report), '');
  return lines.join('\n');
}

function verdictLines({ workload, iopsRatio, cpuRatio, missed }: WorkloadReport): string[] {
  const lines: string[] = [];
  const rivals = workload.rivals.join(', ');
  if (iopsRatio !== null) {
    const floor = workload.ratioFloor === undefined ? '' : `, floor ${workload.ratioFloor}`;
    lines.push(`  IOPS of ${workload.subject} / best of ${rivals}: ${ratio(iopsRatio)}${floor}`);
  }
  if (cpuRatio !== null) {
    const ceiling =
      workload.cpuRatioCeiling === undefined ? '' : `, ceiling ${workload.cpuRatioCeiling}`;
    lines.push(`  CPU per I/O / ${workload.cpuRival}: ${ratio(cpuRatio)}${ceiling}`);
  }
  return [...lines, ...missed.map((what) => `  MISSED: ${what}`)];
}

const ratio = ({ median, min, max }: Spread): string =>
  `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`;

/** First column to the left, numbers to the right. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!),
    );
    return `  ${cells.join('  ')}`.trimEnd();
  });
}
