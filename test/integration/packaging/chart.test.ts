import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { isRecord } from '../../../src/api/json-values.ts';
import { recordAt } from '../../../src/kube/json.ts';
import { version } from '../../../src/support/version.ts';
import { chart, helm, type Manifest, render } from '../../fixtures/helm.ts';

const everything = [
  'policy={"hostPaths":[{"pathPrefix":"/srv/data"}]}',
  'otlp={"endpoint":"https://collector.example.org","workerEndpoint":"http://10.0.0.1:4318"}',
  'networkPolicy={"workerNamespaces":["team-a","team-b"],"metricsFrom":[{"podSelector":{}}]}',
  'serviceMonitor={"enabled":true}',
  'prometheusRule={"enabled":true}',
  'grafanaDashboard={"enabled":true}',
  'imagePullSecrets=[{"name":"registry"}]',
  'tolerations=[{"operator":"Exists"}]',
  'extraEnv=[{"name":"DOCKERRUN_HEALTH_PORT","value":"8081"}]',
];

function only(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter((one) => one.kind === kind && (name === undefined || one.name === name));
  assert.is(found.length, 1, `${found.length} objects of kind ${kind} ${name ?? ''}`);
  return found[0] as Manifest;
}

/** The values of the controller's environment. */
function environmentOf(manifests: readonly Manifest[]): Record<string, unknown> {
  const { env } = controllerOf(manifests);
  assert.ok(Array.isArray(env));
  return Object.fromEntries(
    env.filter(isRecord).map(({ name, value }): [string, unknown] => [String(name), value]),
  );
}

function controllerOf(manifests: readonly Manifest[]): Record<string, unknown> {
  const spec = recordAt(recordAt(recordAt(only(manifests, 'Deployment'), 'spec'), 'template'), 'spec');
  const containers = spec?.['containers'];
  const [controller] = Array.isArray(containers) ? containers.filter(isRecord) : [];
  assert.ok(controller !== undefined);
  return controller;
}

/** The message with which Helm refuses settings. */
async function refusalOf(...settings: string[]): Promise<string> {
  const refusal = await render(...settings).then(
    () => undefined,
    (error: unknown) => String(error),
  );
  return refusal ?? `${settings.join(' ')} was accepted`;
}

test('helm lint finds no problem', async () => {
  assert.match(await helm(['lint', '--strict', chart]), /0 chart\(s\) failed/);
  const set = everything.flatMap((setting) => ['--set-json', setting]);
  assert.match(await helm(['lint', '--strict', chart, ...set]), /0 chart\(s\) failed/);
});

test('every value is in the schema, and every property of the schema is a value', () => {
  const values: unknown = parse(readFileSync(`${chart}/values.yaml`, 'utf8'));
  const schema: unknown = JSON.parse(readFileSync(`${chart}/values.schema.json`, 'utf8'));
  assert.ok(isRecord(values));
  const properties = Object.keys(recordAt(schema, 'properties') ?? {}).filter((name) => name !== 'global');
  assert.equal(properties.toSorted(), Object.keys(values).toSorted());
});

test('unknown settings and values of the wrong type are refused by name', async () => {
  assert.match(await refusalOf('replicas=3'), /'replicas' not allowed/);
  assert.match(await refusalOf('image={"name":"x"}'), /'name' not allowed/);
  assert.match(await refusalOf('dockerSocket="run/docker.sock"'), /dockerSocket/);
  assert.match(await refusalOf('logLevel="loud"'), /logLevel/);
  assert.match(await refusalOf('image={"digest":"sha256:1"}'), /digest/);
  for (const some of ['0', '"0%"', '"150%"'])
    assert.match(await refusalOf(`podDisruptionBudget={"maxUnavailable":${some}}`), /maxUnavailable/);
  await render('podDisruptionBudget={"maxUnavailable":"100%"}');
  assert.match(await refusalOf('fullnameOverride="My_Name"'), /fullnameOverride/);
  assert.match(
    await refusalOf('podLabels={"app.kubernetes.io/name":"x"}'),
    /podLabels: app.kubernetes.io\/name is reserved for the chart/,
  );
});

test('a section that is set to null is reported as missing, by name', async () => {
  const schema: unknown = JSON.parse(readFileSync(`${chart}/values.schema.json`, 'utf8'));
  const properties = recordAt(schema, 'properties');
  const sections = Object.keys(properties).filter((name) => 'properties' in recordAt(properties, name));
  assert.ok(sections.length > 10);
  for (const section of [...sections, 'leaderElection'])
    assert.match(await refusalOf(`${section}=null`), new RegExp(`missing property '${section}'`));
  assert.match(await refusalOf('worker={"image":null}'), /missing property 'image'/);
  assert.match(await refusalOf('networkPolicy={"apiServerPorts":null}'), /missing property 'apiServerPorts'/);
});

