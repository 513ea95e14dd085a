import { fileURLToPath } from 'node:url';
import { levelNamed, levelNames, sharesOf } from './runner/levels.ts';
import { killChildren } from './runner/run-child.ts';
import { runLevel } from './runner/run-level.ts';
import { addTotals, noTests, totalsLine } from './runner/uvu-totals.ts';

/**
 * Runs the tests of some levels: `node test/run.ts unit integration e2e`. What failed is repeated at the end; the last
 * line is `N passed, N failed`; the exit code is 1 if a test failed or none ran.
 */
const wanted = process.argv.slice(2);
const levels = wanted.map(levelNamed).filter((level) => level !== undefined);
if (levels.length === 0 || levels.length < wanted.length) {
  console.error(`usage: node test/run.ts LEVEL... (${levelNames.join(', ')})`);
  process.exit(64);
}

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killChildren();
    process.exit(130);
  });
}

let totals = noTests;
for (const share of sharesOf(levels)) totals = addTotals(totals, await runLevel(share));
if (totals.failures.length > 0) console.log(`\nFailed:\n\n${totals.failures.join('\n\n')}\n`);
console.log(totalsLine(totals));
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
