import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { version } from '../../../src/support/version.ts';
import { ProjectCopy } from '../../fixtures/project-copy.ts';

let copy: ProjectCopy;
test.before(() => {
  copy = new ProjectCopy('bundle');
  copy.node('scripts/bundle.ts');
});
test.after(() => copy[Symbol.dispose]());

const read = (file: string) => readFileSync(join(copy.folder, 'dist', file), 'utf8');

/** The packages in the bundle: esbuild writes the path of every file above the code that it takes from it. */
function packagesInCode(): string[] {
  const files = readdirSync(join(copy.folder, 'dist'), { recursive: true, encoding: 'utf8' });
  const code = files.filter((name) => /\.m?js$/.test(name));
  const paths = code.flatMap((file) => [...read(file).matchAll(/^ *\/\/ (node_modules\/\S+)/gm)]);
  const names = paths.map(([, path = '']) => path.split('node_modules/').at(-1) ?? '');
  return [...new Set(names.map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name))].toSorted();
}

function packagesInSbom(): { name: string; versionInfo: string; licenseDeclared: string }[] {
  const document = JSON.parse(read('sbom.spdx.json')) as {
    packages: { name: string; versionInfo: string; licenseDeclared: string }[];
  };
  return document.packages;
}

test('the bill of materials has every package whose code is in the bundle, Node, and nothing else', () => {
  const names = packagesInSbom().map(({ name }) => name);
  const inCode = packagesInCode();
  assert.ok(inCode.includes('dockerode') && inCode.includes('pino') && !inCode.includes('ssh2'));
  assert.equal([...new Set(names)].toSorted(), [...inCode, 'dockerrun', 'node'].toSorted());
});

test('the bill of materials has the Node version that runs the tests, and the program’s version from package.json', () => {
  const versions = new Map(packagesInSbom().map(({ name, versionInfo }) => [name, versionInfo]));
  assert.is(versions.get('node'), process.versions.node);
  assert.is(versions.get('dockerrun'), version);
});

test('no licence in the bundle requires more than attribution', () => {
  const allowed =
    /^(MIT|ISC|0BSD|Apache-2\.0|BSD-[23]-Clause|BlueOak-1\.0\.0|Python-2\.0|CC0-1\.0|Unlicense)$/;
  const others = packagesInSbom().filter(({ licenseDeclared }) => !allowed.test(licenseDeclared));
  assert.equal(others, []);
});

test('the licences of all packages are beside the program', () => {
  const text = read('THIRD-PARTY-LICENSES.txt');
  const foreign = packagesInSbom().filter(({ name }) => name !== 'dockerrun');
  const missing = foreign.filter(({ name, versionInfo }) => !text.includes(`\n${name} ${versionInfo} (`));
  assert.equal(missing, []);
});

test('a bundled program reports its version and its commit', () => {
  assert.match(copy.node('dist/dockerrun.mjs --version'), new RegExp(`^dockerrun ${version} \\((?!source)`));
});

test.run();
