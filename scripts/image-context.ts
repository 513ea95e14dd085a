import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { sourceDate } from './git-state.ts';
import { type Architecture, nodeFolder } from './node-binary.ts';

const context = '.image';

/**
 * Writes what the Dockerfile adds: Node, which seldom changes, and dist/, each as the folder /app in a tar whose
 * owners, modes, times and order are always the same. So the same commit gives the same layers anywhere.
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
    // Node is the same in every version of the operator that pins it, and so is its layer.
    `--mtime=@${name === 'app' ? sourceDate() : 0}`,
    '--transform=s,^\\.,app,',
    `--directory=${folder}`,
    '.',
  ]);
}
