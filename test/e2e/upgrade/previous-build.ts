import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { layout } from '../../cluster/layout.ts';
import { baseImage } from '../../cluster/operator/base-image.ts';
import { docker, loadIntoContainerd } from '../../cluster/operator/docker-cli.ts';
import { environment } from '../support/environment.ts';
import { succeed } from '../support/shell.ts';
import { CheckedOutBuild } from './checked-out-build.ts';

/** The last build before leases, suspension and the chart; a cluster may be upgraded from it. */
const previousCommit = '3395ca4';
const image = { name: 'dockerrun', tag: 'previous' };
const namespace = 'dockerrun-system';

/** The previous build, checked out into a folder of its own, with its image on the node. */
export class PreviousBuild {
  readonly #build: CheckedOutBuild;

  private constructor(build: CheckedOutBuild) {
    this.#build = build;
  }

  static async make(): Promise<PreviousBuild> {
    const build = new PreviousBuild(await CheckedOutBuild.make(previousCommit));
    await build.#makeImage();
    return build;
  }

  /** Replaces the installed operator and its CRD by those of the previous build. */
  async install(): Promise<void> {
    const patience = ['--wait', '--timeout', '90s'];
    await succeed('helm', ['uninstall', 'dockerrun', '--namespace', namespace, ...patience], {
      seconds: 100,
    });
    await succeed('kubectl', ['replace', '-f', join(this.#build.folder, 'crds/dockerruns.yaml')]);
    await succeed('kubectl', ['apply', '--server-side', '--force-conflicts', '-k', this.#overlay()]);
    const rollout = ['rollout', 'status', 'deployment/dockerrun-controller', '--timeout=90s'];
    await succeed('kubectl', ['-n', namespace, ...rollout], { seconds: 100 });
  }

  remove(): void {
    this.#build[Symbol.dispose]();
  }

  async #makeImage(): Promise<void> {
    const nodePackage = `node-linux-${process.arch}`;
    const context = join(this.#build.folder, 'image');
    mkdirSync(join(context, 'node_modules', nodePackage), { recursive: true });
    const modules = join(layout.checkout, 'node_modules', nodePackage);
    await succeed('cp', ['-r', join(modules, 'bin'), join(context, 'node_modules', nodePackage)]);
    await succeed('cp', [
      '-r',
      join(this.#build.folder, 'dist'),
      join(this.#build.folder, 'Dockerfile'),
      context,
    ]);
    const signal = AbortSignal.timeout(300_000);
    const buildArgs = ['--build-arg', `BASE=${baseImage}`, '--build-arg', `NODE_PACKAGE=${nodePackage}`];
    const name = `${image.name}:${image.tag}`;
    await docker(['build', '--quiet', '--tag', name, ...buildArgs, context], signal);
    await loadIntoContainerd(name, join(this.#build.folder, 'image.tar'), signal);
  }

  /** The overlay that its README describes. */
  #overlay(): string {
    const folder = join(this.#build.folder, 'overlay');
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
