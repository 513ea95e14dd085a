import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execute, succeed } from './shell.ts';

const fixtures = join(import.meta.dirname, '../../fixtures');
const keyLength = 12;

/** The name of an image with the commands of girder/girder_worker_test:ng, rebuilt if its recipe changes. */
export function girderWorkerTestImage(): Promise<string> {
  return imageOfDirectory('girder-worker', ['Dockerfile', 'test.sh']);
}

/** The name of an image with the CLI `Count` for Slicer CLI Web, rebuilt if its recipe changes. */
export function slicerCliImage(): Promise<string> {
  return imageOfDirectory('slicer-cli', ['Dockerfile', 'cli.sh', 'Count.xml']);
}

/** The image of the directory `<name>-image` of the fixtures, with a hash of the files of its recipe. */
async function imageOfDirectory(name: string, recipe: readonly string[]): Promise<string> {
  const context = join(fixtures, `${name}-image`);
  const hash = createHash('sha256');
  for (const file of recipe) hash.update(await readFile(join(context, file)));
  return ensureImage(`dockerrun-test/${name}:${hash.digest('hex').slice(0, keyLength)}`, [context]);
}

/** Builds an image from a Dockerfile that needs no files; returns its name, with a hash of the Dockerfile. */
export async function imageOf(name: string, dockerfile: string): Promise<string> {
  const key = createHash('sha256').update(dockerfile).digest('hex').slice(0, keyLength);
  return ensureImage(`dockerrun-test/${name}:${key}`, ['-'], dockerfile);
}

async function ensureImage(image: string, source: readonly string[], input = ''): Promise<string> {
  if ((await execute('docker', ['image', 'inspect', image])).code === 0) return image;
  await succeed('docker', ['build', '--quiet', '--tag', image, ...source], { input });
  return image;
}
