import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/** An import or export that loads a module at once; a dynamic import and a type do not. */
const statement = /^(?:import|export) (?!type )(?:[\w$*{},\s]+ from )?'([^']+)'/gm;

/** Every file and package that is loaded with these files. */
function loadedWith(...starts: string[]): string[] {
  const loaded = new Set(starts);
  for (const path of loaded) {
    if (!path.startsWith('src/')) continue;
    for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(statement))
      loaded.add(name.startsWith('.') ? posix.join(posix.dirname(path), name) : name);
  }
  return [...loaded].toSorted();
}

const ofHelp = loadedWith('src/main.ts', 'src/cli/main.ts');

test('help and version load the table of commands, and neither a command nor a package', () => {
  assert.ok(ofHelp.includes('src/cli/cluster-commands.ts'), 'static imports are seen');
  const others = ofHelp.filter((path) => !/^src\/(cli\/)?[^/]+$/.test(path));
  assert.equal(others, [
    'node:util',
    'package.json',
    'src/api/input-failures.ts',
    'src/api/reasons.ts',
    'src/support/errors.ts',
    'src/support/version.ts',
  ]);
});

test('a shell that completes words loads no more', () => {
  const more = loadedWith('src/kubectl-complete.ts').filter((path) => !ofHelp.includes(path));
  assert.equal(more, ['src/cli/completion.ts', 'src/kubectl-complete.ts']);
});

test.run();
