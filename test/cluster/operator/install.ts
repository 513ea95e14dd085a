import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { capture } from '../command.ts';
import { kubernetesBinaries } from '../install/go-binaries.ts';
import { layout } from '../layout.ts';
import { runProgram } from '../program.ts';
import { say } from '../progress.ts';
import { buildOperatorImage, operatorImage } from './image.ts';

const namespace = 'dockerrun-system';
const rolloutSeconds = 120;

/** Host directories that runs may mount on the test cluster; the demo and the tests put their data there. */
export const allowedHostPath = '/srv/dockerrun';

/** Builds the operator's image and installs it from deploy/, as a user does, with an overlay for this machine. */
async function installOperator(signal: AbortSignal): Promise<void> {
  const content = await buildOperatorImage(signal);
  mkdirSync(allowedHostPath, { recursive: true });
  const overlay = writeOverlay(content);
  say('installing the operator from deploy/');
  await kubectl(['apply', '--server-side', '--force-conflicts', '-k', overlay], signal);
  await kubectl(
    ['-n', namespace, 'rollout', 'status', 'deployment/dockerrun-controller', `--timeout=${rolloutSeconds}s`],
    signal,
  );
  say('the operator is ready');
}

/** Writes the overlay that README describes: the image, where this machine has its parts, and a policy. */
function writeOverlay(content: string): string {
  const directory = join(layout.checkout, '.cluster', 'overlay');
  mkdirSync(directory, { recursive: true });
  const [name, tag] = operatorImage.split(':');
  const settings = {
    DOCKERRUN_IMAGE: operatorImage,
    DOCKERRUN_DOCKER_SOCKET: layout.dockerSocket,
    DOCKERRUN_KUBELET_ROOT: layout.kubeletRoot,
  };
  const policy = { hostPaths: [{ pathPrefix: allowedHostPath }] };
  const kustomization = {
    resources: ['../../deploy'],
    images: [{ name, newTag: tag }],
    namespace,
    configMapGenerator: [
      {
        name: 'dockerrun-settings',
        behavior: 'merge',
        literals: Object.entries(settings).map(([key, value]) => `${key}=${value}`),
      },
    ],
    patches: [
      { target: { kind: 'ConfigMap', name: 'dockerrun-policy' }, patch: policyPatch(policy) },
      { target: { kind: 'Deployment', name: 'dockerrun-controller' }, patch: contentPatch(content) },
    ],
  };
  writeFileSync(join(directory, 'kustomization.yaml'), stringify(kustomization));
  return directory;
}

function policyPatch(policy: object): string {
  return stringify([{ op: 'replace', path: '/data/policy.yaml', value: stringify(policy) }]);
}

/** The tag stays, so a change of content must show in the pod template for the Deployment to follow. */
function contentPatch(content: string): string {
  return stringify([
    { op: 'add', path: '/spec/template/metadata/annotations', value: { 'dockerrun.dev/content': content } },
  ]);
}

function kubectl(args: readonly string[], signal: AbortSignal): Promise<string> {
  const program = join(kubernetesBinaries(), 'kubectl');
  const env = { ...process.env, KUBECONFIG: layout.kubeconfig };
  return capture(program, args, signal, { env, seconds: rolloutSeconds + 30 });
}

await runProgram(installOperator);
