import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LiveReport } from '../../../src/worker/progress.ts';
import { tokenEnd } from '../../../src/worker/stage/prepare.ts';

const now = Date.parse('2026-01-02T03:00:00Z');
const inSeconds = (seconds: number) => now + seconds * 1000;
const defaultUpload = { uploadDeadlineSeconds: 86_400 };

test('a token that ends before the deadline of the target fails the run, with both times', () => {
  const { failure, notice } = tokenEnd(
    { activeDeadlineSeconds: 3600, ...defaultUpload },
    inSeconds(3599),
    now,
  );
  assert.is(notice, undefined);
  assert.is(
    failure,
    'the token of the run ends at 2026-01-02T03:59:59Z, but activeDeadlineSeconds let the run need it until 2026-01-02T04:00:00Z; use an API key, a token that lasts longer, or shorter deadlines',
  );
});

test('the deadline of the uploads counts if the run sets it', () => {
  const spec = { activeDeadlineSeconds: 3600, uploadDeadlineSeconds: 600 };
  assert.match(tokenEnd(spec, inSeconds(4199), now).failure ?? '', 'and uploadDeadlineSeconds');
  assert.equal(tokenEnd(spec, inSeconds(4200), now), {});
});

test('a token that may end during uploads without a deadline of their own is noticed', () => {
  const spec = { activeDeadlineSeconds: 3600, ...defaultUpload };
  assert.match(tokenEnd(spec, inSeconds(3600), now).notice ?? '', 'ends at 2026-01-02T04:00:00Z');
  assert.equal(tokenEnd(spec, inSeconds(3600 + 86_400), now), {});
  assert.ok(tokenEnd({ activeDeadlineSeconds: 3600 }, inSeconds(3601), now).notice);
});

test('the end of the token is noticed whenever nothing bounds the run', () => {
  for (const spec of [{}, defaultUpload, { uploadDeadlineSeconds: 60 }]) {
    const { failure, notice } = tokenEnd(spec, inSeconds(180 * 86_400), now);
    assert.is(failure, undefined);
    assert.match(notice ?? '', 'the token of the run ends at 2026-07-01T03:00:00Z');
  }
});

test('a notice is shown while the run is prepared and runs, unless the target reports its own progress', () => {
  const report = new LiveReport();
  report.notice = 'the token ends soon';
  report.doing = 'Checking the image';
  assert.is(report.snapshot().progress?.message, 'Checking the image; the token ends soon');
  report.phase = 'Running';
  assert.is(report.snapshot().progress?.message, 'The target is running; the token ends soon');
  report.targetProgress({ message: 'slice 3' });
  assert.is(report.snapshot().progress?.message, 'slice 3');
});

test.run();
