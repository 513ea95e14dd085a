import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import { runCli } from '../../../src/cli/main.ts';
import { suite } from '../../fixtures/suite.ts';

const test = suite<{ directory: string }>('dockerrun validate');

test.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'dockerrun-validate-'));
});

test.after.each(({ directory }) => rmSync(directory, { recursive: true }));

/** Runs the command; returns its exit code and what it prints, with the directory left out. */
async function validate(directory: string, files: Readonly<Record<string, string>>, input = '') {
  const paths = Object.entries(files).map(([name, content]) => {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  });
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(input);
  const terminal = { environment: {}, stdin, stdout, stderr, stop: new AbortController().signal };
  const args = ['validate', ...paths, ...(input === '' ? [] : ['-'])];
  const code = await runCli(args, terminal);
  stdout.end();
  stderr.end();
  const without = (printed: string) => printed.replaceAll(`${directory}/`, '');
  return { code, out: without(await text(stdout)), err: without(await text(stderr)) };
}

const run = (name: string, spec: string) =>
  `apiVersion: dockerrun.dev/v1alpha1\nkind: DockerRun\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
const set = (where: string) => `apiVersion: dockerrun.dev/v1alpha1
kind: DockerRunSet
metadata: { name: slides }
spec:
  girder: { apiUrl: https://girder.example.org/api/v1, credentialsSecretRef: { name: girder } }
  source: { folder: { path: /collection/Study/Slides }, where: '${where}' }
  results: { folder: { path: /collection/Study/Results } }
  template: { spec: { image: busybox, args: [$(item), $(result)] } }
`;

test('every object of every file is checked, and each has its line', async ({ directory }) => {
  const files = {
    'a.yaml': `${run('one', '{ image: busybox }')}---\n${run('two', '{ image: busybox, args: [$(missing)] }')}`,
    'set.yaml': set('item.size > 3'),
  };
  const { code, out, err } = await validate(directory, files);
  assert.is(code, 64);
  assert.is(out, 'a.yaml: DockerRun one is valid\nset.yaml: DockerRunSet slides is valid\n');
  assert.match(err, /^dockerrun: a\.yaml: DockerRun two: spec\.args\[0\]: \$\(missing\) [^\n]+\n$/);
});

test('valid files give 0, also from standard input', async ({ directory }) => {
  const { code, out, err } = await validate(directory, {}, run('one', '{ image: busybox }'));
  assert.equal([code, out, err], [0, 'standard input: DockerRun one is valid\n', '']);
});

test('a file that cannot be read or parsed keeps no other from being checked', async ({ directory }) => {
  const files = { 'a.yaml': '{', 'b.yaml': 'apiVersion: v1\nkind: Service\n', 'c.yaml': set('item.size >') };
  const { code, out, err } = await validate(directory, files);
  assert.equal([code, out], [64, '']);
  const [first, second, third] = err.split('\n');
  assert.match(first ?? '', /^dockerrun: a\.yaml: \S/);
  assert.is(second, 'dockerrun: b.yaml: contains no DockerRun and no DockerRunSet');
  assert.match(
    third ?? '',
    /^dockerrun: c\.yaml: DockerRunSet slides: spec\.source\.where is not a CEL expression/,
  );
});

test.run();
