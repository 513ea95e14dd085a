import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { generatedFiles } from './generated-files.ts';

/** Writes the generated files. With --check, it writes none, and fails if one is stale. */
const check = process.argv.includes('--check');
let stale = 0;
for (const { path, content } of generatedFiles()) {
  if (!check) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  } else if (read(path) !== content) {
    stale += 1;
    console.error(`${path} is stale: run make generate`);
  }
}
process.exitCode = stale === 0 ? 0 : 1;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
