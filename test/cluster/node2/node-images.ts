import { existsSync, globSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { docker, imageExists } from '../operator/docker-cli.ts';
import { operatorImage } from '../operator/image.ts';
import { busyboxImage, pauseImage } from '../setup/image-names.ts';
import { readLivePid } from '../supervise/pid-file.ts';
import type { EngineChoice } from './engines.ts';
import { onNode2 } from './node-shell.ts';
import { node2, node2Files } from './node2-layout.ts';

const loadSeconds = 300;
/** On the node: a file for each image, with the name of the tar that was imported last. */
const imported = '/var/lib/dockerrun-images';

async function imageDigest(name: string, signal: AbortSignal): Promise<string> {
  const id = await docker(['image', 'inspect', '--format', '{{ .Id }}', name], signal);
  return id.trim().replace('sha256:', '').slice(0, 12);
}

/** Saves an image for the node under a name that changes with its content, and removes what it had before. */
export async function saveImage(name: string, signal: AbortSignal): Promise<string> {
  mkdirSync(node2Files.images, { recursive: true, mode: 0o700 });
  const short = name.replace(/^.*\//, '').replace(':', '-');
  const file = `${short}-${await imageDigest(name, signal)}.tar`;
  const path = join(node2Files.images, file);
  if (!existsSync(path)) {
    await docker(['save', '--output', `${path}.new`, name], signal);
    renameSync(`${path}.new`, path);
  }
  // The node imports what it finds at its start, so that of two with one name either may win.
  for (const each of globSync(join(node2Files.images, `${short}-${'?'.repeat(12)}.tar`)))
    if (each !== path) rmSync(each);
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

/** Runs a command of the node with a saved image, unless the last one with the name of this image was the same. */
async function importOnce(file: string, kind: 'pods' | 'engine', signal: AbortSignal): Promise<void> {
  const name = file.replace(/-[0-9a-f]+\.tar$/, '');
  const tar = `/host/images/${file}`;
  const command =
    kind === 'pods' ? `ctr -n k8s.io images import ${tar}` : `docker load --quiet --input ${tar}`;
  const mark = kind === 'pods' ? `${imported}/${name}` : `${imported}/${name}.${kind}`;
  const isThere = `[ "$(cat ${mark} 2> /dev/null)" = ${file} ]`;
  const load = `mkdir -p ${imported} && ${command} && echo ${file} > ${mark}`;
  await onNode2(`${isThere} || { ${load}; }`, signal, loadSeconds);
}

/** Gives a saved image to the node's containerd, which runs pods. */
export function importForPods(file: string, signal: AbortSignal): Promise<void> {
  return importOnce(file, 'pods', signal);
}

/** Gives a saved image to the node's Docker Engine, which runs targets. */
export function importForEngine(file: string, signal: AbortSignal): Promise<void> {
  return importOnce(file, 'engine', signal);
}

/** Gives the running node the images of pods that it does not have, and its engine the one of the tests' targets. */
export async function loadImages(engine: EngineChoice, signal: AbortSignal): Promise<void> {
  for (const file of await saveImages(signal)) {
    await importForPods(file, signal);
    if (engine.docker && file.startsWith('busybox-')) await importForEngine(file, signal);
  }
}

/** Gives the second node the present image of the operator, if the node runs: pods there start what it has. */
export async function loadOperatorImage(signal: AbortSignal): Promise<void> {
  if (readLivePid(node2.name) === undefined) return;
  await importForPods(await saveImage(operatorImage, signal), signal);
}
