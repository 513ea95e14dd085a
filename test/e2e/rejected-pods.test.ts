import * as assert from 'uvu/assert';
import { type Injection, PodInjector } from '../fixtures/pod-injector.ts';
import { until } from '../fixtures/until.ts';
import { concurrentTest } from './support/concurrent-tests.ts';
import { statesOf } from './support/girder-job.ts';
import { applyWithJob, failed, succeeds } from './support/job-run.ts';
import { Lab, patienceMs } from './support/runs.ts';
import { succeed } from './support/shell.ts';

/**
 * Pods that the kubelet of the node rejects, as it does when the labels or the room of a node changed after the
 * scheduler had chosen it. A webhook places the first pod of each run on a node that it may not run on.
 */

const test = concurrentTest();
const stack = new AsyncDisposableStack();
let lab: Lab;

/** Places the first pod on a node without the label that it asks for; leaves the next ones alone. */
function rejectedOnce(): Injection {
  let pods = 0;
  return (pod) => {
    pods += 1;
    const { spec } = pod;
    if (pods > 1 || spec === undefined) return;
    spec.nodeName = 'node-1';
    spec.nodeSelector = { ...spec.nodeSelector, 'example.org/no-node': 'has-this' };
  };
}

test.before(async () => {
  lab = stack.use(await opened());
  // A cleanup does not have the name of its run.
  const names = ['once', 'failing', 'never-again', ''];
  const injector = stack.use(
    await PodInjector.start(Object.fromEntries(names.map((name) => [name, rejectedOnce()]))),
  );
  const { namespace } = lab;
  const { code, stderr } = await lab.apply(injector.configuration(namespace, namespace));
  assert.is(code, 0, stderr);
  stack.defer(async () => {
    await succeed('kubectl', ['delete', 'mutatingwebhookconfiguration', namespace]);
  });
});
test.after(() => stack.disposeAsync());

async function opened(): Promise<Lab & AsyncDisposable> {
  const one = await Lab.open('rejected');
  return Object.assign(one, { [Symbol.asyncDispose]: () => one.close() });
}

test('a run without retries succeeds although its node rejected its first pod', async () => {
  await lab.run('once', { command: ['true'], backoffLimit: 0 });
  const { status: between } = await lab.until('once', 'is between its pods', {
    holds: ({ status }) => status.reason === 'PodRejected',
    withinMs: patienceMs,
  });
  assert.match(between.message ?? '', /^Node node-1 rejected pod once-.*NodeAffinity/);
  const status = await succeeds(lab, 'once');
  assert.equal([status.attempts, status.disruptions], [2, 1]);
  assert.is(status.attemptHistory?.[0]?.reason, 'NodeAffinity');
});

test('a target that fails after a rejected pod ends the run with its own reason', async () => {
  await lab.run('failing', { command: ['sh', '-c', 'exit 3'], backoffLimit: 1 });
  const status = await lab.ended('failing');
  assert.is(status.reason, 'TargetFailed', status.message);
  assert.equal(
    status.attemptHistory?.map(({ reason }) => reason),
    ['NodeAffinity', 'TargetFailed'],
  );
});

test('a run whose disruptionLimit is used up names the reason of the node', async () => {
  await lab.run('never-again', { command: ['true'], disruptionLimit: 0 });
  const status = await lab.ended('never-again');
  assert.is(status.reason, 'DisruptedTooOften', status.message);
  assert.match(status.message ?? '', /NodeAffinity/);
});

test('the cleanup of a run ends its job in Girder although the node rejected its first pod', async () => {
  const never = { nodeSelector: { nosuch: 'label' }, startDeadlineSeconds: 3 };
  const { job } = await applyWithJob(lab, 'cleaned', never);
  assert.is((await lab.ended('cleaned')).reason, 'StartDeadlineExceeded');
  const hasEnded = async () => (await statesOf(job.jobId)).at(-1) === failed;
  await until('the job has ended', hasEnded, { withinMs: patienceMs });
  const pods = await lab.kubectl('get', 'pods', '-l', 'dockerrun.dev/cleaned-up-run-uid', '-o', 'json');
  const reasons = (JSON.parse(pods) as { items: { status: { reason?: string } }[] }).items.map(
    ({ status }) => status.reason,
  );
  assert.ok(reasons.includes('NodeAffinity'), reasons.join(', '));
});

test.run();
