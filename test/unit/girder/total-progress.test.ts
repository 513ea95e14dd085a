import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TotalProgress } from '../../../src/girder/tree-transfer.ts';

test('progress has no total until all files are listed, and counts a restarted file once', () => {
  const seen: (number | undefined)[][] = [];
  const progress = new TotalProgress((...now) => void seen.push(now));
  const known = progress.file(10);
  const unknown = progress.file(undefined);
  known(6, 10);
  unknown(5, undefined);
  known(0, 10);
  known(10, 10);
  progress.listed();
  unknown(8, 20);
  unknown(20, 20);
  assert.equal(seen, [
    [6, undefined],
    [11, undefined],
    [5, undefined],
    [15, undefined],
    [15, 15],
    [18, 30],
    [30, 30],
  ]);
});

test.run();
