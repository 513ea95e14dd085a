import { test } from 'uvu';
import { apiVersion, group, kind, policyKind, policyName, policyPlural } from '../../../src/api/names.ts';
import { paths } from '../../../src/kube/paths.ts';
import { listAt, recordAt, textAt } from '../../../src/kube/json.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import type { KubeClient } from '../../fixtures/kube-client.ts';
import { Scrape } from '../../fixtures/scrape.ts';
import { until } from '../../fixtures/until.ts';

const namespace = 'default';
const policyPath = `${paths.policies()}/${policyName}`;

async function createRun(client: KubeClient, name: string): Promise<string> {
  const volumes = [{ name: 'd', bindMount: { hostPath: '/srv/data', containerPath: '/d' } }];
  await client.create(paths.dockerRuns(namespace), {
    ...{ apiVersion, kind, metadata: { name } },
    spec: { image: 'busybox', volumes },
  });
  return `${paths.dockerRuns(namespace)}/${name}`;
}

const status = (run: unknown, field: string) => textAt(recordAt(run, 'status'), field);
const begins = (run: unknown) => status(run, 'jobName') !== undefined;

/** Adds a field to the CRD that this controller does not know, as a newer version would. */
async function addField(client: KubeClient): Promise<void> {
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${policyPlural}.${group}`;
  const definition = await client.get(path);
  const versions = structuredClone(listAt(recordAt(definition, 'spec'), 'versions'));
  const [version] = versions;
  const schema = recordAt(recordAt(recordAt(version, 'schema'), 'openAPIV3Schema'), 'properties');
  const properties = recordAt(recordAt(schema, 'spec'), 'properties');
  properties['future'] = { type: 'boolean' };
  await client.merge(path, { spec: { versions } });
  const merge = () => client.merge(policyPath, { spec: { future: true } });
  const holds = (object: unknown) => recordAt(object, 'spec')['future'] === true;
  await until('the API server keeps the new field', merge, { holds, withinMs: 60_000, everyMs: 200 });
}

/** Waits until the controller has logged this message `times` times. */
async function logged(controller: ControllerProcess, message: string, times: number): Promise<void> {
  const isLogged = ({ msg, policy }: Record<string, unknown>) => msg === message && policy === policyName;
  const count = () => controller.log.filter(isLogged).length;
  await until(`"${message}" is logged ${times} times`, count, {
    ...{ holds: (found) => found >= times, withinMs: 60_000 },
  });
}

const hostPaths = [{ pathPrefix: '/srv/data' }];
const policy = (spec: object) => ({ apiVersion, kind: policyKind, metadata: { name: policyName }, spec });
const changed = 'policy added, updated or deleted';

test('a change of the policy applies to the next run', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await using controller = await ControllerProcess.start(plane.kubeconfig);
  const isRefused = (run: unknown) => status(run, 'reason') === 'HostPathNotAllowed';
  await client.until(await createRun(client, 'without-a-policy'), 'refused', { holds: isRefused });

  await client.create(paths.policies(), policy({ namespaces: [{ names: [`${namespace}*`], hostPaths }] }));
  await logged(controller, changed, 1);
  await client.until(await createRun(client, 'allowed'), 'started', { holds: begins });

  await client.merge(policyPath, { spec: { namespaces: [{ names: ['another'], hostPaths }] } });
  await logged(controller, changed, 2);
  await client.until(await createRun(client, 'no-more'), 'refused', { holds: isRefused });

  await client.merge(policyPath, { spec: { hostPaths } });
  await logged(controller, changed, 3);
  await client.delete(policyPath);
  await logged(controller, changed, 4);
  await client.until(await createRun(client, 'gone'), 'refused', { holds: isRefused });
});

test('where a policy is required, runs wait while it is missing, and start when it is back', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await client.create(paths.policies(), policy({ hostPaths, images: ['busybox'] }));
  const environment = { DOCKERRUN_POLICY_REQUIRED: 'true' };
  await using first = await ControllerProcess.start(plane.kubeconfig, environment);
  await client.until(await createRun(client, 'before'), 'started', { holds: begins });
  await client.delete(policyPath);
  await logged(first, changed, 2);
  // A new controller has never seen the policy.
  await first.stop();
  await using _second = await ControllerProcess.start(plane.kubeconfig, environment);
  const run = await createRun(client, 'waiting');
  await client.until(run, 'waiting for the policy', {
    holds: (found) =>
      status(found, 'phase') === 'Pending' &&
      /DockerRunPolicy "default" is missing/.test(status(found, 'message') ?? ''),
  });
  await client.create(paths.policies(), policy({ hostPaths }));
  await client.until(run, 'started', { holds: begins });
});

test('runs wait while the policy has a field of a newer version, which this controller does not know', async () => {
  await using plane = await startControlPlane();
  const { client } = plane;
  await client.create(paths.policies(), policy({ hostPaths }));
  await addField(client);
  const [port = 0] = await freePorts(1);
  const environment = { DOCKERRUN_METRICS_PORT: String(port) };
  await using _controller = await ControllerProcess.start(plane.kubeconfig, environment);
  const isInvalid = (value: number) => ({
    holds: (scrape: Scrape) => scrape.value('dockerrun_policy_invalid') === value,
  });
  const run = await createRun(client, 'waiting');
  await client.until(run, 'waiting for the policy', {
    holds: (found) =>
      /DockerRunPolicy "default" is invalid.*spec\.future/.test(status(found, 'message') ?? ''),
  });
  await Scrape.until(port, 'the metric shows the invalid policy', isInvalid(1));
  await client.merge(policyPath, { spec: { future: null } });
  await client.until(run, 'started', { holds: begins });
  await Scrape.until(port, 'the metric shows a valid policy', isInvalid(0));
});

test.run();
