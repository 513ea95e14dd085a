import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WaitingSince } from '../../../src/controller/observe/pod-index.ts';
import { after, aPod } from '../../fixtures/builders.ts';

const waiting = (reason: string) => aPod({ kind: 'waiting', reason, message: '' });
const at = (second: number) => after(second).toISOString();

/** Shows the states of a pod, one a second, and returns since when the last is counted. */
function sinceAfter(...reasons: string[]): string | undefined {
  const since = new WaitingSince();
  reasons.forEach((reason, second) => since.changed(waiting(reason), { exists: true }, after(second)));
  return since.of(waiting(''));
}

test('a worker that is being created is not stuck', () => {
  assert.is(sinceAfter('', 'ContainerCreating', 'PodInitializing'), undefined);
});

test('a pull counts from its first failure, and another problem from its own', () => {
  assert.is(sinceAfter('', 'ErrImagePull', 'ImagePullBackOff', 'ErrImagePull'), at(1));
  assert.is(sinceAfter('ErrImagePull', 'ImagePullBackOff', 'CreateContainerError'), at(2));
  assert.is(sinceAfter('CreateContainerError', 'ContainerCreating', 'CreateContainerError'), at(2));
});

test('a pod that runs or is deleted is forgotten', () => {
  const since = new WaitingSince();
  for (const [pod, exists] of [
    [aPod({ kind: 'running' }), true],
    [waiting('ErrImagePull'), false],
  ] as const) {
    since.changed(waiting('ErrImagePull'), { exists: true }, new Date());
    assert.is(since.size, 1);
    since.changed(pod, { exists }, new Date());
    assert.is(since.size, 0);
  }
});

test.run();
