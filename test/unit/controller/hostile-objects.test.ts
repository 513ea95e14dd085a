import { serialize } from 'node:v8';
import fc from 'fast-check';
import { Value } from 'typebox/value';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { boundsProblem, isRecord, statusBounds } from '../../../src/api/json-values.ts';
import { cleanupJobName, jobName } from '../../../src/api/names.ts';
import { parseReport, parseServedReport } from '../../../src/api/report.ts';
import { type StructuralSchema, unknownFields } from '../../../src/api/structural.ts';
import { type DockerRunStatus, dockerRunStatus } from '../../../src/api/status.ts';
import { statusAfterError } from '../../../src/controller/decide/decision.ts';
import { changeOf } from '../../../src/controller/apply/status-writer.ts';
import type { Decision } from '../../../src/controller/decide/outcome.ts';
import type { CachedRun, Observed, ObservedRun } from '../../../src/controller/observe/observed.ts';
import { parseJob, parsePod, parseRun, withoutLargeSpec } from '../../../src/controller/observe/parse.ts';
import { parsePolicy } from '../../../src/controller/observe/policies.ts';
import { parseObjectMeta } from '../../../src/kube/json.ts';
import { ObjectStore } from '../../../src/kube/object-store.ts';
import { applyBody } from '../../../src/kube/request.ts';
import { policyFor } from '../../../src/policy/policy.ts';
import { after, anObservation, decided, metadata } from '../../fixtures/builders.ts';
import { asStored, hostileTexts, within } from '../../fixtures/builders-hostile.ts';
import {
  aReport,
  aStatus,
  aStoredJob,
  aStoredPod,
  aStoredPolicy,
  aStoredRun,
} from '../../fixtures/stored-objects.ts';

/**
 * Objects as strangers write them, from the text that the API server sends to what is written back: nothing throws,
 * each step has a bound on its time, and what is kept and written has a bound on its size.
 */

/** Processor time for one object, in milliseconds; an honest one takes less than 1. */
const stepMs = 500;

/** In bytes: what the cache keeps of one run, Job or pod. */
const cachedBytes = { run: 400 * 1024, job: 64 * 1024, pod: 256 * 1024 };

const fixedMetadata = ['name', 'namespace', 'uid', 'generation', 'creationTimestamp', 'resourceVersion'];
const ofObject = ['metadata', ...fixedMetadata.map((name) => `metadata.${name}`)];
/** About what a value takes in memory, where a text has one byte or two for each character. */
const memoryOf = (value: unknown) => serialize(value).length;
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value ?? null));

const runTexts = hostileTexts(aStoredRun(), ofObject).map(asStored);
const statusTexts = hostileTexts({ ...aStoredRun(), status: aStatus() }, [...ofObject, 'spec']).map(asStored);
const jobTexts = (name: string) =>
  hostileTexts(aStoredJob(name), ['metadata.ownerReferences', ...ofObject]).map(asStored);
const podTexts = hostileTexts(aStoredPod(), ['metadata.ownerReferences', ...ofObject]).map(asStored);
const reportTexts = hostileTexts(aReport());

/** Says in one line what failed; the counterexample is a text of the whole object. */
function forAll<T>(arbitrary: fc.Arbitrary<T>, body: (value: T) => void): void {
  const { failed, errorInstance, counterexample, counterexamplePath } = fc.check(
    fc.property(arbitrary, body),
    { numRuns, seed },
  );
  if (!failed) return;
  const where = `seed ${seed}, path ${counterexamplePath ?? ''}: ${JSON.stringify(counterexample).slice(0, 6_000)}`;
  throw new Error(`${String(errorInstance)} (${where})`, { cause: errorInstance });
}

/** A step on an object, within the bound on its time. */
const timed = <T>(text: string, step: () => T): T => within(stepMs, () => text, step);

const parsed = (text: string): unknown => timed(text, () => JSON.parse(text) as unknown);

/** As the API server sends it: it drops the fields that the schema does not have. */
function runOf(text: string): ObservedRun {
  const object = parsed(text);
  if (isRecord(object)) object['status'] = Value.Clean(dockerRunStatus, object['status']);
  return timed(text, () => parseRun(object));
}

/** Puts versions of a run into a store, as a watch and two lists do; the same object again is no change. */
function keep(texts: readonly string[]): void {
  const store = new ObjectStore<CachedRun>();
  texts.forEach((text, index) => {
    const object = parsed(text);
    const { key, uid } = parseObjectMeta(object);
    const stored = (version: number) => ({ key, uid, version, item: withoutLargeSpec(parseRun(object)) });
    within(
      stepMs,
      () => `storing ${text}`,
      () => {
        const version = index * 10 + 1;
        store.put(stored(version));
        assert.equal(store.put(stored(version + 1)), [], 'the same object again is a change');
        assert.equal(store.replace([stored(version + 2)], version + 2), []);
      },
    );
    const bytes = memoryOf(store.values());
    assert.ok(bytes <= cachedBytes.run, `the cache keeps ${bytes} bytes of a run`);
  });
}

