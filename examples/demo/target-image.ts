import { createHash } from 'node:crypto';
import { cpSync, existsSync, globSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fillOnce } from '../../test/cluster/install/cache.ts';
import { layout } from '../../test/cluster/layout.ts';
import { docker, imageExists } from '../../test/cluster/operator/docker-cli.ts';
import { say } from '../../test/cluster/progress.ts';
import { installPythonPackages } from './python-packages.ts';
import { machineRelease, makeRootFileSystem } from './root-file-system.ts';

const target = join(import.meta.dirname, 'target');
const requirements = join(target, 'requirements.txt');
const keyLength = 12;

/** What a build needs from outside, kept over `make cluster-down` because bringing it takes a minute or two. */
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

/** Brings a Debian with Python, and the program's packages, once per recipe; gives where the packages are. */
export async function bringIngredients(signal: AbortSignal): Promise<string> {
  const { rootTar, context, packages } = ingredients();
  await fillOnce(join(context, '..'), async () => {
    say('making a base image with Python and bringing scikit-image (once, takes a minute or two)');
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

/** Makes the image of the target in Docker Engine unless it is there, and gives its name. */
export async function ensureTargetImage(signal: AbortSignal): Promise<string> {
  const tag = contentHash(ingredients().key);
  const image = `dockerrun-demo/segment:${tag}`;
  if (await imageExists(image, signal)) return image;
  const saved = savedImage(tag);
  if (existsSync(saved)) {
    say(`loading ${image}, which an earlier demo built`);
    await docker(['load', '--quiet', '--input', saved], signal);
    return image;
  }
  say(`building ${image} from examples/demo/target`);
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

/** A finished image outlives `make cluster-down` too: loading it is quicker than building it. */
function savedImage(tag: string): string {
  return join(ingredients().context, '..', `image-${tag}.tar`);
}

/** Another program is another image, so that a tag always means the same. */
function contentHash(key: string): string {
  const hash = createHash('sha256').update(key);
  for (const file of readdirSync(target).sort()) hash.update(file).update(readFileSync(join(target, file)));
  return hash.digest('hex').slice(0, keyLength);
}
