import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesText } from '../../../src/support/byte-text.ts';
import { fetchProgress, measuredProgress, transferProgress } from '../../../src/worker/progress.ts';

const ct = { name: 'ct', bytes: 0, totalBytes: undefined, files: 0 };

test('bytes have the unit with at most three digits before the point', () => {
  const texts = [0, 1, 158, 999, 1_000, 999_949, 999_999, 3_210_000, 45e9, 7e12, 7e15].map(bytesText);
  assert.equal(texts, [
    ...['0 bytes', '1 byte', '158 bytes', '999 bytes', '1.0 kB', '999.9 kB', '1.0 MB', '3.2 MB'],
    ...['45.0 GB', '7.0 TB', '7000.0 TB'],
  ]);
});

test('there is no progress without a transfer or a pull', () => {
  assert.is(transferProgress('Downloading', []), undefined);
  assert.is(fetchProgress(undefined, undefined), undefined);
});

test('of several transfers the message shows the amount of the first in brackets', () => {
  const open = [{ ...ct, bytes: 3_200_000 }, ct, ct];
  assert.equal(transferProgress('Downloading', open), {
    message: 'Downloading ct (3.2 MB) and 2 more',
    summary: '3.2 MB',
  });
});

test('one file is in the singular', () => {
  const open = [{ ...ct, bytes: 5, files: 1 }];
  assert.equal(transferProgress('Uploading', open), {
    message: 'Uploading ct: 1 file, 5 bytes',
    summary: '1 file, 5 bytes',
  });
});

test('empty files count as progress', () => {
  assert.equal(transferProgress('Uploading', [{ ...ct, files: 7 }]), {
    message: 'Uploading ct: 7 files',
    summary: '7 files',
  });
});

test('a total of 0 has no percentage', () => {
  assert.equal(transferProgress('Uploading', [{ ...ct, totalBytes: 0 }]), { message: 'Uploading ct' });
  const pull = { image: 'busybox', message: 'Waiting', bytes: 0, totalBytes: 0 };
  assert.equal(fetchProgress(undefined, pull), { message: 'Pulling busybox: Waiting' });
});

test('more bytes than the total are 100 percent', () => {
  const pull = { image: 'busybox', message: 'Downloading', bytes: 120, totalBytes: 90 };
  assert.is(fetchProgress(undefined, pull)?.percent, 100);
});

test('a percentage is rounded down and is also the summary for the printer column', () => {
  assert.equal(measuredProgress('Smoothing', 417, 1000), {
    message: 'Smoothing',
    percent: 41,
    summary: '41%',
  });
  assert.is(measuredProgress('Smoothing', 999, 1000).percent, 99);
  assert.is(measuredProgress('Smoothing', -1, 100).percent, 0);
  for (const [done, total] of [
    [undefined, 4],
    [4, undefined],
    [4, 0],
    [4, -1],
  ])
    assert.equal(measuredProgress('Smoothing', done, total), { message: 'Smoothing' });
});

test.run();
