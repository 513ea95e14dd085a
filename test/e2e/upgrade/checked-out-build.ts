import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layout } from '../../cluster/layout.ts';
import { execute, succeed } from '../support/shell.ts';

const installer = 'test/cluster/operator/install.ts';
const installSeconds = 300;

/** The bundler names a package by where it really is, and links or copies of all packages would disturb other tests. */
const withPackages = 'mount --bind "$0" node_modules && exec "$@"';

/** As in `make install`, and as CHANGELOG describes an upgrade. */
export async function installThisBuild(): Promise<void> {
  await succeed('node', [join(layout.checkout, installer)], { seconds: installSeconds });
}

/** The tree of an older commit in a folder of its own, with its program in `dist`. */
export class CheckedOutBuild implements Disposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param commit in the history of the clone; it uses the packages of this clone */
  static async make(commit: string): Promise<CheckedOutBuild> {
    using stack = new DisposableStack();
    const build = stack.use(new CheckedOutBuild(mkdtempSync(join(tmpdir(), 'dockerrun-build-'))));
    await checkOut(commit, build.folder);
    mkdirSync(join(build.folder, 'node_modules'));
    await build.#node('scripts/bundle.ts', 180);
    stack.move();
    return build;
  }

  /** Installs its operator with its own chart, as `make install` does. */
  async install(): Promise<void> {
    await this.#node(installer, installSeconds);
  }

  /** Runs one of its programs with the packages of this clone, which only that program sees there. */
  async #node(program: string, seconds: number): Promise<void> {
    const packages = join(layout.checkout, 'node_modules');
    const args = ['--mount', 'sh', '-c', withPackages, packages, 'node', program];
    await succeed('unshare', args, { cwd: this.folder, seconds });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function checkOut(commit: string, folder: string): Promise<void> {
  const known = await execute('git', ['-C', layout.checkout, 'cat-file', '-e', `${commit}^{commit}`]);
  if (known.code !== 0)
    throw new Error(`commit ${commit}, the build to upgrade from, is missing: fetch the whole history`);
  const archive = join(folder, 'archive.tar');
  await succeed('git', ['-C', layout.checkout, 'archive', '--output', archive, commit]);
  await succeed('tar', ['--extract', '--file', archive, '--directory', folder]);
}