/** The status as the API server stores it, of a body that it can read and that its schema allows. */
function written(status: DockerRunStatus): DockerRunStatus {
  const body = JSON.parse(applyBody({ status })) as { status: DockerRunStatus };
  const schema = dockerRunStatus as StructuralSchema;
  assert.equal(unknownFields({ schema, value: body.status, path: 'status' }), []);
  const [problem] = Value.Errors(dockerRunStatus, body.status);
  assert.ok(problem === undefined, `${problem?.instancePath} ${problem?.message}`);
  const times = [body.status.startTime, body.status.completionTime].filter((time) => time !== undefined);
  for (const time of times) assert.match(time, /^\d{4}-\d\d-\d\dT/);
  return body.status;
}

/** Checks all that a decision writes, and that the same decision does not write its status again. */
function check(observed: Observed, { actions, status, event, requeueAfterMs }: Decision): void {
  for (const action of actions)
    if ('job' in action)
      assert.ok(bytesOf(action.job) < 1.4 * 2 ** 20, `a Job of ${bytesOf(action.job)} bytes`);
  if (event !== undefined) {
    assert.match(event.metadata.name ?? '', /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/);
    assert.ok(bytesOf(event) < 16 * 1024, `an Event of ${bytesOf(event)} bytes`);
  }
  if (requeueAfterMs !== undefined) assert.ok(Number.isFinite(requeueAfterMs) && requeueAfterMs >= 0);
  if (status === undefined) return;
  const problem = boundsProblem(status, statusBounds);
  assert.ok(problem === undefined, `the status ${problem}`);
  assert.is(changeOf(written(status), status), 'none', 'the stored status differs from what was written');
  changeOf(observed.run.status, status);
}

function decideOn(observed: Observed, seconds: number, policy = {}): void {
  const what = () => JSON.stringify({ ...observed, run: observed.run.status });
  const decision = within(stepMs, what, () => decided(observed, after(seconds), policy));
  within(stepMs, what, () => check(observed, decision));
  // Also a reconcile that failed writes a status that the API server takes.
  const failure = { error: new Error(JSON.stringify(observed.run)), isRefusal: false };
  written(within(stepMs, what, () => statusAfterError(observed.run, failure, after(seconds))));
}

const seconds = fc.constantFrom(0, 5, 5_000, 40_000);
const numRuns = Number(process.env['RUNS'] ?? 2_000);
/** Fixed, so that a failure belongs to the change that it follows; SEED in the environment finds others. */
const seed = Number(process.env['SEED'] ?? 1);

test('any spec and metadata of a run is parsed, cached, compared and decided on', () => {
  forAll(fc.tuple(fc.array(runTexts, { minLength: 1, maxLength: 2 }), seconds), ([texts, at]) => {
    keep(texts);
    for (const text of texts) decideOn(anObservation({ run: runOf(text) }), at);
  });
});

test('any status that others have written is read, and gives way to what the controller writes', () => {
  forAll(fc.tuple(statusTexts, fc.boolean(), seconds), ([text, hasJob, at]) => {
    keep([text]);
    const job = hasJob ? parseJob(aStoredJob(jobName(metadata))) : undefined;
    decideOn(anObservation({ run: runOf(text), job }), at);
  });
});

test('any Job, cleanup Job and pods lead to a status within its bounds', () => {
  const objects = fc.record({
    jobText: jobTexts(jobName(metadata)),
    cleanupText: fc.option(jobTexts(cleanupJobName(metadata)), { nil: undefined }),
    podText: fc.array(podTexts, { maxLength: 2 }),
  });
  forAll(fc.tuple(objects, seconds, fc.boolean()), ([{ jobText, cleanupText, podText }, at, hasStatus]) => {
    const [job, cleanupJob] = [jobText, cleanupText].map((text) =>
      text === undefined ? undefined : timed(text, () => parseJob(parsed(text))),
    );
    const pods = podText.map((text) => timed(text, () => parsePod(parsed(text))));
    assert.ok(memoryOf(job) <= cachedBytes.job, `the cache keeps ${memoryOf(job)} bytes of a Job`);
    for (const pod of pods)
      assert.ok(memoryOf(pod) <= cachedBytes.pod, `the cache keeps ${memoryOf(pod)} bytes of a pod`);
    const run = parseRun({ ...aStoredRun(), ...(hasStatus ? { status: aStatus() } : {}) });
    decideOn(anObservation({ run, job, cleanupJob, pods }), at);
  });
});

test('any answer of a worker and any termination message leads to a status within its bounds', () => {
  forAll(fc.tuple(reportTexts, fc.boolean(), seconds), ([text, isEnd, at]) => {
    const served = timed(text, () => parseServedReport(text, 'pod-uid'));
    const report = timed(text, () => parseReport(text));
    const state = isEnd
      ? { terminated: { exitCode: 0, reason: 'Completed', message: text } }
      : { running: {} };
    const pod = parsePod(aStoredPod(state));
    const job = parseJob(aStoredJob(jobName(metadata)));
    const run = parseRun(aStoredRun());
    decideOn(anObservation({ run, job, pods: [pod], live: served ?? report }), at);
  });
});

test('any policy allows something, or is a problem that stops runs', () => {
  const texts = hostileTexts(aStoredPolicy(), ofObject).map(asStored);
  forAll(texts, (text) => {
    const { spec } = timed(text, () => parsePolicy(parsed(text)));
    const policy = timed(text, () => policyFor('lab', spec));
    if (policy.problem !== undefined)
      assert.ok(policy.problem.length < 64 * 1024, policy.problem.slice(0, 200));
    decideOn(anObservation({ run: parseRun(aStoredRun()) }), 1, policy);
  });
});

test.run();
