import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { podNamePrefix } from '../../../src/api/names.ts';
import type { ObservedPod } from '../../../src/controller/observe/observed.ts';
import { PodIndex } from '../../../src/controller/observe/pod-index.ts';
import { aJob, aPod } from '../../fixtures/builders.ts';

const { namespace, name: jobName } = aJob();
const jobWith = (uid: string) => ({ namespace, name: jobName, uid });
const nameOf = (suffix: string) => `${podNamePrefix(jobName)}${suffix}`;
const podNamed = (suffix: string, jobUid: string | undefined) =>
  aPod({ kind: 'running' }, { name: nameOf(suffix), jobUid });

/** A cache that reports each change to the index, as the controller's does. */
function cacheOf() {
  const pods = new Map<string, ObservedPod>();
  const index = new PodIndex((key) => pods.get(key));
  const put = (pod: ObservedPod) => {
    pods.set(`${pod.namespace}/${pod.name}`, pod);
    index.changed(pod);
  };
  const remove = (pod: ObservedPod) => {
    pods.delete(`${pod.namespace}/${pod.name}`);
    index.changed(pod);
  };
  const namesOf = (jobUid: string) => index.of(jobWith(jobUid)).map(({ name }) => name);
  const lastDeletedOf = (jobUid: string) => index.lastDeleted(jobWith(jobUid))?.name;
  return { put, remove, namesOf, lastDeletedOf };
}

test('the last deleted pod of a Job is remembered for a while if it had ended', () => {
  const { put, remove, lastDeletedOf } = cacheOf();
  const ended = (name: string) => ({
    ...podNamed(name, '1'),
    worker: { kind: 'terminated', exitCode: 1, reason: 'Error', report: undefined } as const,
  });
  for (const pod of [ended('a'), ended('b')]) {
    put(pod);
    assert.is.not(lastDeletedOf('1'), pod.name);
    remove(pod);
    assert.is(lastDeletedOf('1'), pod.name);
  }
  const running = podNamed('c', '2');
  put(running);
  remove(running);
  assert.is(lastDeletedOf('2'), undefined);
});

test('a Job has the pods that it owns, in their newest version', () => {
  const { put, namesOf } = cacheOf();
  for (const pod of [podNamed('a', '1'), podNamed('b', '1'), podNamed('c', '2'), podNamed('a', '1')])
    put(pod);
  assert.equal(namesOf('1'), [nameOf('a'), nameOf('b')]);
  assert.equal(namesOf('2'), [nameOf('c')]);
  assert.equal(namesOf('3'), []);
});

test('a deleted pod and a pod without an owner belong to no Job', () => {
  const { put, remove, namesOf } = cacheOf();
  const [first, second] = [podNamed('a', '1'), podNamed('b', '1')];
  for (const pod of [first, second, podNamed('c', undefined)]) put(pod);
  remove(first);
  assert.equal(namesOf('1'), [nameOf('b')]);
  remove(second);
  assert.equal(namesOf('1'), []);
});

test('a pod that changed its owner belongs only to the new one', () => {
  const { put, namesOf } = cacheOf();
  put(podNamed('a', '1'));
  put(podNamed('a', '2'));
  assert.equal(namesOf('1'), []);
  assert.equal(namesOf('2'), [nameOf('a')]);
});

test('a pod of another namespace, or with a name that its Job would not give it, is not of the Job', () => {
  const { put, remove, namesOf, lastDeletedOf } = cacheOf();
  const ended = { kind: 'terminated', exitCode: 0, reason: 'Completed', report: undefined } as const;
  const own = { ...podNamed('a', '1'), worker: ended };
  const forged = [
    { ...own, namespace: 'elsewhere', name: nameOf('b') },
    { ...own, name: 'forged-0-b' },
    { ...own, name: nameOf('b').replace('-0-', '-') },
  ];
  for (const pod of [own, ...forged]) put(pod);
  assert.equal(namesOf('1'), [own.name]);
  for (const pod of [own, ...forged.slice(0, 1)]) remove(pod);
  assert.is(lastDeletedOf('1'), own.name, 'a pod of another namespace displaces none');
});

test.run();
