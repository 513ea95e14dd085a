import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { baseImage } from '../../cluster/operator/base-image.ts';
import { docker } from '../../cluster/operator/docker-cli.ts';
import { ProjectCopy } from '../../fixtures/project-copy.ts';

const signal = () => AbortSignal.timeout(240_000);
const build = `-e "import('./scripts/image-context.ts').then(({ writeImageContext }) => writeImageContext(['${process.arch === 'arm64' ? 'arm64' : 'amd64'}']))"`;
/** As in a release: the same commit everywhere. */
const environment = { SOURCE_DATE_EPOCH: '1700000000' };

let copies: ProjectCopy[] = [];
const images: string[] = [];

test.before(() => {
  copies = ['one', 'another-clone'].map((name) => new ProjectCopy(name));
  for (const copy of copies) {
    copy.node('scripts/bundle.ts', environment);
    copy.node(build, environment);
  }
});

test.after(async () => {
  for (const copy of copies) copy[Symbol.dispose]();
  for (const image of images)
    await docker(['image', 'rm', '--no-prune', image], signal()).catch(() => undefined);
});

/** A hash of each file in a folder of a clone, by name. */
function hashes({ folder }: ProjectCopy, name: string): Record<string, string> {
  const hash = (file: string) => createHash('sha256').update(readFileSync(join(folder, name, file)));
  const entries = readdirSync(join(folder, name), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const paths = files.map((entry) => relative(join(folder, name), join(entry.parentPath, entry.name)));
  return Object.fromEntries(paths.toSorted().map((file) => [file, hash(file).digest('hex')]));
}

async function layersOf({ folder }: ProjectCopy, name: string): Promise<unknown> {
  images.push(name);
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const given = ['BASE', 'TARGETARCH', 'VERSION', 'REVISION', 'CREATED'];
  const values = [baseImage, architecture, '1', '2', '3'];
  const args = given.flatMap((key, index) => ['--build-arg', `${key}=${values[index]}`]);
  await docker(['build', '--quiet', '--no-cache', '--tag', name, ...args, folder], signal());
  const format = '{{ json .RootFS.Layers }}';
  return JSON.parse(await docker(['image', 'inspect', '--format', format, name], signal()));
}

test('two clones bundle the same bytes, whatever their paths, times, modes and time zones are', () => {
  const [one, another] = copies.map((copy) => hashes(copy, 'dist'));
  assert.ok(one !== undefined && Object.keys(one).includes('dockerrun.mjs'));
  assert.equal(one, another);
});

test('two clones make the same image layers', () => {
  const [one, another] = copies.map((copy) => hashes(copy, '.image'));
  assert.ok(one !== undefined && Object.keys(one).includes('app.tar'));
  assert.equal(one, another);
});

test('Docker without its cache builds both images with the same root file system', async () => {
  const [one, another] = copies;
  assert.ok(one !== undefined && another !== undefined);
  const layers = await layersOf(one, 'dockerrun-test/reproducible:one');
  assert.is(Array.isArray(layers) && layers.length, 3);
  assert.equal(layers, await layersOf(another, 'dockerrun-test/reproducible:another'));
});

test.run();
