import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { sourceDate } from './git-state.ts';
import { type Architecture, nodeFolder } from './node-binary.ts';

const context = '.image';

/**
 * Writes the tar files that the Dockerfile adds, one with Node, which rarely changes, and one with dist/.
 * Owners, modes, times and order are fixed, so that a commit results in the same layers on every machine.
 */
export function writeImageContext(architectures: readonly Architecture[]): void {
  mkdirSync(context, { recursive: true });
  for (const architecture of architectures)
    writeLayer(`node-${architecture}`, nodeFolder(architecture, context));
  writeLayer('app', 'dist');
}

function writeLayer(name: string, folder: string): void {
  execFileSync('tar', [
    '--create',
    `--file=${context}/${name}.tar`,
    '--format=ustar',
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mode=u=rwX,go=rX',
    // A fixed time keeps the layer of Node the same until the pinned version of Node changes.
    `--mtime=@${name === 'app' ? sourceDate() : 0}`,
    // What other programs import is only in the npm package.
    '--exclude=./builder',
    '--exclude=./builder.mjs',
    '--exclude=./schemas',
    '--transform=s,^\\.,app,',
    `--directory=${folder}`,
    '.',
  ]);
}
