export { BENCH_OPS, isBenchOp, runBench } from './run-bench.ts';
export type { BenchOp, BenchOptions, BenchResult } from './run-bench.ts';
