import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NameSet, Pace } from '../../../src/girder/tree-transfer.ts';

test('more transfers run at once after successes, up to a limit', () => {
  const pace = new Pace();
  const first = pace.limit;
  for (let count = 0; count < first + 1; count += 1) pace.succeeded();
  assert.is(pace.limit, first + 1);
  for (let count = 0; count < 1000; count += 1) pace.succeeded();
  assert.is(pace.limit, 8);
});

test('a failure halves how many transfers run at once, and failures of one moment count once', () => {
  const pace = new Pace();
  pace.slowDown(0);
  pace.slowDown(900);
  assert.is(pace.limit, 2);
  pace.slowDown(1000);
  pace.slowDown(2000);
  pace.slowDown(3000);
  assert.is(pace.limit, 1);
});

test('a set of names knows the names that were added', () => {
  const names = new NameSet();
  for (let index = 0; index < 1000; index += 1) names.add(`name ${index}`);
  assert.is(names.size, 1000);
  assert.ok(names.has('name 999') && !names.has('name 1000'));
});

test.run();
