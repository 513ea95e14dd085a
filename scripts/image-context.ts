import { mkdirSync } from 'node:fs';
import { writeTar } from './archive.ts';
import { sourceDate } from './git-state.ts';
import { type Architecture, nodeFolder } from './node-binary.ts';

/** Where what a build of the image adds is made. */
export const context = '.image';

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
  writeTar(`${context}/${name}.tar`, {
    folder,
    prefix: 'app',
    // A fixed time keeps the layer of Node the same until the pinned version of Node changes.
    time: name === 'app' ? sourceDate() : 0,
    // What other programs import is only in the npm package.
    exclude: ['./builder', './builder.mjs', './schemas'],
  });
}
