import { createHash } from 'node:crypto';
import { cpSync, existsSync, globSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fillOnce } from '../../test/cluster/install/cache.ts';
import { machineRelease } from '../../test/cluster/install/debian-archive.ts';
import { layout } from '../../test/cluster/layout.ts';
import { docker, imageExists } from '../../test/cluster/operator/docker-cli.ts';
import { printLine } from '../../test/cluster/progress.ts';
import { installPythonPackages } from './python-packages.ts';
import { makeRootFileSystem } from './root-file-system.ts';

const target = join(import.meta.dirname, 'target');
const requirements = join(target, 'requirements.txt');
const keyLength = 12;

/** What a build needs from the network; kept over `make cluster-down` because it takes a minute or two. */
type Ingredients = { key: string; rootTar: string; context: string; packages: string };

function ingredients(): Ingredients {
  const key = createHash('sha256')
    .update(`${process.arch} ${machineRelease()}`)
    .update(readFileSync(requirements))
    .digest('hex')
    .slice(0, keyLength);
  const directory = join(layout.cache, `demo-${key}`);
  const context = join(directory, 'context');
  return { key, rootTar: join(directory, 'root.tar'), context, packages: join(context, 'packages') };
}

/**
 * Prepares a base with Python and the packages, once per requirements; returns the directory of the packages.
 */
export async function prepareIngredients(signal: AbortSignal): Promise<string> {
  const { rootTar, context, packages } = ingredients();
  await fillOnce(join(context, '..'), async () => {
    printLine(
      'creating a base image with Python and installing scikit-image (only once, takes a minute or two)',
    );
    const failed = new AbortController();
    const both = AbortSignal.any([signal, failed.signal]);
    const work = [makeRootFileSystem(rootTar, both), installPythonPackages(requirements, packages, both)];
    for (const one of work) one.catch((error: unknown) => failed.abort(error));
    await Promise.allSettled(work);
    signal.throwIfAborted();
    failed.signal.throwIfAborted();
  });
  return packages;
}

/** Builds or loads the image of the target unless the Docker Engine has it, and returns its name. */
export async function ensureTargetImage(signal: AbortSignal): Promise<string> {
  const tag = contentHash(ingredients().key);
  const image = `dockerrun-demo/segment:${tag}`;
  if (await imageExists(image, signal)) return image;
  const saved = savedImage(tag);
  if (existsSync(saved)) {
    printLine(`loading ${image}, built by an earlier demo`);
    await docker(['load', '--quiet', '--input', saved], signal);
    return image;
  }
  printLine(`building ${image} from examples/demo/target`);
  await buildImage(image, signal);
  for (const old of globSync(savedImage('*'))) rmSync(old);
  await docker(['save', '--output', saved, image], signal);
  return image;
}

async function buildImage(image: string, signal: AbortSignal): Promise<void> {
  const { key, rootTar, context } = ingredients();
  const base = `dockerrun-demo/python:${key}`;
  if (!(await imageExists(base, signal))) await docker(['import', rootTar, base], signal);
  cpSync(target, context, { recursive: true });
  await docker(['build', '--quiet', '--build-arg', `BASE=${base}`, '--tag', image, context], signal);
}

/** Kept over `make cluster-down`: loading an image is faster than building it. */
function savedImage(tag: string): string {
  return join(ingredients().context, '..', `image-${tag}.tar`);
}

/** A changed program changes the tag, so that a tag always names the same image. */
function contentHash(key: string): string {
  const hash = createHash('sha256').update(key);
  for (const file of readdirSync(target).sort()) hash.update(file).update(readFileSync(join(target, file)));
  return hash.digest('hex').slice(0, keyLength);
}
