/** One visit to one contestant, and what the visits of all rounds come to. */
export interface Measurement {
  readonly workload: string;
  readonly contestant: string;
  /** Counts from 1. */
  readonly round: number;
  readonly iops: number;
  readonly mbPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number | null;
  readonly errors: number;
  /** CPU of the server's process, all threads; null for the raw disk. */
  readonly serverCpuUsPerOperation: number | null;
  readonly clientCpuUsPerOperation: number | null;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/**
 * Ratio of one contestant's figure to the best of its rivals', round by round: the machine's mood
 * of a round is in both.
 * @returns undefined where no round has both.
 */
export function ratioSpread(
  runs: readonly Measurement[],
  about: {
    subject: string;
    rivals: readonly string[];
    figure: (run: Measurement) => number | null;
  },
): Spread | undefined {
  const { subject, rivals, figure } = about;
  const ratios: number[] = [];
  for (const run of runs.filter(({ contestant }) => contestant === subject)) {
    const others = runs.filter(
      ({ round, contestant }) => round === run.round && rivals.includes(contestant),
    );
    const best = Math.max(...others.map((other) => figure(other) ?? 0));
    const own = figure(run);
    if (own !== null && best > 0) ratios.push(own / best);
  }
  return ratios.length === 0 ? undefined : spreadOf(ratios);
}
