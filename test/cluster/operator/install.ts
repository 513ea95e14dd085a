import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { layout } from '../layout.ts';
import { loadOperatorImage } from '../node2/node-images.ts';
import { runProgram } from '../program.ts';
import { printLine } from '../progress.ts';
import { bridgeValues, prepareBridge } from './bridge.ts';
import { buildOperatorImage, operatorImage } from './image.ts';
import { helm, kubectl } from './kubernetes-cli.ts';

const namespace = 'dockerrun-system';
const release = 'dockerrun';
const rolloutSeconds = 120;

/** Host directories that runs may mount on the test cluster; the demo and the tests put their data there. */
const allowedHostPath = '/srv/dockerrun';

/** What the tests and the examples use; the default ttl of the chart counts as well. */
const testPolicy = {
  hostPaths: [{ pathPrefix: allowedHostPath }],
  namedVolumes: [{ name: 'dockerrun-test-*', create: true }],
  keptContainers: true,
  priorityClassNames: ['system-cluster-critical'],
  podMetadata: { labels: [{ key: 'team' }], annotations: [{ key: 'example.org/note' }] },
};

/** Builds the operator's image and installs it with the chart, as docs/install.md describes. */
async function installOperator(signal: AbortSignal): Promise<void> {
  process.chdir(layout.checkout);
  const content = await buildOperatorImage(signal);
  await loadOperatorImage(signal);
  mkdirSync(allowedHostPath, { recursive: true });
  printLine('installing the operator with Helm');
  await kubectl(['apply', '--server-side', '-f', '-'], signal, restrictedNamespace());
  await prepareBridge(namespace, signal);
  await removePendingReleases(signal);
  const fixed = ['--namespace', namespace, '--values', writeValues(content)];
  const waiting = ['--wait', '--timeout', `${rolloutSeconds}s`];
  // A cluster may have an installation that was made without Helm.
  const force = ['--take-ownership', '--force-conflicts'];
  await helm(['upgrade', '--install', release, 'deploy/chart', ...fixed, ...waiting, ...force], signal);
  printLine('the operator is ready');
}

function restrictedNamespace(): string {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } });
}

/** Removes the record of an upgrade that was killed, because Helm would refuse the next one. */
async function removePendingReleases(signal: AbortSignal): Promise<void> {
  const inNamespace = ['--namespace', namespace, '--ignore-not-found'];
  const pending = `owner=helm,name=${release},status in (pending-install,pending-upgrade,pending-rollback)`;
  await kubectl(['delete', 'secret', ...inNamespace, '--selector', pending], signal);
}

/** Writes the settings for this machine: the image, where it has its parts, and a policy. */
function writeValues(content: string): string {
  const [repository, tag] = operatorImage.split(':');
  const path = join(layout.checkout, '.cluster', 'values.yaml');
  const values = {
    image: { repository, tag },
    dockerSocket: layout.dockerSocket,
    kubeletRoot: layout.kubeletRoot,
    nodeAgent: { dockerRoot: join(layout.state, 'docker'), mountPropagation: 'None' },
    policy: testPolicy,
    bridge: bridgeValues(),
    // The tag stays, so a change of content must show in the pod template for the Deployment to follow.
    podAnnotations: { 'dockerrun.dev/content': content },
  };
  mkdirSync(join(layout.checkout, '.cluster'), { recursive: true });
  writeFileSync(path, stringify(values));
  return path;
}

await runProgram(installOperator);
