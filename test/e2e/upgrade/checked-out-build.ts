import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { layout } from '../../cluster/layout.ts';
import { execute, succeed } from '../support/shell.ts';

/** The tree of an older commit in a folder of its own, with its program in `dist`. */
export class CheckedOutBuild implements Disposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param commit in the history of the clone; it uses the packages of this clone */
  static async make(commit: string): Promise<CheckedOutBuild> {
    // On the file system of the packages, which are hard links: the bundler names a package by where it really is.
    const build = new CheckedOutBuild(mkdtempSync(join(layout.checkout, '.cluster', 'build-')));
    await checkOut(commit, build.folder);
    await succeed('cp', ['-al', join(layout.checkout, 'node_modules'), build.folder], { seconds: 60 });
    await succeed('node', ['scripts/bundle.ts'], { cwd: build.folder, seconds: 180 });
    return build;
  }

  /** Installs its operator with its own chart, as `make install` does. */
  async install(): Promise<void> {
    await succeed('node', ['test/cluster/operator/install.ts'], { cwd: this.folder, seconds: 300 });
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
