import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseJob, parsePod, parseRun } from '../../../src/controller/observe/parse.ts';
import { aSpec, metadata } from '../../fixtures/builders.ts';

/** A pod whose worker's container is in `state`. */
const podIn = (state: unknown, status: object = {}) =>
  parsePod({
    metadata: { namespace: 'lab', name: 'p', uid: 'u', labels: { 'dockerrun.dev/run-uid': 'run' } },
    spec: {
      nodeName: 'node-1',
      initContainers: [{ name: 'proxy', restartPolicy: 'Always' }, { name: 'slow' }],
    },
    status: {
      phase: 'Running',
      containerStatuses: [
        { name: 'istio', state: {} },
        { name: 'worker', state },
      ],
      ...status,
    },
  });

const initOf = (states: unknown[], phase = 'Pending') =>
  podIn({ waiting: { reason: 'PodInitializing' } }, { phase, initContainerStatuses: states }).init;

test('the first init container that has neither ended nor started for good holds the worker up', () => {
  const done = { name: 'done', state: { terminated: { exitCode: 0 } } };
  const proxy = { name: 'proxy', started: true, state: { running: {} } };
  assert.is(initOf([done, proxy]), undefined);
  const slow = { name: 'slow', started: true, state: { running: {} } };
  const added = 'which was added to the pod';
  assert.equal(initOf([done, proxy, slow]), { sentence: `slow, ${added}, has not finished`, failed: false });
  const state = { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } };
  const sentence = `pull, ${added}, has not started: ImagePullBackOff, no such image`;
  assert.equal(initOf([done, { name: 'pull', state }]), { sentence, failed: false });
});

test('an init container with an exit code other than 0 has failed the pod if the pod has failed', () => {
  const terminated = { exitCode: 1, reason: 'Error', message: 'no route' };
  const sentence = 'istio, which was added to the pod, ended with exit code 1: Error, no route';
  const states = [{ name: 'istio', state: { terminated } }];
  assert.equal(initOf(states, 'Failed'), { sentence, failed: true });
  assert.equal(initOf(states), { sentence, failed: false });
});

test('a run keeps its metadata, spec and status, and nothing else', () => {
  const status = { phase: 'Running' };
  const object = { apiVersion: 'x', metadata: { ...metadata, managedFields: [] }, spec: aSpec(), status };
  const { spec, metadata: parsed, ...rest } = parseRun(object);
  assert.equal(spec, aSpec());
  assert.is(parsed.uid, metadata.uid);
  assert.equal(rest, { status });
});

test('a run whose spec only an older schema accepts is parsed with a problem', () => {
  const run = parseRun({ metadata, spec: { image: 7 } });
  assert.is(run.spec, undefined);
  assert.match(run.problem ?? '', /^spec/);
  assert.equal(run.status, {});
});

test('a Job that has neither succeeded nor failed has not ended', () => {
  const job = parseJob({
    metadata: { name: 'j', namespace: 'lab', uid: 'u', creationTimestamp: 't' },
    status: { active: 1, failed: 2, conditions: [{ type: 'FailureTarget', status: 'True' }] },
  });
  assert.is(job.finished, undefined);
  assert.is(job.endedPods, 2);
  assert.is(job.ownerUid, undefined);
});

test('a Job has ended when its condition Complete or Failed is true', () => {
  const at = '2026-01-02T03:04:05Z';
  const ended = (type: string, status: string) =>
    parseJob({
      status: { conditions: [{ type, status, reason: 'R', message: 'm', lastTransitionTime: at }] },
    }).finished;
  assert.equal(ended('Complete', 'True'), { succeeded: true, reason: 'R', message: 'm', at });
  assert.is(ended('Failed', 'True')?.succeeded, false);
  assert.is(ended('Failed', 'False'), undefined);
  assert.is(ended('Suspended', 'True'), undefined);
});

test('the run of a Job is the DockerRun that controls it', () => {
  const ownerReferences = [
    { apiVersion: 'v1', kind: 'DockerRun', uid: 'no', controller: true },
    { apiVersion: 'dockerrun.dev/v1alpha1', kind: 'DockerRun', uid: 'no controller' },
    { apiVersion: 'dockerrun.dev/v1alpha1', kind: 'DockerRun', uid: 'not either', controller: 'true' },
    { apiVersion: 'dockerrun.dev/v1alpha1', kind: 'DockerRun', uid: 'yes', controller: true },
  ];
  assert.is(parseJob({ metadata: { ownerReferences } }).ownerUid, 'yes');
});

test('the state of a pod is that of its worker, at any position among the containers', () => {
  assert.equal(podIn({ running: {} }).worker, { kind: 'running' });
  assert.equal(podIn({ waiting: { reason: 'ErrImagePull', message: 'm' } }).worker, {
    ...{ kind: 'waiting', reason: 'ErrImagePull', message: 'm' },
  });
  assert.equal(podIn(undefined).worker, { kind: 'waiting', reason: '', message: '' });
});

test('the number of failed attempts before a pod is in its annotation, and 0 without it', () => {
  const annotations = { 'batch.kubernetes.io/job-index-failure-count': '2' };
  assert.is(parsePod({ metadata: { annotations } }).failuresBefore, 2);
  assert.is(parsePod({ metadata: {} }).failuresBefore, 0);
});

test('an ended worker has its exit code, and a report if its termination message is one', () => {
  const ended = (message: string) => podIn({ terminated: { exitCode: 69, reason: 'Error', message } }).worker;
  const report = { phase: 'Failed', reason: 'TargetFailed' };
  assert.equal(ended(JSON.stringify(report)), { kind: 'terminated', exitCode: 69, reason: 'Error', report });
  assert.equal(ended('Killed'), { kind: 'terminated', exitCode: 69, reason: 'Error', report: undefined });
});

test('a pod that cannot be scheduled has the reason', () => {
  const conditions = [{ type: 'PodScheduled', status: 'False', message: '0/1 nodes' }];
  assert.is(podIn({}, { conditions }).unschedulable, '0/1 nodes');
  assert.is(podIn({}, { conditions: [{ type: 'PodScheduled', status: 'True' }] }).unschedulable, undefined);
});

test('the other fields of a pod that a decision needs are parsed', () => {
  const { name, runUid, nodeName, podIP, reason, deletionTimestamp } = podIn(
    {},
    { podIP: '10.0.0.7', reason: 'Evicted' },
  );
  assert.equal(
    [name, runUid, nodeName, podIP, reason, deletionTimestamp],
    ['p', 'run', 'node-1', '10.0.0.7', 'Evicted', undefined],
  );
});

test.run();
