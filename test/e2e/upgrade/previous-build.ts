import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { layout } from '../../cluster/layout.ts';
import { baseImage } from '../../cluster/operator/base-image.ts';
import { docker, loadIntoContainerd } from '../../cluster/operator/docker-cli.ts';
import { environment } from '../support/environment.ts';
import { execute, succeed } from '../support/shell.ts';

/** The last build before leases, suspension and the chart; a cluster may be upgraded from it. */
const previousCommit = '3395ca4';
const image = { name: 'dockerrun', tag: 'previous' };
const namespace = 'dockerrun-system';

/** The previous build, checked out into a folder of its own, with its image on the node. */
export class PreviousBuild {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<PreviousBuild> {
    const folder = mkdtempSync(join(tmpdir(), 'dockerrun-previous-'));
    const build = new PreviousBuild(folder);
    await checkOut(folder);
    symlinkSync(join(layout.checkout, 'node_modules'), join(folder, 'node_modules'));
    await succeed('node', ['scripts/bundle.ts'], { cwd: folder, seconds: 120 });
    await build.#makeImage();
    return build;
  }

  /** Replaces the installed operator and its CRD by those of the previous build. */
  async install(): Promise<void> {
    const patience = ['--wait', '--timeout', '90s'];
    await succeed('helm', ['uninstall', 'dockerrun', '--namespace', namespace, ...patience], {
      seconds: 100,
    });
    await succeed('kubectl', ['replace', '-f', join(this.#folder, 'crds/dockerruns.yaml')]);
    await succeed('kubectl', ['apply', '--server-side', '--force-conflicts', '-k', this.#overlay()]);
    const rollout = ['rollout', 'status', 'deployment/dockerrun-controller', '--timeout=90s'];
    await succeed('kubectl', ['-n', namespace, ...rollout], { seconds: 100 });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #makeImage(): Promise<void> {
    const nodePackage = `node-linux-${process.arch}`;
    const context = join(this.#folder, 'image');
    mkdirSync(join(context, 'node_modules', nodePackage), { recursive: true });
    const modules = join(layout.checkout, 'node_modules', nodePackage);
    await succeed('cp', ['-r', join(modules, 'bin'), join(context, 'node_modules', nodePackage)]);
    await succeed('cp', ['-r', join(this.#folder, 'dist'), join(this.#folder, 'Dockerfile'), context]);
    const signal = AbortSignal.timeout(300_000);
    const buildArgs = ['--build-arg', `BASE=${baseImage}`, '--build-arg', `NODE_PACKAGE=${nodePackage}`];
    const name = `${image.name}:${image.tag}`;
    await docker(['build', '--quiet', '--tag', name, ...buildArgs, context], signal);
    await loadIntoContainerd(name, join(this.#folder, 'image.tar'), signal);
  }

  /** The overlay that its README describes. */
  #overlay(): string {
    const folder = join(this.#folder, 'overlay');
    mkdirSync(folder, { recursive: true });
    const policy = stringify({ hostPaths: [{ pathPrefix: '/srv/dockerrun' }] });
    const patch = stringify([{ op: 'replace', path: '/data/policy.yaml', value: policy }]);
    const kustomization = {
      resources: ['../deploy'],
      images: [{ name: image.name, newTag: image.tag }],
      namespace,
      configMapGenerator: [
        {
          name: 'dockerrun-settings',
          behavior: 'merge',
          literals: [
            `DOCKERRUN_IMAGE=${image.name}:${image.tag}`,
            `DOCKERRUN_DOCKER_SOCKET=${environment('DOCKERRUN_DOCKER_SOCKET')}`,
            `DOCKERRUN_KUBELET_ROOT=${environment('DOCKERRUN_KUBELET_ROOT')}`,
          ],
        },
      ],
      patches: [{ target: { kind: 'ConfigMap', name: 'dockerrun-policy' }, patch }],
    };
    writeFileSync(join(folder, 'kustomization.yaml'), stringify(kustomization));
    return folder;
  }
}

async function checkOut(folder: string): Promise<void> {
  const known = await execute('git', ['-C', layout.checkout, 'cat-file', '-e', `${previousCommit}^{commit}`]);
  if (known.code !== 0) {
    throw new Error(
      `commit ${previousCommit}, the build to upgrade from, is missing: fetch the whole history`,
    );
  }
  const archive = join(folder, 'archive.tar');
  await succeed('git', ['-C', layout.checkout, 'archive', '--output', archive, previousCommit]);
  await succeed('tar', ['--extract', '--file', archive, '--directory', folder]);
}
