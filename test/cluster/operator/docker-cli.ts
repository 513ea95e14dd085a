import { capture } from '../command.ts';
import { layout } from '../layout.ts';

const buildSeconds = 300;

/** Runs the docker CLI against the cluster's engine; the classic builder needs no plugin and no registry. */
export function docker(args: readonly string[], signal: AbortSignal): Promise<string> {
  const env = { ...process.env, DOCKER_BUILDKIT: '0' };
  return capture('docker', ['--host', `unix://${layout.dockerSocket}`, ...args], signal, {
    env,
    seconds: buildSeconds,
  });
}

/** The id of an image; nothing when there is no such image. */
export async function imageId(name: string, signal: AbortSignal): Promise<string | undefined> {
  const id = (await docker(['image', 'ls', '--quiet', name], signal)).trim();
  return id === '' ? undefined : id;
}

export async function imageExists(name: string, signal: AbortSignal): Promise<boolean> {
  return (await imageId(name, signal)) !== undefined;
}

/** The value of an image's label; nothing when there is no such image or label. */
export async function imageLabel(
  name: string,
  label: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!(await imageExists(name, signal))) return undefined;
  const format = `{{ index .Config.Labels "${label}" }}`;
  return (await docker(['image', 'inspect', '--format', format, name], signal)).trim();
}

/** Gives an image of the engine to the kubelet's containerd too. */
export async function loadIntoContainerd(name: string, tar: string, signal: AbortSignal): Promise<void> {
  await docker(['save', '--output', tar, name], signal);
  await capture('ctr', [...containerd, 'images', 'import', tar], signal, { seconds: buildSeconds });
}

export async function isInContainerd(name: string, signal: AbortSignal): Promise<boolean> {
  const names = await capture('ctr', [...containerd, 'images', 'list', '--quiet'], signal);
  return names.split('\n').includes(`docker.io/library/${name}`);
}

const containerd = ['--address', layout.containerdSocket, '--namespace', 'k8s.io'];
