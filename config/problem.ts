/**
 * Everything that is wrong with a file, told at once: file, line, key, what was expected and what
 * was found.
 */
import { Failure } from '../lib/base/index.ts';

export interface ConfigProblem {
  readonly file: string;
  /** 1 is the first line. */
  readonly line: number;
  /** Dotted path: `hosts.web1.chap.secretFile`, `array.disks[1].size`. */
  readonly key: string;
  readonly expected: string;
  /** What stands there; never a secret. */
  readonly found: string;
}

export const describeProblem = ({ file, line, key, expected, found }: ConfigProblem): string =>
  `${file}:${line}: ${key}: expected ${expected}, found ${found}`;

/** A file that can't be used; it changed nothing. */
export class ConfigFailure extends Failure {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super('usage', problems.map(describeProblem).join('\n'));
    this.problems = problems;
  }
}

const FOUND_LENGTH_MAX = 60;

/** A value as an error line shows it: short, on one line. */
export function showValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= FOUND_LENGTH_MAX ? text : `${text.slice(0, FOUND_LENGTH_MAX - 1)}…`;
}
