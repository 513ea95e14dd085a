import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseDockerSize } from '../../../src/api/quantity.ts';

test('sizes mean what they mean to docker-py', () => {
  const sizes = {
    '1b': 1,
    '512': 512,
    '4k': 4096,
    '64m': 2 ** 26,
    '64MB': 2 ** 26,
    '1g': 2 ** 30,
    '1.5G': 1.5 * 2 ** 30,
    '2t': 2 ** 41,
    '-1': -1,
  };
  for (const [text, bytes] of Object.entries(sizes)) assert.is(parseDockerSize(text), bytes, text);
  assert.is(parseDockerSize(33554432), 33554432);
  assert.is(parseDockerSize('0.0005k'), 0);
});

test('what is no size is an error that quotes it', () => {
  for (const text of ['', 'm', '1x', '1 g', '1gib', 'NaN']) {
    assert.throws(() => parseDockerSize(text), /is no size/, text);
  }
});

test.run();
