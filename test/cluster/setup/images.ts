import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capture } from '../command.ts';
import { layout } from '../layout.ts';
import type { Step } from '../steps.ts';
import { layOutBusyboxRoot } from './busybox-root.ts';
import { busyboxImage, pauseImage } from './image-names.ts';

const dockerArgs = ['--host', `unix://${layout.dockerSocket}`];
const ctrArgs = ['--address', layout.containerdSocket, '--namespace', 'k8s.io', 'images'];

/** As process 1 of a pod it must reap what its neighbours leave, and `wait` does; ash has no endless sleep. */
const pauseScript = 'trap "exit 0" TERM INT; while :; do sleep 2147483 & wait $!; done';

const changes: Readonly<Record<string, readonly string[]>> = {
  [pauseImage]: [`ENTRYPOINT ${JSON.stringify(['/bin/sh', '-c', pauseScript])}`],
  [busyboxImage]: ['CMD ["/bin/sh"]', 'ENV PATH=/bin'],
};

async function missing(signal: AbortSignal): Promise<boolean> {
  const inContainerd = await capture('ctr', [...ctrArgs, 'list', '--quiet'], signal);
  const names = Object.keys(changes);
  if (!names.every((name) => inContainerd.split('\n').includes(name))) return true;
  try {
    await capture('docker', [...dockerArgs, 'image', 'inspect', busyboxImage], signal);
    return false;
  } catch {
    return true;
  }
}

async function makeImage(name: string, tar: string, scratch: string, signal: AbortSignal): Promise<void> {
  const flags = (changes[name] ?? []).flatMap((change) => ['--change', change]);
  const saved = join(scratch, 'image.tar');
  await capture('docker', [...dockerArgs, 'import', ...flags, tar, name], signal);
  await capture('docker', [...dockerArgs, 'save', '--output', saved, name], signal);
  await capture('ctr', [...ctrArgs, 'import', saved], signal);
}

/** Makes the pause image and a busybox image from the machine's own busybox, in Docker Engine and in containerd. */
export const imagesStep: Step = {
  name: 'images',
  after: ['containerd', 'docker-engine'],
  run: async (signal) => {
    if (!(await missing(signal))) return;
    const scratch = mkdtempSync(join(tmpdir(), 'dockerrun-images-'));
    try {
      const root = join(scratch, 'root');
      const tar = join(scratch, 'root.tar');
      await layOutBusyboxRoot(root, signal);
      await capture('tar', ['--create', '--file', tar, '--numeric-owner', '--directory', root, '.'], signal);
      for (const name of Object.keys(changes)) await makeImage(name, tar, scratch, signal);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};
