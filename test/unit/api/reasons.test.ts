import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generatedFiles } from '../../../scripts/generated-files.ts';
import { failureReasons, isFailureReason } from '../../../src/api/reasons.ts';
import { exitCodes, exitCodeOf } from '../../../src/api/run-plan.ts';
import type { FailureReason } from '../../../src/api/reasons.ts';

const rows = Object.entries(failureReasons);

test('every failure has a category, whose exit code is not 0', () => {
  for (const [reason, { category }] of rows) {
    assert.ok(Object.hasOwn(exitCodes, category), `${reason}: ${category}`);
    assert.ok(exitCodeOf(reason as FailureReason) > 0, reason);
  }
});

test('categories have different exit codes, and none is one of a shell or a signal', () => {
  const codes = Object.values(exitCodes);
  assert.is(new Set(codes).size, codes.length);
  assert.ok(codes.every((code) => code === 0 || (code >= 64 && code < 126)));
});

test('the meaning and the remedy of every failure are whole sentences', () => {
  for (const [reason, { meaning, remedy }] of rows) {
    assert.match(reason, /^[A-Z][A-Za-z]+$/);
    for (const text of [meaning, remedy]) assert.match(text, /^[A-Z].*\.$/, reason);
  }
});

test('only reasons of the table are failure reasons', () => {
  for (const [reason] of rows) assert.ok(isFailureReason(reason));
  for (const value of ['Succeeded', 'Pending', 'toString', '__proto__', '', undefined, 7, null]) {
    assert.not.ok(isFailureReason(value));
  }
});

for (const { path, content } of generatedFiles()) {
  test(`${path} is what the code generates`, () => {
    assert.is(readFileSync(path, 'utf8'), content, `${path} is stale: run make generate`);
  });
}

test.run();
