import { execFileSync, spawnSync } from 'node:child_process';
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

/** In milliseconds, on a machine that runs other tests as well; it takes a tenth of that on an idle one. */
const helpMs = 1_500;

test('the help is there at once, because nothing else is loaded for it', () => {
  const times = Array.from({ length: 5 }, () => {
    const begin = performance.now();
    assert.is(run('dockerrun', '--help').status, 0);
    return performance.now() - begin;
  });
  assert.ok(Math.min(...times) < helpMs, `${times.map(Math.round).join(', ')} ms`);
});

test.run();
