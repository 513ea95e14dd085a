import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { layout } from '../layout.ts';

function goMod(module: string): string {
  return readFileSync(join(layout.recipes, module, 'go.mod'), 'utf8');
}

/** The version (as `v1.2.3`) at which a recipe's go.mod requires a module; throws when it does not. */
export function moduleVersion(recipe: string, required: string): string {
  const line = goMod(recipe)
    .split('\n')
    .map((text) =>
      text
        .trim()
        .replace(/^require /, '')
        .split(' '),
    )
    .find((words) => words[0] === required && words[1]?.startsWith('v'));
  if (line?.[1] === undefined)
    throw new Error(`${recipe}/go.mod does not require ${required}; restore the file`);
  return line[1];
}

/** The Go version a recipe asks for, as in `1.24.0`. */
export function goDirective(recipe: string): string {
  const version = /^go (\S+)$/m.exec(goMod(recipe))?.[1];
  if (version === undefined) throw new Error(`${recipe}/go.mod has no go line; restore the file`);
  return version;
}
