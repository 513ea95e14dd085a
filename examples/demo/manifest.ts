import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const examples = join(import.meta.dirname, '..');

/**
 * Reads a manifest of examples/ and replaces every `${NAME}`, as envsubst does.
 * @throws if a value is missing
 */
export function readManifest(file: string, values: Readonly<Record<string, string>> = {}): string {
  return fillIn(withoutComments(readFileSync(join(examples, file), 'utf8')), values);
}

/** Comments may contain `${…}`, too. */
function withoutComments(text: string): string {
  return text.replaceAll(/^ *#.*\n/gm, '');
}

function fillIn(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the manifest needs a value for \${${name}}`);
    return value;
  });
}