test('two replicas without leader election are refused, and a single one is stopped before its successor starts', async () => {
  assert.match(await refusalOf('leaderElection=false'), /leaderElection: false requires replicaCount: 1/);
  const one = only(await render('leaderElection=false', 'replicaCount=1'), 'Deployment');
  assert.equal(recordAt(recordAt(one, 'spec'), 'strategy'), { type: 'Recreate' });
});

test('a trace endpoint only for the workers is refused, because it would have no effect', async () => {
  const workers = 'otlp={"workerEndpoint":"http://10.0.0.1:4318"}';
  assert.match(await refusalOf(workers), /otlp.workerEndpoint requires otlp.endpoint/);
  await render(
    workers,
    'extraEnv=[{"name":"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT","value":"http://10.0.0.2/"}]',
  );
});

test('the default image has the chart’s version, also for the workers', async () => {
  const manifests = await render();
  assert.is(controllerOf(manifests)['image'], `dockerrun:${version}`);
  assert.is(environmentOf(manifests)['DOCKERRUN_IMAGE'], `dockerrun:${version}`);
});

test('tag, digest and a separate image of the workers are applied', async () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const imagesOf = async (...settings: string[]) => {
    const manifests = await render(...settings);
    return [controllerOf(manifests)['image'], environmentOf(manifests)['DOCKERRUN_IMAGE']];
  };
  const both = (image: string) => [image, image];
  assert.equal(await imagesOf('image={"repository":"r.example.org/d","tag":"7"}'), both('r.example.org/d:7'));
  assert.equal(await imagesOf(`image={"tag":"7","digest":"${digest}"}`), both(`dockerrun@${digest}`));
  assert.equal(await imagesOf('worker={"image":{"tag":"7"}}'), [`dockerrun:${version}`, 'dockerrun:7']);
  assert.equal(await imagesOf('image={"tag":"7"}', 'worker={"image":{"repository":"mirror/d"}}'), [
    'dockerrun:7',
    `mirror/d:${version}`,
  ]);
  assert.equal(await imagesOf(`image={"digest":"${digest}"}`, 'worker={"image":{"tag":"7"}}'), [
    `dockerrun@${digest}`,
    'dockerrun:7',
  ]);
});

test('the settings of node paths reach the controller', async () => {
  const environment = environmentOf(
    await render('dockerSocket="/run/d.sock"', 'kubeletRoot="/k"', 'cgroupRoot="/c"', ...everything),
  );
  assert.is(environment['DOCKERRUN_DOCKER_SOCKET'], '/run/d.sock');
  assert.is(environment['DOCKERRUN_KUBELET_ROOT'], '/k');
  assert.is(environment['DOCKERRUN_CGROUP_ROOT'], '/c');
  assert.is(environment['OTEL_EXPORTER_OTLP_ENDPOINT'], 'https://collector.example.org');
  assert.is(environment['DOCKERRUN_HEALTH_PORT'], '8081');
});

test('the Secrets for the image of the workers reach the controller by name', async () => {
  const named = 'worker={"imagePullSecrets":[{"name":"registry"},{"name":"mirror"}]}';
  assert.is(environmentOf(await render(named))['DOCKERRUN_IMAGE_PULL_SECRETS'], 'registry,mirror');
  assert.is(environmentOf(await render())['DOCKERRUN_IMAGE_PULL_SECRETS'], undefined);
  assert.match(await refusalOf('worker={"imagePullSecrets":[{"name":"a,b"}]}'), 'imagePullSecrets');
});

test('the CA bundle and the proxies of the workers reach the controller', async () => {
  const proxy = '"proxy":{"https":"http://proxy.example.org:3128","noProxy":".cluster.local"}';
  const bundle = '-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n';
  const environment = environmentOf(await render(`worker={"caBundle":"${bundle}",${proxy}}`));
  assert.is(environment['DOCKERRUN_WORKER_CA_BUNDLE'], bundle.replaceAll('\\n', '\n'));
  assert.match(await refusalOf('worker={"caBundle":"pem"}'), 'caBundle');
  assert.is(environment['DOCKERRUN_WORKER_HTTPS_PROXY'], 'http://proxy.example.org:3128');
  assert.is(environment['DOCKERRUN_WORKER_HTTP_PROXY'], undefined);
  assert.is(environment['DOCKERRUN_WORKER_NO_PROXY'], '.cluster.local');
});

test('there are two replicas; an eviction removes at most one, and an upgrade never removes both', async () => {
  const manifests = await render();
  const deployment = recordAt(only(manifests, 'Deployment'), 'spec') ?? {};
  assert.is(deployment['replicas'], 2);
  assert.equal(recordAt(deployment, 'strategy'), {
    type: 'RollingUpdate',
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
  });
  assert.is(recordAt(only(manifests, 'PodDisruptionBudget'), 'spec')?.['maxUnavailable'], 1);
});

