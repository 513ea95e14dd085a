import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isRecord } from '../../../src/api/json-values.ts';
import { paths } from '../../../src/kube/paths.ts';
import { listAt, recordAt, textAt } from '../../../src/kube/json.ts';
import { ApiProxy } from '../../fixtures/api-proxy.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import type { KubeClient } from '../../fixtures/kube-client.ts';
import { ScriptedRun } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { until } from '../../fixtures/until.ts';

/** What the worker of a Job would run, as the Job's environment says it. */
function argumentsIn(job: unknown): string {
  const pod = recordAt(recordAt(recordAt(job, 'spec'), 'template'), 'spec');
  return JSON.stringify(listAt(pod, 'containers'));
}

function accepted(run: ScriptedRun): Record<string, unknown> {
  const found = listAt(run.status, 'conditions').find((one) => textAt(one, 'type') === 'Accepted');
  return isRecord(found) ? found : {};
}

/** Applies a run, and changes it while the first write of its status, after its Job was created, is held. */
async function changeBeforeStatus(
  { proxy, client, run }: { proxy: ApiProxy; client: KubeClient; run: ScriptedRun },
  { change, meanwhile }: { change: object; meanwhile?: () => Promise<void> },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  proxy.fail('patch', 'dockerruns/status', { heldUntil: promise });
  await run.apply({ args: ['first'] });
  await until('the status is being written', () => proxy.isDone, { holds: Boolean, withinMs: 30_000 });
  await meanwhile?.();
  await client.merge(run.path, change);
  resolve();
}

test('a spec that changes between the Job and the first status is the spec that runs', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await using proxy = await ApiProxy.start(plane);
  await using cluster = await SimulatedCluster.start(plane, { jobController: 'real' });
  await using _controller = await ControllerProcess.start(plane.kubeconfigFor(proxy.url));
  const run = new ScriptedRun(cluster, 'changed', 'default');
  await changeBeforeStatus({ proxy, client, run }, { change: { spec: { args: ['second'] } } });
  await run.hasJob();
  const text = argumentsIn(await client.get(run.jobPath));
  assert.match(text, 'second');
  assert.not.match(text, 'first');
  assert.is(accepted(run)['status'], 'True');

  const queued = new ScriptedRun(cluster, 'queued', 'default');
  const queue = { 'kueue.x-k8s.io/priority-class': 'low' };
  await changeBeforeStatus({ proxy, client, run: queued }, { change: { metadata: { labels: queue } } });
  await queued.hasJob();
  const job = recordAt(await client.get(queued.jobPath), 'metadata');
  assert.is(recordAt(job, 'labels')['kueue.x-k8s.io/priority-class'], 'low');
});

test('a spec that changes to one that is not allowed is never accepted, and its Job is given up', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await using proxy = await ApiProxy.start(plane);
  await using cluster = await SimulatedCluster.start(plane, { jobController: 'real' });
  await using _controller = await ControllerProcess.start(plane.kubeconfigFor(proxy.url));
  const run = new ScriptedRun(cluster, 'not-allowed', 'default');
  const volumes = [{ name: 'd', bindMount: { hostPath: '/etc', containerPath: '/d' } }];
  await changeBeforeStatus({ proxy, client, run }, { change: { spec: { volumes } } });
  await run.hasReason('HostPathNotAllowed');
  assert.is(accepted(run)['status'], 'False');
  await run.hasNoJob();
  const ever = cluster.record
    .statesOf(run.uid)
    .map(({ object }) => JSON.stringify(recordAt(object, 'status')));
  assert.not.match(ever.join('\n'), '"reason":"Accepted"');
});

test('a run whose spec changes while its worker starts ends, and does not claim that the change runs', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await using proxy = await ApiProxy.start(plane);
  await using cluster = await SimulatedCluster.start(plane);
  await using _controller = await ControllerProcess.start(plane.kubeconfigFor(proxy.url));
  const run = new ScriptedRun(cluster, 'started', 'default');
  await changeBeforeStatus(
    { proxy, client, run },
    { change: { spec: { args: ['second'] } }, meanwhile: () => run.podRuns(1) },
  );
  await run.hasReason('InvalidSpec', 'made of generation 1');
  assert.is(accepted(run)['status'], 'False');
  assert.is(accepted(run)['observedGeneration'], 2);
  await until('its Job is stopped', () => client.list(paths.jobs()), {
    holds: (jobs) => jobs.length === 0,
    withinMs: 30_000,
  });
});

test.run();
