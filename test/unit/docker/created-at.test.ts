import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { labels } from '../../../src/api/names.ts';
import { createdAtMs } from '../../../src/docker/container-state.ts';

const hourMs = 3_600_000;
const now = 1_000_000 * 1_000;
const at = (label: string | undefined, uptimeSeconds: number, clockJumpedMs = 0) =>
  now -
  createdAtMs(
    {
      created: (now - 5_000 - clockJumpedMs) / 1_000,
      labels: label === undefined ? {} : { [labels.uptime]: label },
    },
    { now, uptimeSeconds },
  );

test('a jump of the clock makes a new container no older, and an old one no younger', () => {
  for (const jump of [-hourMs, 0, hourMs]) {
    assert.is(at('995', 1_000, jump), 5_000);
    assert.is(at('1', 1_000, jump), 999_000);
  }
});

test('a container of an earlier boot of the node is as old as can be', () => {
  assert.is(at('2000', 1_000), now);
});

test('a container without the label, or with a text of a user in it, has the age that the engine reports', () => {
  for (const label of [undefined, '', 'soon', '-1', '1e9']) assert.is(at(label, 1_000), 5_000);
});

test.run();
