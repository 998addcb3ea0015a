/** Reads what libiscsi's iscsi-test-cu prints. */

export interface TestReport {
  /** Tests that ran, skipping ones among them, as `Suite.Test`. */
  readonly ran: readonly string[];
  readonly failed: readonly TestFailure[];
  readonly skipped: readonly string[];
  /** From the tool's own summary; -1 where it has none. */
  readonly summary: { readonly ran: number; readonly failed: number };
}

export interface TestFailure {
  readonly test: string;
  /** What the tool said between the test's name and the next. */
  readonly detail: string;
}

interface TestOutput {
  readonly test: string;
  readonly lines: string[];
}

export function parseTestReport(output: string): TestReport {
  const tests = splitTests(output);
  const failed = tests.filter(({ lines }) =>
    lines.some((line) => /(^|\.\.\.)FAILED\s*$/.test(line)),
  );
  const skipped = tests.filter(({ lines }) => lines.some((line) => line.includes('[SKIPPED]')));
  const summary = /^\s+tests\s+\d+\s+(\d+)\s+\d+\s+(\d+)/m.exec(output);
  return {
    ran: tests.map(({ test }) => test),
    failed: failed.map(({ test, lines }) => ({ test, detail: lines.join('\n') })),
    skipped: skipped.map(({ test }) => test),
    summary: { ran: Number(summary?.[1] ?? -1), failed: Number(summary?.[2] ?? -1) },
  };
}

function splitTests(output: string): TestOutput[] {
  const tests: TestOutput[] = [];
  let suite = '';
  for (const line of output.split('\n')) {
    suite = /^Suite: (\S+)/.exec(line)?.[1] ?? suite;
    const name = /^\s+Test: (\S+) \.\.\./.exec(line)?.[1];
    if (/^(Suite:|Run Summary:)/.test(line)) tests.push({ test: '', lines: [] });
    else if (name !== undefined) tests.push({ test: `${suite}.${name}`, lines: [line] });
    else tests.at(-1)?.lines.push(line);
  }
  return tests.filter(({ test }) => test !== '');
}
