import { globSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import ts from 'typescript';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { failureReasons, progressReasons } from '../../../src/api/reasons.ts';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { aRun, decided } from '../../fixtures/builders.ts';
import { anyMoment, anyObserved, anyPolicy } from '../../fixtures/builders-observed.ts';
import { places, statusAt } from '../../fixtures/runs-by-place.ts';

const table = new Set([...Object.keys(failureReasons), ...Object.keys(progressReasons)]);

/** The words of a file that can become the reason of a failure: not those that one is only compared with. */
function wordsSaid(path: string): string[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const words: string[] = [];
  const visit = (node: ts.Node) => {
    if (ts.isStringLiteral(node) && isSaid(node.parent)) words.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return words;
}

function isSaid(parent: ts.Node): boolean {
  if (ts.isNewExpression(parent)) return parent.expression.getText() === 'RunError';
  return ts.isConditionalExpression(parent) || ts.isPropertyAssignment(parent);
}

test('every failure of the table is one that some line of the program says', () => {
  const files = globSync('src/**/*.ts').filter((path) => !path.startsWith('src/api/'));
  const said = new Set(files.flatMap(wordsSaid));
  assert.equal(
    Object.keys(failureReasons).filter((reason) => !said.has(reason)),
    [],
  );
});

test('the controller says no reason that is not in the table, and each where a run is', () => {
  const said = new Set<string>();
  const hear = (status: DockerRunStatus | undefined) => {
    for (const { reason } of status?.conditions ?? []) said.add(reason);
    if (status?.reason !== undefined) said.add(status.reason);
  };
  for (const place of places) hear(statusAt(place, aRun({ spec: place.spec ?? {} })));
  fc.assert(
    fc.property(anyObserved, anyMoment, anyPolicy, (observed, now, policy) => {
      hear(decided(observed, now, policy).status);
    }),
    { numRuns: 2_000 },
  );
  assert.equal(
    [...said].filter((reason) => !table.has(reason)),
    [],
  );
  assert.equal(
    Object.keys(progressReasons).filter((reason) => !said.has(reason)),
    [],
  );
});

test('the page of reasons has each word of the table, and no other, once', () => {
  const page = readFileSync('docs/reasons.md', 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Za-z]+)` +\|/gm)].map(([, reason]) => reason);
  assert.equal(rows.toSorted(), [...table].toSorted());
});

test.run();
