import { execFileSync } from 'node:child_process';
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { bundledProgram } from '../../fixtures/bundled-program.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { test } from '../../fixtures/suite.ts';

const shellMs = 120_000;
let scratch: ScratchDirectory;
let environment: NodeJS.ProcessEnv;

test.before(async () => {
  scratch = new ScratchDirectory('shell-completion');
  const program = await bundledProgram();
  chmodSync(program, 0o755);
  symlinkSync(program, join(scratch.path, 'dockerrun'));
  for (const file of ['coins.png', 'segment.yaml']) writeFileSync(join(scratch.path, file), '');
  const { PATH = '' } = process.env;
  environment = {
    ...process.env,
    PATH: `${scratch.path}:${PATH}`,
    HOME: scratch.path,
    ZDOTDIR: scratch.path,
  };
});
test.after(() => scratch[Symbol.dispose]());

function run(program: string, ...args: string[]): string {
  const options = { cwd: scratch.path, env: environment, encoding: 'utf8', timeout: shellMs } as const;
  return execFileSync(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** What is typed before the tabulator key, and what the line is after it. */
const completed = [
  ['dockerrun explain', 'dockerrun explain-item '],
  ['dockerrun list --pha', 'dockerrun list --phase '],
  ['dockerrun list -o ya', 'dockerrun list -o yaml '],
  ['dockerrun list --output=ya', 'dockerrun list --output=yaml '],
  ['dockerrun list --phase Succ', 'dockerrun list --phase Succeeded '],
  ['dockerrun run seg', 'dockerrun run segment.yaml '],
  ['dockerrun run segment.yaml --input picture=co', 'dockerrun run segment.yaml --input picture=coins.png '],
] as const;

/** An interactive zsh on a terminal of its own, which writes its line into a file after each tabulator key. */
const zshScript = `
zmodload zsh/zpty
zpty shell zsh -f -i
tell() { zpty -w shell "$1"; zpty -r -m shell output "*$2*" }
tell "fpath=($PWD \$fpath); autoload -Uz compinit; compinit -u -D; print re''ady" ready
tell 'keep() { print -r -- "$BUFFER" >> lines; BUFFER=""; zle -I; print ke""pt }; zle -N keep; bindkey "^X" keep; print bou""nd' bound
while IFS= read -r line; do
  zpty -w -n shell "$line"$'\\t\\x18'
  zpty -r -m shell output '*kept*'
done < typed
`;

test('zsh completes commands, options, values and files', () => {
  writeFileSync(join(scratch.path, 'typed'), completed.map(([typed]) => `${typed}\n`).join(''));
  writeFileSync(join(scratch.path, 'drive.zsh'), zshScript);
  run('sh', '-c', 'dockerrun completion zsh > _dockerrun');
  run('zsh', '-f', 'drive.zsh');
  const lines = run('cat', 'lines').split('\n').slice(0, -1);
  assert.equal(
    lines,
    completed.map(([, line]) => line),
  );
});

test('fish completes commands, options, values and files', () => {
  run('sh', '-c', 'mkdir -p .config/fish/completions');
  run('sh', '-c', 'dockerrun completion fish > ~/.config/fish/completions/dockerrun.fish');
  const asks = completed.map(([typed]) => `complete --do-complete '${typed}' | string collect; echo`);
  const answers = run('fish', '-c', asks.join('\n'));
  const words = answers
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0]);
  assert.equal(
    words,
    completed.map(([, line]) => line.trim().split(' ').at(-1)),
  );
});

test('bash completes commands, options, values and files', () => {
  // Bash completes files itself where the script says so.
  const known = completed.filter(([typed]) => !typed.includes(' run '));
  const asks = known.map(([typed]) => {
    const words = typed.split(/ |(=)/).filter(Boolean);
    return `COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _dockerrun; echo "\${COMPREPLY[*]}"`;
  });
  const printed = run('bash', '-c', ['source <(dockerrun completion bash)', ...asks].join('\n'));
  assert.equal(
    printed.trim().split('\n'),
    known.map(([, line]) => line.trim().split(/[ =]/).at(-1)),
  );
});

test.run();
