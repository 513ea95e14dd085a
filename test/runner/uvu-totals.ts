/** Counts of tests. A file that crashed, hung or ran no test counts as one failure. */
export type Totals = {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What each failed test printed first, in order; printed again at the end, where a reader of a long log looks. */
  readonly failures: readonly string[];
};

export const noTests: Totals = { passed: 0, failed: 0, skipped: 0, failures: [] };

const colour = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
/** What uvu prints of a failed test, and what `suite` of test/fixtures prints of a failed hook. */
const failure = /^(?: {3}FAIL |✘ \S+ of ".*" failed: ).*(?:\n.*){0,5}/gm;
const failureChars = 1_000;
const summary = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)\n {2}Duration: /gm;

/** The totals at the end of uvu's output; undefined if the output is not complete. */
export function parseUvuTotals(output: string): Totals | undefined {
  const plain = output.replace(colour, '');
  const last = [...plain.matchAll(summary)].at(-1);
  if (last === undefined) return undefined;
  const [total = 0, passed = 0, skipped = 0] = last.slice(1).map(Number);
  const failures = [...plain.matchAll(failure)].map(([text]) => text.slice(0, failureChars).trimEnd());
  return { passed, failed: total - passed, skipped, failures };
}

/** The files without a result below their name in uvu's output, usually for lack of `test.run()`. */
export function silentFiles(output: string, files: readonly string[]): string[] {
  const withResult = new Set<string>();
  let file: string | undefined;
  for (const line of output.replace(colour, '').split('\n')) {
    if (files.includes(line)) file = line;
    else if (file !== undefined && /  \(\d+ \/ \d+\)$/.test(line)) withResult.add(file);
  }
  return files.filter((name) => !withResult.has(name));
}

export function addTotals(...all: readonly Totals[]): Totals {
  const sum = (of: (totals: Totals) => number) => all.reduce((before, totals) => before + of(totals), 0);
  return {
    passed: sum((t) => t.passed),
    failed: sum((t) => t.failed),
    skipped: sum((t) => t.skipped),
    failures: all.flatMap(({ failures }) => failures),
  };
}

/** The last line of a test run. */
export function totalsLine({ passed, failed, skipped }: Omit<Totals, 'failures'>): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
