import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { layout } from '../layout.ts';

const keyLength = 12;

/** A cache directory named by the content of the recipe files it is made from, so that a changed recipe is built again. */
export function cacheDirectory(kind: string, recipes: readonly string[], extra = ''): string {
  const hash = createHash('sha256').update(process.arch).update(extra);
  for (const path of recipes) hash.update(readFileSync(join(layout.recipes, path)));
  return join(layout.cache, `${kind}-${hash.digest('hex').slice(0, keyLength)}`);
}

function markerOf(directory: string): string {
  return join(directory, '.complete');
}

/** True when the directory was filled to its end. */
export function isFilled(directory: string): boolean {
  return existsSync(markerOf(directory));
}

/** Fills a cache directory once; a marker, written last, marks it as complete: a killed program leaves none. */
export async function fillOnce(directory: string, make: () => Promise<void>): Promise<void> {
  if (isFilled(directory)) return;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  await make();
  writeFileSync(markerOf(directory), '');
}
