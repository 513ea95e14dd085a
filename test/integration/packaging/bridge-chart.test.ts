import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readBridgeConfig } from '../../../src/bridge/bridge-config.ts';
import { openJobsSecret } from '../../../src/bridge/runs/open-jobs.ts';
import { recordAt } from '../../../src/kube/json.ts';
import { render } from '../../fixtures/helm.ts';

/** The message with which Helm refuses settings. */
async function refusalOf(...settings: string[]): Promise<string> {
  return render(...settings).then(
    () => `${settings.join(' ')} was accepted`,
    (error: unknown) => String(error),
  );
}

const bridge = [
  'bridge.enabled=true',
  'bridge.broker={"secretName":"girder-broker","secretKey":"url","ports":[5672]}',
  'bridge.girder={"apiUrl":"https://girder.example.org/api/v1"}',
  'bridge.queues=[{"queue":"celery","namespace":"lab"},{"queue":"gpu","namespace":"lab","nodeSelector":{"gpu":"true"}}]',
];

test('without bridge.enabled there is no bridge, and with it the settings that it needs are required', async () => {
  assert.not.ok((await render()).some(({ name }) => name.includes('bridge')));
  assert.match(await refusalOf('bridge.enabled=true'), /bridge\.broker\.secretName/);
  assert.match(await refusalOf(...bridge.slice(0, 2)), /bridge\.girder\.apiUrl/);
  assert.match(await refusalOf(...bridge.slice(0, 3)), /bridge\.queues/);
});

test('the bridge reads the settings of the chart', async () => {
  const manifests = await render(...bridge, 'bridge.foreignQueue="local"');
  const spec = recordAt(
    manifests.find(({ kind, name }) => kind === 'Deployment' && name === 'dockerrun-bridge'),
    'spec',
  );
  const [container] = recordAt(recordAt(spec, 'template'), 'spec')?.['containers'] as Record<
    string,
    unknown
  >[];
  const variables = container?.['env'] as { name: string; value: string }[];
  const config = readBridgeConfig(Object.fromEntries(variables.map(({ name, value }) => [name, value])));
  assert.is(config.foreignQueue, 'local');
  assert.is(config.maxRuns, 200);
  assert.equal(
    config.translation.queues.map(({ queue }) => queue),
    ['celery', 'gpu'],
  );
});

test('the client certificate for the broker is where the bridge reads it', async () => {
  const broker = {
    secretName: 'girder-broker',
    clientSecretName: 'of-the-bridge',
    secretKey: 'url',
    ports: [1],
  };
  const manifests = await render(...bridge, `bridge.broker=${JSON.stringify(broker)}`);
  const text = JSON.stringify(manifests.filter(({ kind }) => kind === 'Deployment'));
  assert.match(text, /"secretName":"of-the-bridge"/);
  assert.match(text, /"mountPath":"\/etc\/dockerrun\/broker-client"/);
  assert.match(text, /BROKER_CLIENT","value":"\/etc\/dockerrun\/broker-client"/);
});

test('the bridge may create and get Secrets in the namespaces of its queues, write one of its own, and list none', async () => {
  const manifests = await render(...bridge);
  const roles = manifests.filter(({ kind, name }) => kind === 'Role' && name.includes('bridge'));
  assert.equal(
    roles.map(({ name }) => name),
    ['dockerrun-bridge', 'dockerrun-bridge-runs'],
  );
  const [ofBridge, ofRuns] = roles;
  const ofJobs = (ofBridge?.['rules'] as unknown[]).at(-1);
  assert.equal(ofJobs, {
    apiGroups: [''],
    resources: ['secrets'],
    resourceNames: [openJobsSecret],
    verbs: ['get', 'patch'],
  });
  const jobs = manifests.find(({ kind, name }) => kind === 'Secret' && name === openJobsSecret);
  assert.is(recordAt(jobs, 'metadata')?.['namespace'], recordAt(ofBridge, 'metadata')?.['namespace']);
  assert.ok(jobs !== undefined);
  assert.not.ok('data' in jobs || 'stringData' in jobs, 'an upgrade must leave the entries as they are');
  assert.is(recordAt(ofRuns, 'metadata')?.['namespace'], 'lab');
  assert.equal(ofRuns?.['rules'], [
    {
      apiGroups: ['dockerrun.dev'],
      resources: ['dockerruns'],
      verbs: ['get', 'list', 'watch', 'create', 'patch'],
    },
    { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'create'] },
  ]);
});

test.run();
