import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generatedFiles } from '../../../scripts/generated-files.ts';
import { exitCodeOf, exitCodes, failureReasons, isFailureReason } from '../../../src/api/reasons.ts';
import type { FailureReason } from '../../../src/api/reasons.ts';

const rows = Object.entries(failureReasons);

test('every failure has an exit code of its own kind, which is never 0', () => {
  for (const [reason, { category }] of rows) {
    assert.ok(Object.hasOwn(exitCodes, category), `${reason} blames ${category}`);
    assert.ok(exitCodeOf(reason as FailureReason) > 0, reason);
  }
});

test('no two kinds of failure share an exit code, and none is one that a shell or a signal gives', () => {
  const codes = Object.values(exitCodes);
  assert.is(new Set(codes).size, codes.length);
  assert.ok(codes.every((code) => code === 0 || (code >= 64 && code < 126)));
});

test('every failure says in whole sentences what it means and how to mend it', () => {
  for (const [reason, { meaning, remedy }] of rows) {
    assert.match(reason, /^[A-Z][A-Za-z]+$/);
    for (const text of [meaning, remedy]) assert.match(text, /^[A-Z].*\.$|^girder\.apiUrl .*\.$/, reason);
  }
});

test('only words of the table are failure reasons', () => {
  for (const [reason] of rows) assert.ok(isFailureReason(reason));
  for (const word of ['Succeeded', 'Pending', 'toString', '__proto__', '', undefined, 7, null]) {
    assert.not.ok(isFailureReason(word));
  }
});

for (const { path, content } of generatedFiles()) {
  test(`${path} is what the code generates`, () => {
    assert.is(readFileSync(path, 'utf8'), content, `${path} is stale: run make generate`);
  });
}

test.run();
