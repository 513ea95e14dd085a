import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runSteps, type Step } from '../../cluster/steps.ts';

function recording(log: string[], name: string, after: string[] = [], millis = 0): Step {
  return {
    name,
    after,
    run: async (signal) => {
      await sleep(millis, undefined, { signal });
      log.push(name);
    },
  };
}

test('a step starts only when the steps in its `after` are done', async () => {
  const log: string[] = [];
  const steps = [recording(log, 'slow', [], 300), recording(log, 'quick'), recording(log, 'last', ['slow'])];
  await runSteps(steps, new AbortController().signal);
  assert.equal(log, ['quick', 'slow', 'last']);
});

test('the first failure is thrown, aborts the running steps, and no later step starts', async () => {
  const log: string[] = [];
  const failing: Step = { name: 'bad', after: [], run: () => Promise.reject(new Error('broken')) };
  const steps = [failing, recording(log, 'other', [], 10_000), recording(log, 'later', ['bad'])];
  const started = Date.now();
  try {
    await runSteps(steps, new AbortController().signal);
    assert.unreachable();
  } catch (error) {
    assert.is(error instanceof Error && error.message, 'broken');
  }
  assert.ok(Date.now() - started < 5_000);
  assert.equal(log, []);
});

test('a step that names an unknown or later step is rejected', async () => {
  try {
    await runSteps([recording([], 'a', ['b'])], new AbortController().signal);
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /step a names b/);
  }
});

test.run();
