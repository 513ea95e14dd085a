import { globSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import ts from 'typescript';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { progressReasons } from '../../../src/api/progress-reasons.ts';
import { failureReasons } from '../../../src/api/reasons.ts';
import { setReasons } from '../../../src/api/set/set-reasons.ts';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { statusAfterError } from '../../../src/controller/decide/decision.ts';
import { after, aRun, decided } from '../../fixtures/builders.ts';
import { anyMoment, anyObserved, anyPolicy } from '../../fixtures/builders-observed.ts';
import { places, statusAt } from '../../fixtures/runs-by-place.ts';

const table = new Set([...Object.keys(failureReasons), ...Object.keys(progressReasons)]);

/** The string literals of a file that can become a reason, but not those that it only compares with one. */
function reasonLiterals(path: string): string[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const literals: string[] = [];
  const visit = (node: ts.Node) => {
    if (ts.isStringLiteral(node) && isReason(node.parent)) literals.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return literals;
}

function isReason(parent: ts.Node): boolean {
  if (ts.isNewExpression(parent)) return parent.expression.getText() === 'RunError';
  return ts.isConditionalExpression(parent) || ts.isPropertyAssignment(parent);
}

test('the program uses every failure reason of the table', () => {
  const files = globSync('src/**/*.ts').filter((path) => !path.startsWith('src/api/'));
  const used = new Set(files.flatMap(reasonLiterals));
  assert.equal(
    Object.keys(failureReasons).filter((reason) => !used.has(reason)),
    [],
  );
});

test('the controller reports only reasons of the table, and every progress reason', () => {
  const reported = new Set<string>();
  const collect = (status: DockerRunStatus | undefined) => {
    for (const { reason } of status?.conditions ?? []) reported.add(reason);
    if (status?.reason !== undefined) reported.add(status.reason);
  };
  for (const place of places) collect(statusAt(place, aRun({ spec: place.spec ?? {} })));
  collect(statusAfterError(aRun(), { error: new Error('no'), isRefusal: true }, after(1)));
  fc.assert(
    fc.property(anyObserved, anyMoment, anyPolicy, (observed, now, policy) => {
      collect(decided(observed, now, policy).status);
    }),
    { numRuns: 2_000 },
  );
  assert.equal(
    [...reported].filter((reason) => !table.has(reason)),
    [],
  );
  assert.equal(
    Object.keys(progressReasons).filter((reason) => !reported.has(reason)),
    [],
  );
});

test('the page of reasons lists each reason of the table once, and no other', () => {
  const page = readFileSync('docs/reasons.md', 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Za-z]+)` +\|/gm)].map(([, reason]) => reason);
  assert.equal(rows.toSorted(), [...table, ...Object.keys(setReasons)].toSorted());
});

test.run();
