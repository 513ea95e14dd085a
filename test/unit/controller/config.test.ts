import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeCertificate } from '../../../src/controller/admission/webhook-certificate.ts';
import { readConfig } from '../../../src/controller/config.ts';

test('only the image of the worker must be set', () => {
  assert.equal(readConfig({ DOCKERRUN_IMAGE: 'dockerrun:1' }), {
    worker: {
      image: 'dockerrun:1',
      imagePullPolicy: 'IfNotPresent',
      imagePullSecrets: [],
      dockerSocket: '/var/run/docker.sock',
      kubeletRoot: '/var/lib/kubelet',
      cgroupRoot: '/',
      logLevel: 'warn',
      onReadyNodes: false,
    },
    logLevel: 'info',
    healthPort: 8081,
    metricsPort: 8080,
    nodeAgentNamespace: undefined,
    leaderElection: true,
    policyRequired: false,
    webhook: undefined,
  });
});

test('the admission webhook is on where it has a port', () => {
  const read = (more: Record<string, string>) => readConfig({ DOCKERRUN_IMAGE: 'i', ...more }).webhook;
  assert.is(read({ DOCKERRUN_WEBHOOK_PORT: '0' }), undefined);
  assert.equal(
    read({
      DOCKERRUN_WEBHOOK_PORT: '8443',
      DOCKERRUN_WEBHOOK_HOST: 'a.b.svc',
      DOCKERRUN_WEBHOOK_NAME: 'a-webhook',
      DOCKERRUN_WEBHOOK_CERTIFICATES: '/certificates',
    }),
    { port: 8443, host: 'a.b.svc', name: 'a-webhook', certificateDirectory: '/certificates' },
  );
  assert.throws(() => read({ DOCKERRUN_WEBHOOK_PORT: 'https' }), /DOCKERRUN_WEBHOOK_PORT/);
});

test('an empty setting counts as not set', () => {
  const { worker } = readConfig({ DOCKERRUN_IMAGE: 'i', DOCKERRUN_DOCKER_SOCKET: '' });
  assert.is(worker.dockerSocket, '/var/run/docker.sock');
});

test('every setting is read', () => {
  const { worker, logLevel, healthPort, nodeAgentNamespace } = readConfig({
    DOCKERRUN_IMAGE: 'i',
    DOCKERRUN_IMAGE_PULL_POLICY: 'Never',
    DOCKERRUN_IMAGE_PULL_SECRETS: 'registry,mirror',
    DOCKERRUN_DOCKER_SOCKET: '/run/docker.sock',
    DOCKERRUN_KUBELET_ROOT: '/k',
    DOCKERRUN_CGROUP_ROOT: '/machine',
    DOCKERRUN_WORKER_LOG_LEVEL: 'debug',
    DOCKERRUN_LOG_LEVEL: 'warn',
    DOCKERRUN_HEALTH_PORT: '9000',
    DOCKERRUN_NODE_AGENT_NAMESPACE: 'agents',
  });
  assert.equal(Object.values(worker), [
    'i',
    'Never',
    ['registry', 'mirror'],
    '/run/docker.sock',
    '/k',
    '/machine',
    'debug',
    true,
  ]);
  assert.is(nodeAgentNamespace, 'agents');
  assert.equal([logLevel, healthPort], ['warn', 9000]);
});

for (const name of ['DOCKERRUN_DOCKER_SOCKET', 'DOCKERRUN_KUBELET_ROOT', 'DOCKERRUN_CGROUP_ROOT']) {
  test(`${name} must be an absolute path`, () => {
    const read = () => readConfig({ DOCKERRUN_IMAGE: 'i', [name]: 'docker.sock' });
    assert.throws(read, new RegExp(`${name} must be an absolute path.*"docker\\.sock"`));
  });
}

test('the CA bundle and the proxies of the workers are read, and a mistake names its setting', () => {
  const { ca: bundle } = makeCertificate('girder.example.org', new Date());
  const { worker } = readConfig({
    DOCKERRUN_IMAGE: 'i',
    DOCKERRUN_WORKER_CA_BUNDLE: bundle,
    DOCKERRUN_WORKER_HTTPS_PROXY: 'http://user:secret@proxy.example.org:3128',
    DOCKERRUN_WORKER_NO_PROXY: '.cluster.local,10.0.0.0/8',
  });
  assert.equal(worker.egress, {
    DOCKERRUN_CA_BUNDLE: bundle,
    DOCKERRUN_HTTPS_PROXY: 'http://user:secret@proxy.example.org:3128',
    DOCKERRUN_NO_PROXY: '.cluster.local,10.0.0.0/8',
  });
  const read = (more: Record<string, string>) => () => readConfig({ DOCKERRUN_IMAGE: 'i', ...more });
  assert.throws(read({ DOCKERRUN_WORKER_CA_BUNDLE: 'none' }), /DOCKERRUN_WORKER_CA_BUNDLE: .*no certificate/);
  const large = { DOCKERRUN_WORKER_CA_BUNDLE: bundle.repeat(200) };
  assert.throws(read(large), /longer than 64 KiB/);
  const wrong = { DOCKERRUN_WORKER_HTTP_PROXY: 'ftp://user:secret@proxy.example.org' };
  assert.throws(
    read(wrong),
    (error: Error) => error.message.includes('WORKER_HTTP_PROXY') && !error.message.includes('secret'),
  );
});

test('without the image of the worker, the controller does not start', () => {
  for (const environment of [{}, { DOCKERRUN_IMAGE: '' }])
    assert.throws(() => readConfig(environment), /DOCKERRUN_IMAGE must name/);
});

test('the error about an invalid port names the setting', () => {
  for (const port of ['http', '-1', '70000', '80.5']) {
    const read = () => readConfig({ DOCKERRUN_IMAGE: 'i', DOCKERRUN_HEALTH_PORT: port });
    assert.throws(read, /DOCKERRUN_HEALTH_PORT/, port);
  }
});

test('the metrics have a port of their own, and 0 turns them off', () => {
  const read = (port: string) =>
    readConfig({ DOCKERRUN_IMAGE: 'i', DOCKERRUN_METRICS_PORT: port }).metricsPort;
  assert.equal([read(''), read('9090'), read('0')], [8080, 9090, 0]);
  assert.throws(() => read('http'), /DOCKERRUN_METRICS_PORT/);
});

test('leader election is true or false, and any other value is an error', () => {
  const read = (text: string) => readConfig({ DOCKERRUN_IMAGE: 'i', DOCKERRUN_LEADER_ELECTION: text });
  assert.is(read('false').leaderElection, false);
  assert.throws(() => read('no'), /DOCKERRUN_LEADER_ELECTION must be true or false, not "no"/);
});

test.run();
