import * as assert from 'uvu/assert';
import { openJobsSecret } from '../../../src/bridge/runs/open-jobs.ts';
import { tasksNamespace } from '../../cluster/operator/bridge.ts';
import { publishOne } from '../../fixtures/girder-examples.ts';
import { jobInState } from '../../fixtures/slicer-cli.ts';
import { test } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import { logOf } from '../support/girder-job.ts';
import { cancelled, running } from '../support/job-run.ts';
import { succeed } from '../support/shell.ts';

const system = ['--namespace', 'dockerrun-system'];
const bridge = 'deployment/dockerrun-bridge';
let replicas = '2';

test.before(async () => {
  replicas = await succeed('kubectl', [...system, 'get', bridge, '-o', 'jsonpath={.spec.replicas}']);
});

test.after(async () => {
  await scale(replicas);
});

/** Resolves when the bridge has no pod, or so many that are ready. */
async function scale(wanted: string): Promise<void> {
  await succeed('kubectl', [...system, 'scale', bridge, `--replicas=${wanted}`]);
  const selector = 'app.kubernetes.io/component=bridge';
  await (wanted === '0'
    ? succeed('kubectl', [...system, 'wait', '--for=delete', 'pod', '-l', selector, '--timeout=90s'], {
        seconds: 100,
      })
    : succeed('kubectl', [...system, 'rollout', 'status', bridge, '--timeout=120s'], { seconds: 130 }));
}

/** Waits until the open jobs have an entry for the run with this uid, or none. */
async function hasEntry(uid: string, wanted: boolean): Promise<void> {
  const read = [...system, 'get', 'secret', openJobsSecret, '-o', 'jsonpath={.data}'];
  await until(`the run ${uid} has ${wanted ? 'an' : 'no'} entry`, () => succeed('kubectl', read), {
    holds: (data) => data.includes(`"${uid}":`) === wanted,
    withinMs: 60_000,
    everyMs: 500,
  });
}

test('a run that is deleted while the bridge has no replica ends its job when it has one', async () => {
  // Without a worker, nobody but the bridge can end the job.
  const { taskId, jobId } = await publishOne('plugins/later-task', { values: { image: 'busybox:1.36' } });
  await jobInState(jobId, [running]);
  const run = ['--namespace', tasksNamespace, `dockerrun/girder-${taskId}`];
  const uid = await succeed('kubectl', ['get', ...run, '-o', 'jsonpath={.metadata.uid}']);
  await hasEntry(uid, true);
  await scale('0');
  await succeed('kubectl', ['delete', ...run]);
  await scale(replicas);
  await jobInState(jobId, [cancelled]);
  assert.match(await logOf(jobId), /The DockerRun girder-tasks\/girder-.* was deleted\.\n$/);
  await hasEntry(uid, false);
});

test.run();
