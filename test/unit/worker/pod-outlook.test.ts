import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PodOutlook } from '../../../src/worker/pod/pod-outlook.ts';

const soon = 50;

test('what the controller says after the stop counts, and of several answers the last', async () => {
  const stop = new AbortController();
  const outlook = new PodOutlook(stop.signal);
  stop.abort('SIGTERM');
  const asked = outlook.willBeReplaced();
  outlook.learn(true);
  assert.is(await asked, true);
  outlook.learn(false);
  assert.is(await outlook.willBeReplaced(), false);
});

test('what it said before the stop does not count, and without a question nothing replaces the pod', async () => {
  const stop = new AbortController();
  const outlook = new PodOutlook(stop.signal);
  outlook.learn(true);
  assert.is(await outlook.willBeReplaced(), false);
  stop.abort('SIGTERM');
  assert.is(await outlook.willBeReplaced(soon), false);
});

test.run();