/** The controller may also delete pods; users with the chart's role may not. */
const ofPods = /^\["get","list","watch"(,"delete")?\]$/;

test('the controller cannot read Secrets but its own, nor create pods, and none of its rules has a wildcard', async () => {
  const manifests = await render(...everything);
  const roles = manifests.filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role');
  const rules = roles.flatMap(({ rules: some }) => (Array.isArray(some) ? some.filter(isRecord) : []));
  assert.ok(rules.length > 8);
  for (const rule of rules) {
    const resources = JSON.stringify(rule['resources']);
    assert.not.match(JSON.stringify(rule), /"\*"/);
    assert.not.match(resources, /pods\/exec|serviceaccounts|roles/);
    if (/secrets|webhookconfigurations/.test(resources) && !/"create"/.test(JSON.stringify(rule['verbs'])))
      assert.equal(rule['resourceNames'], ['dockerrun-controller-webhook']);
    if (/"pods"/.test(resources)) assert.match(JSON.stringify(rule['verbs']), ofPods);
  }
});

test('with a certificate of cert-manager, or without the webhook, the controller can read no Secret at all', async () => {
  const certManager = 'webhook={"certManager":{"enabled":true,"issuerRef":{"name":"internal"}}}';
  for (const setting of [certManager, 'webhook={"enabled":false}']) {
    const roles = (await render(setting)).filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role');
    assert.not.match(JSON.stringify(roles), /secrets|webhookconfigurations/);
  }
});

test('the webhook never blocks: its configuration ignores failures and has no authority of its own', async () => {
  const webhooks = only(await render(), 'ValidatingWebhookConfiguration', 'dockerrun-controller-webhook')[
    'webhooks'
  ];
  const [webhook = {}] = Array.isArray(webhooks) ? webhooks.filter(isRecord) : [];
  assert.is(webhook['failurePolicy'], 'Ignore');
  assert.is(webhook['timeoutSeconds'], 3);
  assert.is(webhook['sideEffects'], 'None');
  const service = {
    name: 'dockerrun-controller',
    namespace: 'dockerrun-system',
    path: '/validate',
    port: 443,
  };
  assert.equal(webhook['clientConfig'], { service }, 'caBundle has another owner');
  const ports = JSON.stringify(recordAt(only(await render(), 'Service'), 'spec')['ports']);
  assert.match(ports, '{"name":"webhook","port":443,"targetPort":"webhook"}');
});

test('the webhook has the certificate of cert-manager if that is asked for, and then needs an issuer', async () => {
  const on = 'webhook={"certManager":{"enabled":true,"issuerRef":{"name":"internal"}}}';
  const manifests = await render(on);
  const name = 'dockerrun-controller-webhook';
  const { dnsNames, secretName } = recordAt(only(manifests, 'Certificate', name), 'spec');
  assert.equal([dnsNames, secretName], [['dockerrun-controller.dockerrun-system.svc'], name]);
  const configuration = only(manifests, 'ValidatingWebhookConfiguration', name);
  assert.equal(recordAt(recordAt(configuration, 'metadata'), 'annotations'), {
    'cert-manager.io/inject-ca-from': `dockerrun-system/${name}`,
  });
  assert.is(environmentOf(manifests)['DOCKERRUN_WEBHOOK_CERTIFICATES'], '/etc/dockerrun/webhook');
  assert.match(await refusalOf('webhook={"certManager":{"enabled":true}}'), /issuerRef\.name/);
});

test('webhook.enabled: false leaves out everything of the webhook', async () => {
  const manifests = (await render('webhook={"enabled":false}')).filter(
    ({ kind }) => kind !== 'CustomResourceDefinition',
  );
  assert.not.match(JSON.stringify(manifests), /webhook/i);
});

test('viewers can read runs, editors can create them, and administrators need no further role', async () => {
  const manifests = await render();
  const labelsOf = (name: string, among = manifests) =>
    Object.keys(recordAt(recordAt(only(among, 'ClusterRole', name), 'metadata'), 'labels') ?? {})
      .filter((label) => label.includes('aggregate-to-'))
      .map((label) => label.split('aggregate-to-')[1])
      .toSorted();
  assert.equal(labelsOf('dockerrun-view'), ['admin', 'edit', 'view']);
  assert.equal(labelsOf('dockerrun-edit'), ['admin', 'edit']);
  const none = await render('rbac={"aggregate":false}');
  for (const name of ['dockerrun-view', 'dockerrun-edit'])
    assert.equal(labelsOf(name, none), [], 'the role exists, but no other role aggregates it');
});

