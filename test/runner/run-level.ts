import { relative } from 'node:path';
import { isIn, type Level, type Share } from './levels.ts';
import { runChild } from './run-child.ts';
import { addTotals, noTests, parseUvuTotals, silentFiles, type Totals } from './uvu-totals.ts';

const uvu = 'node_modules/uvu/bin.js';

/** Runs every test file of a level and its guests, and prints a summary and each file that failed as a whole. */
export async function runLevel({ level, own: files, guests }: Share): Promise<Totals> {
  const start = performance.now();
  const left = () => Math.max(0, level.levelMs - (performance.now() - start));
  const totals =
    (level.together && files.length > 0 ? await runTogether(level, files) : undefined) ??
    (await runEach(level, { files, guests }, () => Math.min(level.fileMs, left())));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const count = totals.passed + totals.failed;
  const both = guests.length === 0 ? '' : ` and ${guests.length} of another level`;
  console.log(`${level.name}: ${files.length} files${both}, ${count} tests, ${seconds} s`);
  return totals;
}

/** Runs all files in one process; undefined if it crashed or hung, because any file may be the cause. */
async function runTogether(level: Level, files: readonly string[]): Promise<Totals | undefined> {
  const args = [uvu, '--color', 'false', `test/${level.name}`, '\\.test\\.ts$'];
  const { output, ending, succeeded } = await runChild(args, level.fileMs, true);
  const totals = parseUvuTotals(output);
  const silent = silentFiles(
    output,
    files.map((file) => relative(`test/${level.name}`, file)),
  );
  if (totals !== undefined && succeeded === (totals.failed === 0) && silent.length === 0) return totals;
  const cause = silent[0] === undefined ? ending : `showed no result of ${silent[0]}`;
  console.log(`\nThe process of all ${level.name} tests ${cause}; each file now runs in its own process.\n`);
  return undefined;
}

/**
 * Runs each file in its own process: those that must run alone, in the order of their list, then `atOnce` at a time. One of these places is for
 * the guests as long as there are any.
 */
async function runEach(
  { atOnce, alone, first }: Level,
  { files, guests }: { readonly files: readonly string[]; readonly guests: readonly string[] },
  deadlineMs: () => number,
): Promise<Totals> {
  let sum = noTests;
  const work = async (waiting: string[], isOnly: boolean): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const totals = await runFile(file, deadlineMs(), isOnly);
      sum = addTotals(sum, totals);
    }
  };
  const [inParallel, byThemselves] = partition(files, (file) => !isIn(alone, file));
  await work(
    alone.flatMap((end) => byThemselves.filter((file) => isIn([end], file))),
    true,
  );
  const others = partition(inParallel, (file) => isIn(first, file)).flat();
  const place = async (_: unknown, index: number) => {
    if (index === 0) await work([...guests], atOnce === 1);
    await work(others, atOnce === 1);
  };
  await Promise.all(Array.from({ length: atOnce }, place));
  return sum;
}

function partition<T>(values: readonly T[], belongs: (value: T) => boolean): [T[], T[]] {
  return [values.filter(belongs), values.filter((value) => !belongs(value))];
}

/** Prints the output at once if no other file is running, else at the end, so that outputs do not mix. */
async function runFile(file: string, deadlineMs: number, isOnly: boolean): Promise<Totals> {
  if (isOnly) console.log(`\n${file}`);
  if (deadlineMs === 0) return oneFailure(file, 'was not run: its level has used up its time');
  const { output, ending, succeeded } = await runChild([file], deadlineMs, isOnly);
  if (!isOnly) process.stdout.write(`\n${file}\n${output}`);
  const parsed = parseUvuTotals(output);
  const totals = parsed && { ...parsed, failures: parsed.failures.map((failure) => `${file}\n${failure}`) };
  if (totals === undefined)
    return oneFailure(file, `${ending} without the totals of its tests (is test.run() there?)`);
  // All tests passed but the process failed: an error outside the tests, or it did not end.
  return totals.failed === 0 && !succeeded ? addTotals(totals, oneFailure(file, ending)) : totals;
}

function oneFailure(file: string, what: string): Totals {
  const failure = `✘ ${file} ${what}`;
  console.log(failure);
  return { ...noTests, failed: 1, failures: [failure] };
}
