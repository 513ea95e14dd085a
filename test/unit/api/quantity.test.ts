import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseDockerSize, parseQuantity } from '../../../src/api/quantity.ts';

for (const [quantity, number] of [
  ['0', 0],
  ['2', 2],
  [3, 3],
  ['1.5', 1.5],
  ['.5', 0.5],
  ['2.', 2],
  ['500m', 0.5],
  ['1k', 1000],
  ['1Ki', 1024],
  ['4Gi', 4 * 2 ** 30],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['1G', 1e9],
  ['2E', 2e18],
  ['1Ei', 2 ** 60],
  ['1e3', 1000],
  ['1E3', 1000],
  ['12e-1', 1.2],
] as const) {
  test(`${quantity} is ${number}`, () => {
    assert.is(parseQuantity(quantity), number);
  });
}

test('millicores are exact', () => {
  const inexact: number[] = [];
  for (let milli = 0; milli <= 256_000; milli += 1)
    if (parseQuantity(`${milli}m`) !== milli / 1000) inexact.push(milli);
  assert.equal(inexact.slice(0, 10), []);
});

test('a text that Kubernetes does not accept as a quantity is an error', () => {
  for (const text of [
    '',
    ' ',
    'x',
    '1 Gi',
    '1KiB',
    'Gi',
    '-',
    '1e',
    '.',
    '1.2.3',
    '1kk',
    '0x10',
    '1K',
    '1e3Mi',
  ])
    assert.throws(() => parseQuantity(text), /is not a quantity/, text);
});

test('sizes have the meaning that they have for docker-py', () => {
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

test('a text that is not a size is an error that quotes it', () => {
  for (const text of ['', 'm', '1x', '1 g', '1gib', 'NaN']) {
    assert.throws(() => parseDockerSize(text), /is not a size/, text);
  }
});

test.run();