test('the controller can connect only to the API server, DNS, workers and the collector', async () => {
  const spec = recordAt(only(await render(...everything), 'NetworkPolicy', 'dockerrun-controller'), 'spec');
  assert.equal(spec?.['policyTypes'], ['Ingress', 'Egress']);
  const egress = Array.isArray(spec['egress']) ? spec['egress'].filter(isRecord) : [];
  const portsOf = ({ ports }: Record<string, unknown>) =>
    Array.isArray(ports) ? ports.filter(isRecord).map(({ port }) => port) : [];
  assert.equal(egress.map(portsOf), [[443, 6443], [53, 53], [8089], [443]]);
  const open = egress.filter((rule) => rule['ports'] === undefined);
  assert.equal(open, [], 'no rule is for every port');
});

test('in the listed namespaces, only the controller can connect to the workers and planners', async () => {
  const isOfAgent = (policy: Manifest) =>
    String(recordAt(policy, 'metadata')?.['name']).endsWith('node-agent');
  const policies = (await render(...everything)).filter(
    (one) => one.kind === 'NetworkPolicy' && !isOfAgent(one),
  );
  const places = policies.map(
    ({ name, metadata }) => `${String(recordAt({ metadata }, 'metadata')['namespace'])}/${name}`,
  );
  assert.equal(places.toSorted(), [
    'dockerrun-system/dockerrun-controller',
    ...['team-a/dockerrun-planners', 'team-a/dockerrun-workers'],
    ...['team-b/dockerrun-planners', 'team-b/dockerrun-workers'],
  ]);
});

test('objects that need other operators are rendered only on request', async () => {
  const kinds = (manifests: readonly Manifest[]) => new Set(manifests.map(({ kind }) => kind));
  const extras = ['ServiceMonitor', 'PrometheusRule', 'ConfigMap'];
  const [few, all] = [kinds(await render()), kinds(await render(...everything))];
  for (const extra of extras) {
    assert.not.ok(few.has(extra), extra);
    assert.ok(all.has(extra), extra);
  }
});

test('the chart’s alerts and dashboard are those of the project', async () => {
  const manifests = await render(...everything);
  const rules: unknown = parse(readFileSync('deploy/alerts/dockerrun.rules.yaml', 'utf8'));
  assert.equal(recordAt(only(manifests, 'PrometheusRule'), 'spec'), rules);
  const dashboards = recordAt(only(manifests, 'ConfigMap'), 'data') ?? {};
  assert.equal(
    JSON.parse(String(dashboards['dockerrun.json'])),
    JSON.parse(readFileSync('deploy/dashboards/dockerrun.json', 'utf8')),
  );
});

test('a CRD is a normal object, so it is upgraded, and is kept on uninstall', async () => {
  const definition = only(await render(), 'CustomResourceDefinition', 'dockerruns.dockerrun.dev');
  const { annotations } = recordAt(definition, 'metadata') ?? {};
  assert.equal(annotations, { 'helm.sh/resource-policy': 'keep' });
  const without = await render('crds={"install":false}');
  assert.not.ok(without.some(({ kind }) => kind === 'CustomResourceDefinition'));
});

test('large integers of a policy keep their digits', async () => {
  const limits = '{"dockerDefaults":{"ulimits":[{"name":"nofile","soft":1048576,"hard":1048576}]}}';
  const policy = only(await render(`policy=${limits}`), 'DockerRunPolicy', 'default');
  const { dockerDefaults } = recordAt(policy, 'spec') ?? {};
  assert.equal({ dockerDefaults }, JSON.parse(limits));
});

test('as shipped, a policy that allows nothing is there and is required; null leaves it to the administrator', async () => {
  const shipped = await render();
  const spec = recordAt(only(shipped, 'DockerRunPolicy', 'default'), 'spec');
  assert.equal(spec, {});
  assert.is(environmentOf(shipped)['DOCKERRUN_POLICY_REQUIRED'], 'true');
  const own = await render('policy=null', 'policyRequired=false');
  assert.not.ok(own.some(({ kind }) => kind === 'DockerRunPolicy'));
  assert.is(environmentOf(own)['DOCKERRUN_POLICY_REQUIRED'], 'false');
});

test('two releases have different names', async () => {
  const text = await helm(['template', 'blue', chart, '-n', 'blue']);
  assert.match(text, /name: blue-dockerrun-controller/);
});

test('a release whose name cannot start the name of a Service is refused, unless it is overridden', async () => {
  for (const release of ['9foo', 'my.run', 'dockerrun.x']) {
    const refusal = helm(['template', release, chart]).then(String, String);
    assert.match(await refusal, new RegExp(`the release name ${release} is not a valid prefix`));
    const text = await helm(['template', release, chart, '--set', 'fullnameOverride=mine']);
    assert.match(text, /name: mine-controller/);
  }
});

test.run();
