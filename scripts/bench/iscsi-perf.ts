/** libiscsi's own load generator as a second opinion on random reads. */
import { Failure } from '../../lib/base/index.ts';
import { execute } from './child-process.ts';

const LUN_BLOCK_BYTES = 512;

/** @returns operations a second. */
export async function runIscsiPerf(
  url: string,
  options: { blockSizeBytes: number; depth: number; seconds: number },
): Promise<number> {
  const output = await execute('iscsi-perf', [
    ...['-m', String(options.depth), '-b', String(options.blockSizeBytes / LUN_BLOCK_BYTES)],
    ...['-t', String(Math.max(1, Math.round(options.seconds))), '-r', url],
  ]);
  const average = /iops average (\d+)/.exec(output);
  if (average === null) throw new Failure('unexpected', 'iscsi-perf printed no average');
  return Number(average[1]);
}
