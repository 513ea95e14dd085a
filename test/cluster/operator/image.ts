import { createHash } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageArguments } from '../../../scripts/image-arguments.ts';
import { writeImageContext } from '../../../scripts/image-context.ts';
import { layout } from '../layout.ts';
import { printLine } from '../progress.ts';
import { baseImage, makeBaseImage } from './base-image.ts';
import { docker, imageId, imageLabel, isInContainerd, loadIntoContainerd } from './docker-cli.ts';

export const operatorImage = 'dockerrun:dev';

const contentLabel = 'dockerrun.dev/content';
const nodePackage = `node-linux-${process.arch}`;
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/**
 * Builds the operator's image from dist/, with this clone as the working directory, and gives it to Docker Engine and to the kubelet; does nothing when they
 * have it already. Gives a hash of what is in it, so that a Deployment can follow a tag that stays the same.
 */
export async function buildOperatorImage(signal: AbortSignal): Promise<string> {
  const content = contentHash();
  const built = (await imageLabel(operatorImage, contentLabel, signal)) === content;
  if (built && (await isInContainerd(operatorImage, signal))) return content;
  printLine('building the image of the operator');
  await makeBaseImage(join(layout.checkout, 'node_modules', nodePackage, 'bin/node'), signal);
  writeImageContext([architecture]);
  const options = imageArguments({ name: operatorImage, architecture, base: baseImage });
  const label = ['--label', `${contentLabel}=${content}`];
  const replaced = await imageId(operatorImage, signal);
  await docker(['build', '--quiet', ...options, ...label, layout.checkout], signal);
  const scratch = mkdtempSync(join(tmpdir(), 'dockerrun-image-'));
  try {
    await loadIntoContainerd(operatorImage, join(scratch, 'image.tar'), signal);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  // A build leaves the image that had the tag before it without a name; nothing may still use it, or something may.
  if (replaced !== undefined) await docker(['image', 'rm', replaced], signal).catch(() => undefined);
  return content;
}

function contentHash(): string {
  const files = [
    'Dockerfile',
    'package-lock.json',
    ...globSync('dist/**/*.*', { cwd: layout.checkout }).sort(),
  ];
  const hash = createHash('sha256').update(process.version);
  for (const file of files) hash.update(file).update(readFileSync(join(layout.checkout, file)));
  return hash.digest('hex').slice(0, 16);
}
