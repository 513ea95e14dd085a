import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runLogged } from '../command.ts';
import { cacheDirectory, fillOnce } from '../install/cache.ts';
import { isolated } from '../install/debian-archive.ts';
import { layout } from '../layout.ts';
import { docker, imageExists } from '../operator/docker-cli.ts';
import { printLine } from '../progress.ts';
import { sourceLine } from './debian-suite.ts';
import { importForPods, saveImage } from './node-images.ts';

/** The image of the engine that runs as a pod; see deploy/engine. */
export const engineImage = 'dockerrun-engine:dev';

const suite = 'trixie';
const thisFile = 'node2/engine-image.ts';
const bootstrapSeconds = 900;
const recipe = join(layout.checkout, 'deploy', 'engine');

/** The packages that its Dockerfile installs where a registry of images is at hand. */
function packageNames(): string[] {
  const install = /--no-install-recommends ([^&]+)/.exec(
    readFileSync(join(recipe, 'Dockerfile'), 'utf8'),
  )?.[1];
  if (install === undefined) throw new Error(`${recipe}/Dockerfile installs no packages`);
  return install.trim().split(/\s+/);
}

/** Stands in for Debian's image of the Dockerfile: a root that has the packages, as a tar, made once. */
async function baseTar(signal: AbortSignal): Promise<string> {
  const packages = packageNames();
  const directory = cacheDirectory('node2-engine', [thisFile], packages.join(','));
  const tar = join(directory, 'root.tar');
  await fillOnce(directory, async () => {
    printLine(`engine image: installing ${packages[0]} of ${suite} into a root of its own`);
    const options = ['--variant=essential', `--include=${packages.join(',')}`];
    const leaveOut = ['doc', 'man', 'locale', 'info'].map(
      (name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`,
    );
    const source = await sourceLine(suite, signal);
    const commandLine = ['nice', 'mmdebstrap', ...options, ...leaveOut, suite, tar, source];
    await runLogged('engine-image', isolated(commandLine), { signal, seconds: bootstrapSeconds });
  });
  return tar;
}

/** Makes the image and gives it to the second node's containerd, which runs pods. */
export async function loadEngineImage(signal: AbortSignal): Promise<void> {
  const tar = await baseTar(signal);
  const base = `dockerrun-engine-base:${join(tar, '..').split('-').at(-1) ?? ''}`;
  if (!(await imageExists(base, signal))) await docker(['import', tar, base], signal);
  const build = ['build', '--quiet', '--build-arg', `BASE=${base}`, '--tag', engineImage, recipe];
  await docker(build, signal);
  await importForPods(await saveImage(engineImage, signal), signal);
}
