import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { version } from '../../src/support/version.ts';
import { changedFiles } from '../git-state.ts';
import { writeReleaseFiles, writeSums } from './release-files.ts';
import { writeReleaseImage } from './release-image.ts';
import { releaseNotes } from './release-notes.ts';

/**
 * Makes in release/ what a release would publish. The same commit results in the same bytes. Environment: VERSION
 * (Unreleased for a trial), SOURCE (the address of the source, for a label of the image), WITHOUT_IMAGE.
 */
const folder = 'release';
const bundleMs = 300_000;
const { VERSION, SOURCE, WITHOUT_IMAGE } = process.env;

try {
  const notes = checkedNotes(VERSION || version);
  execFileSync(process.execPath, ['scripts/bundle.ts'], { stdio: 'inherit', timeout: bundleMs });
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  writeReleaseFiles(folder);
  const image = WITHOUT_IMAGE ? '' : imageSection(writeReleaseImage(folder, SOURCE || undefined));
  writeFileSync(`${folder}/RELEASE-NOTES.md`, `${notes}${image}`);
  writeSums(folder);
  console.log(readFileSync(`${folder}/SHA256SUMS`, 'utf8').trimEnd());
} catch (error) {
  console.error(`make release: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

/** The notes, or an error when this is not a state that can be released. */
function checkedNotes(wanted: string): string {
  const changed = changedFiles();
  if (changed === undefined)
    throw new Error('a release is made of a commit, and this is no clone of git: clone the project');
  if (changed.length > 0)
    throw new Error(
      `a release is made of a commit, but these files differ from it or are not in it: ${shortened(changed)}; ` +
        'commit them, or put them away with git stash -u',
    );
  if (wanted !== version && wanted !== 'Unreleased')
    throw new Error(
      `VERSION=${wanted} is not the version of package.json, ${version}: change it there and run make generate ` +
        'manifests, or use VERSION=Unreleased for a trial',
    );
  return releaseNotes(readFileSync('CHANGELOG.md', 'utf8'), wanted);
}

function shortened(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

function imageSection(digest: string): string {
  const file = `dockerrun-image-${version}.tar`;
  return `\n## The image\n\n\`${file}\` is an OCI layout for linux/amd64 and linux/arm64. Its digest in every registry is\n\n\`${digest}\`\n`;
}
