export { ConfigFailure, describeProblem } from './problem.ts';
export type { ConfigProblem } from './problem.ts';
export { isLoopbackHost, NAME_EXPECTED, NAME_PATTERN, parseAddress } from './formats.ts';
export type { HostPort } from './formats.ts';
export { loadTargetConfig, parseTargetConfig } from './load-target.ts';
export {
  DURATION_EXPECTED,
  formatSize,
  parseDuration,
  parseSize,
  roundedSize,
  SIZE_EXPECTED,
} from './quantity.ts';
export type { AdminConfig, DiskConfig, LimitsConfig, TargetConfig } from './target-config.ts';
export { CHAP_ALGORITHMS, LUN_MAX } from './bounds.ts';
