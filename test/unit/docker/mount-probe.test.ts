import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nanoseconds } from '../../../src/docker/create/mount-probe.ts';

test('a time of the engine is read to the nanosecond, with any number of digits and in any zone', () => {
  const second = 1_767_323_045_000_000_000n;
  const times = {
    '2026-01-02T03:04:05Z': 0n,
    '2026-01-02T03:04:05.123456789Z': 123_456_789n,
    '2026-01-02T03:04:05.5Z': 500_000_000n,
    '2026-01-02T04:04:05.000000001+01:00': 1n,
    '2026-01-01T22:04:05.25-05:00': 250_000_000n,
  };
  for (const [text, rest] of Object.entries(times)) assert.is(nanoseconds(text), second + rest, text);
});

test('anything else is no time', () => {
  for (const text of [undefined, 1, '', 'now', '2026-01-02', '2026-13-02T03:04:05Z', '2026-01-02T03:04:05'])
    assert.is(nanoseconds(text), undefined, String(text));
});

test.run();
