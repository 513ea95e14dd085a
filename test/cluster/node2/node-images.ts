import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { docker, imageExists } from '../operator/docker-cli.ts';
import { operatorImage } from '../operator/image.ts';
import { busyboxImage, pauseImage } from '../setup/image-names.ts';
import type { EngineChoice } from './engines.ts';
import { onNode2 } from './node-shell.ts';
import { node2Files } from './node2-layout.ts';

const loadSeconds = 300;

async function imageDigest(name: string, signal: AbortSignal): Promise<string> {
  const id = await docker(['image', 'inspect', '--format', '{{ .Id }}', name], signal);
  return id.trim().replace('sha256:', '').slice(0, 12);
}

/** Saves an image for the node under a name that changes with its content. */
export async function saveImage(name: string, signal: AbortSignal): Promise<string> {
  mkdirSync(node2Files.images, { recursive: true, mode: 0o700 });
  const short = name.replace(/^.*\//, '').replace(':', '-');
  const file = `${short}-${await imageDigest(name, signal)}.tar`;
  const path = join(node2Files.images, file);
  if (existsSync(path)) return file;
  await docker(['save', '--output', `${path}.new`, name], signal);
  renameSync(`${path}.new`, path);
  return file;
}

/** Puts the images of pods where the node takes them from at its start. */
export async function saveImages(signal: AbortSignal): Promise<string[]> {
  const names = [pauseImage, busyboxImage];
  if (await imageExists(operatorImage, signal)) names.push(operatorImage);
  const files: string[] = [];
  for (const name of names) files.push(await saveImage(name, signal));
  return files;
}

/** Gives the running node the images of pods that it does not have, and its engine the one of the tests' targets. */
export async function loadImages(engine: EngineChoice, signal: AbortSignal): Promise<void> {
  for (const file of await saveImages(signal)) {
    const tar = `/host/images/${file}`;
    const imported = `/var/lib/dockerrun-images/${file}`;
    const forPods = `ctr -n k8s.io images import ${tar}`;
    const forTargets = `docker load --quiet --input ${tar}`;
    const load = engine.docker && file.startsWith('busybox-') ? `${forPods} && ${forTargets}` : forPods;
    const mark = engine.docker && file.startsWith('busybox-') ? `${imported}-docker` : imported;
    await onNode2(`[ -e ${mark} ] || { ${load} && touch ${mark}; }`, signal, loadSeconds);
  }
}
