import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nextPageSize } from '../../../src/kube/list-pages.ts';

test('after a page of the largest objects, the next one asks for one or two', () => {
  assert.is(nextPageSize(5, 5 * 1_400_000), 1);
});

test('after small pages, the size doubles, to at most 500', () => {
  assert.equal([nextPageSize(20, 20_000), nextPageSize(400, 400_000), nextPageSize(20, 0)], [40, 500, 40]);
});

test('a page never asks for less than one object', () => {
  assert.is(nextPageSize(1, 100_000_000), 1);
});

test.run();
