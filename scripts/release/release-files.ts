import { createHash } from 'node:crypto';
import { copyFileSync, globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { version } from '../../src/support/version.ts';
import { tarball } from '../archive.ts';
import { sourceDate } from '../git-state.ts';

const sums = 'SHA256SUMS';

/**
 * Writes what a release consists of, apart from the image, its notes and the sums: from dist/ and from the files of
 * the commit.
 */
export function writeReleaseFiles(folder: string): void {
  const to = (name: string) => join(folder, name);
  const time = sourceDate();
  // npm and Helm would make the same archives with the times of this clone, or with the zlib of another Node.
  writeFileSync(to(`dockerrun-${version}.tgz`), tarball({ folder: 'dist', prefix: 'package', time }));
  const exclude = chartIgnores();
  const chart = tarball({ folder: 'deploy/chart', prefix: 'dockerrun', time, exclude });
  writeFileSync(to(`dockerrun-chart-${version}.tgz`), chart);
  const schemas = tarball({ folder: 'schemas', prefix: 'schemas', time });
  writeFileSync(to(`dockerrun-schemas-${version}.tgz`), schemas);
  copyFileSync('dist/sbom.spdx.json', to(`dockerrun-${version}.spdx.json`));
  copyFileSync('deploy/install.yaml', to('install.yaml'));
  copyFileSync('deploy/policy.yaml', to('policy.yaml'));
  const definitions = globSync('crds/*.yaml').toSorted();
  writeFileSync(to('crds.yaml'), definitions.map((path) => readFileSync(path, 'utf8')).join('---\n'));
}

/** Writes the sums of all files of a folder in the form of `sha256sum`, which also checks them. */
export function writeSums(folder: string): void {
  const names = readdirSync(folder)
    .filter((name) => name !== sums)
    .toSorted();
  const lines = names.map((name) => {
    const digest = createHash('sha256')
      .update(readFileSync(join(folder, basename(name))))
      .digest('hex');
    return `${digest}  ${name}\n`;
  });
  writeFileSync(join(folder, sums), lines.join(''));
}

/** What `helm package` leaves out. */
function chartIgnores(): string[] {
  const patterns = readFileSync('deploy/chart/.helmignore', 'utf8').split('\n');
  return patterns.filter((line) => line !== '' && !line.startsWith('#'));
}
