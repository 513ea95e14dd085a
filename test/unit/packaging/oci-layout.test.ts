import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readDockerfile } from '../../../scripts/release/dockerfile.ts';
import { digestOf, ociLayout, type PlatformImage } from '../../../scripts/release/oci-layout.ts';

const dockerfile = readFileSync('Dockerfile', 'utf8');
const given = { TARGETARCH: 'arm64', VERSION: '1.2.3', REVISION: 'abc', CREATED: '2026-12-01T00:00:00.000Z' };

type Descriptor = { mediaType: string; digest: string; size: number; platform?: object };
type Index = { mediaType: string; manifests: Descriptor[] };
type Manifest = { config: Descriptor; layers: Descriptor[] };
type Config = {
  architecture: string;
  rootfs: { diff_ids: string[] };
  config: Record<string, unknown>;
};

function imageFor(architecture: 'amd64' | 'arm64'): PlatformImage {
  const layers = ['base', 'node', 'app'].map((name) => ({
    compressed: Buffer.from(`${name} of ${architecture}, compressed`),
    diffId: digestOf(Buffer.from(`${name} of ${architecture}`)),
    createdBy: name,
  }));
  const recipe = readDockerfile(dockerfile, { ...given, TARGETARCH: architecture });
  return { architecture, layers, recipe, created: given.CREATED };
}

const layout = () => ociLayout([imageFor('amd64'), imageFor('arm64')], '1.2.3');

function read<T>(files: ReadonlyMap<string, Buffer>, digest: string): T {
  const content = files.get(`blobs/${digest.replace(':', '/')}`);
  assert.ok(content, digest);
  return JSON.parse(content.toString()) as T;
}

test('the Dockerfile adds the Node of the architecture and the program, and sets what docker build sets', () => {
  const recipe = readDockerfile(dockerfile, given);
  assert.equal(recipe.added, ['.image/node-arm64.tar', '.image/app.tar']);
  assert.is(recipe.user, '65532:65532');
  assert.equal(recipe.entrypoint, ['/app/node', '/app/dockerrun.mjs']);
  assert.equal(recipe.labels, {
    'org.opencontainers.image.title': 'dockerrun',
    'org.opencontainers.image.description': 'Runs a container image over Girder data on Kubernetes',
    'org.opencontainers.image.licenses': 'Apache-2.0',
    'org.opencontainers.image.version': '1.2.3',
    'org.opencontainers.image.revision': 'abc',
    'org.opencontainers.image.created': '2026-12-01T00:00:00.000Z',
  });
});

test('an instruction that a release cannot follow is an error', () => {
  assert.throws(() => readDockerfile('FROM scratch\nRUN true\n', {}), /cannot have RUN/);
  assert.throws(() => readDockerfile('ADD . /app\n', {}), /must be a tar file/);
});

test('every file of the layout is a blob with the sum of its name, or one of the two that begin it', () => {
  const { files } = layout();
  for (const [path, content] of files)
    if (path.startsWith('blobs/')) assert.is(path, `blobs/${digestOf(content).replace(':', '/')}`);
  const others = [...files.keys()].filter((path) => !path.startsWith('blobs/'));
  assert.equal(others, ['index.json', 'oci-layout']);
  // An index, and for each platform a manifest, a configuration and three layers.
  assert.is(files.size, 2 + 1 + 2 * 5);
});

test('the index leads to the layers of both platforms, and each size is right', () => {
  const { files, digest } = layout();
  const { manifests } = JSON.parse(String(files.get('index.json'))) as Index;
  assert.equal(
    manifests.map((one) => one.digest),
    [digest],
  );
  const index = read<Index>(files, digest);
  assert.equal(
    index.manifests.map(({ platform }) => platform),
    [
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'arm64', os: 'linux' },
    ],
  );
  for (const entry of index.manifests) {
    const { config, layers } = read<Manifest>(files, entry.digest);
    for (const { digest: of, size } of [entry, config, ...layers])
      assert.is(files.get(`blobs/${of.replace(':', '/')}`)?.length, size);
    assert.is(layers.length, 3);
  }
});

test('a configuration has the sums of the layers as they are unpacked, and says how the program starts', () => {
  const { files, digest } = layout();
  const [, arm] = read<Index>(files, digest).manifests;
  const { config } = read<Manifest>(files, arm?.digest ?? '');
  const content = read<Config>(files, config.digest);
  assert.is(content.architecture, 'arm64');
  assert.equal(
    content.rootfs.diff_ids,
    imageFor('arm64').layers.map(({ diffId }) => diffId),
  );
  assert.is(content.config['User'], '65532:65532');
  assert.equal(content.config['Entrypoint'], ['/app/node', '/app/dockerrun.mjs']);
});

test('the same layers result in the same digest, and another layer in another', () => {
  assert.is(layout().digest, layout().digest);
  const [amd, arm] = [imageFor('amd64'), imageFor('arm64')];
  assert.is.not(ociLayout([amd], '1').digest, ociLayout([arm], '1').digest);
});

test.run();
