import { execFileSync, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { version } from '../../../src/support/version.ts';
import { ProjectCopy } from '../../fixtures/project-copy.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { test } from '../../fixtures/suite.ts';

const installMs = 120_000;
let copy: ProjectCopy;
let empty: ScratchDirectory;

test.before(() => {
  copy = new ProjectCopy('npm-package');
  empty = new ScratchDirectory('npm-package');
  copy.node('scripts/bundle.ts');
  const pack = ['pack', '--silent', '--pack-destination', empty.path, './dist'];
  const options = { cwd: copy.folder, encoding: 'utf8', timeout: installMs } as const;
  const file = execFileSync('npm', pack, options).trim();
  // Offline, because the package must need no other.
  execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${file}`], {
    ...options,
    cwd: empty.path,
  });
});
test.after(() => {
  empty[Symbol.dispose]();
  copy[Symbol.dispose]();
});

const installed = (command: string) => join(empty.path, 'node_modules/.bin', command);

/** With the Node of the tests, which is in PATH. */
function run(command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(installed(command), args, {
    cwd: empty.path,
    encoding: 'utf8',
    timeout: installMs,
  });
  return { status, stdout, stderr };
}

test('the package works in an empty folder, without any other package', () => {
  const { status, stdout, stderr } = run('dockerrun', '--version');
  assert.is(status, 0, stderr);
  assert.match(stdout, new RegExp(`^dockerrun ${version.replaceAll('.', '\\.')} \\(`));
  assert.match(run('dockerrun', 'list', '--help').stdout, /^Usage: dockerrun list/);
});

test('a wrong argument is one line, and exit code 2', () => {
  const { status, stdout, stderr } = run('dockerrun', 'lst');
  assert.is(status, 2);
  assert.is(stdout, '');
  assert.is(stderr, 'dockerrun: unknown command "lst"; did you mean list? See dockerrun --help\n');
});

test('kubectl finds it as a plugin, and completes its commands, options, values and files', () => {
  const { PATH = '' } = process.env;
  const env = { ...process.env, PATH: `${join(empty.path, 'node_modules/.bin')}:${PATH}` };
  const kubectl = (...args: string[]) =>
    execFileSync('kubectl', args, { env, encoding: 'utf8', timeout: installMs, stdio: 'pipe' });
  assert.match(kubectl('dockerrun', '--version'), /^dockerrun /);
  // The directive 4 of Cobra is: no files.
  assert.match(kubectl('__complete', 'dockerrun', 'explain'), /^explain-item\tExplain [^\n]+\n:4\n/);
  assert.match(kubectl('__complete', 'dockerrun', 'list', '--pha'), /^--phase\t[^\n]+\n:4\n/);
  assert.match(kubectl('__complete', 'dockerrun', 'list', '-o', 'ya'), /^yaml\n:4\n/);
  assert.match(kubectl('__complete', 'dockerrun', 'run', ''), /^:0\n/);
});

/** Prints the address of each module that is loaded. */
const hook = `import { registerHooks } from 'node:module';
registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context); } });`;

/** The whole program has megabytes. */
const helpBytes = 100_000;

test('the help is there at once, because nothing else is loaded for it', () => {
  for (const args of [['--help'], ['run', '--help'], ['--version']]) {
    const node = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, installed('dockerrun')];
    const { status, stderr } = spawnSync('node', [...node, ...args], {
      encoding: 'utf8',
      timeout: installMs,
    });
    assert.is(status, 0, stderr);
    const files = stderr.split('\n').filter((line) => line.startsWith('file:'));
    assert.ok(files.length > 1, stderr);
    const bytes = files.map((url) => statSync(new URL(url)).size).reduce((sum, size) => sum + size, 0);
    assert.ok(bytes < helpBytes, `${args.join(' ')} loads ${bytes} bytes: ${stderr}`);
  }
});

test.run();
