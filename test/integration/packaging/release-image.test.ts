import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as assert from 'uvu/assert';
import { digestOf } from '../../../scripts/release/oci-layout.ts';
import { version } from '../../../src/support/version.ts';
import { capture } from '../../cluster/command.ts';
import { layout as cluster } from '../../cluster/layout.ts';
import { CommittedCopy } from '../../fixtures/committed-copy.ts';
import { elfMachine, neededLibraries } from '../../fixtures/elf.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { test } from '../../fixtures/suite.ts';

/** Of a release: packages of Debian and Node come over the network, and two times 140 MB are compressed. */
const releaseMs = 210_000;
const commandMs = 120_000;
const signal = () => AbortSignal.timeout(commandMs);
const image = `dockerrun-image-${version}.tar`;
const own = process.arch === 'arm64' ? 'arm64' : 'amd64';

type Descriptor = { digest: string; size: number; platform?: { architecture: string } };
type Index = { manifests: Descriptor[] };
type Manifest = { config: Descriptor; layers: Descriptor[] };
type Config = { architecture: string; rootfs: { diff_ids: string[] } };

let copies: CommittedCopy[] = [];
let scratch: ScratchDirectory;
/** The unpacked layout of the first clone. */
let layout: string;
/** The root file system of each architecture. */
const roots: Record<string, string> = {};

test.before(() => {
  scratch = new ScratchDirectory('release-image');
  copies = ['release-image', 'release-image-in-another-clone'].map((name) => new CommittedCopy(name));
  lockPresentPackages(copies);
  for (const copy of copies) copy.release({ WITHOUT_IMAGE: '' }, releaseMs);
  layout = join(scratch.path, 'layout');
  mkdirSync(layout);
  run('tar', ['--extract', '--file', released(image), '--directory', layout]);
  for (const { digest, platform } of index().manifests) {
    const root = join(scratch.path, platform?.architecture ?? 'unknown');
    mkdirSync(root);
    for (const layer of read<Manifest>(digest).layers)
      run('tar', [
        '--extract',
        '--gzip',
        '--warning=no-timestamp',
        '--file',
        blob(layer.digest),
        '--directory',
        root,
      ]);
    roots[platform?.architecture ?? 'unknown'] = root;
  }
});
test.after(() => {
  for (const copy of copies) copy[Symbol.dispose]();
  scratch?.[Symbol.dispose]();
});

/** Debian's mirrors keep the locked versions until the next update, and a test must not fail on that day. */
function lockPresentPackages([first, ...others]: readonly CommittedCopy[]): void {
  const lock = 'scripts/release/base-packages.json';
  first?.node('scripts/release/base-lock.ts');
  for (const other of others) cpSync(join(first?.folder ?? '', lock), join(other.folder, lock));
  for (const copy of [first, ...others]) copy?.commit('Lock what Debian has now');
}

const released = (name: string) => join(copies[0]?.folder ?? '', 'release', name);
const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'));

function read<T>(digest: string): T {
  return JSON.parse(readFileSync(blob(digest), 'utf8')) as T;
}

function index(): Index {
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as Index;
  return read<Index>(manifests[0]?.digest ?? '');
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', timeout: commandMs });
}

/** The regular files of a root file system, without links. */
function filesBelow(root: string): string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test('two clones of a commit make the same image and the same bills of materials', () => {
  const [one, another] = copies.map((copy) => copy.releasedSums());
  assert.equal(
    Object.keys(one ?? {}).filter((name) => name.startsWith('dockerrun-image-')),
    [
      `dockerrun-image-${version}-linux-amd64.spdx.json`,
      `dockerrun-image-${version}-linux-arm64.spdx.json`,
      image,
    ],
  );
  assert.equal(one, another);
});

test('each blob has the sum of its name, each descriptor the size of its blob, each layer the sum of its tar', () => {
  for (const file of filesBelow(join(layout, 'blobs')))
    assert.is(digestOf(readFileSync(file)), `sha256:${basename(file)}`);
  assert.equal(
    index().manifests.map(({ platform }) => platform?.architecture),
    ['amd64', 'arm64'],
  );
  for (const entry of index().manifests) {
    const { config, layers } = read<Manifest>(entry.digest);
    for (const { digest, size } of [entry, config, ...layers]) assert.is(statSync(blob(digest)).size, size);
    const unpacked = layers.map(({ digest }) =>
      digestOf(execFileSync('gzip', ['--decompress', '--stdout', blob(digest)], { maxBuffer: 1 << 30 })),
    );
    assert.equal(read<Config>(config.digest).rootfs.diff_ids, unpacked);
  }
});

test('the notes name the digest that a registry will show', () => {
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as Index;
  assert.ok(readFileSync(released('RELEASE-NOTES.md'), 'utf8').includes(`\`${manifests[0]?.digest}\``));
});

for (const architecture of ['amd64', 'arm64'])
  test(`the image for ${architecture} has each library that its programs and libraries are linked with`, () => {
    const root = roots[architecture] ?? '';
    const programs = filesBelow(root).filter(
      (file) => readFileSync(file).toString('latin1', 0, 4) === '\x7fELF',
    );
    assert.ok(programs.some((file) => file.endsWith('/app/node')));
    assert.ok(programs.some((file) => file.endsWith('/usr/bin/mkfifo')));
    const triplet = architecture === 'amd64' ? 'x86_64-linux-gnu' : 'aarch64-linux-gnu';
    const isThere = (name: string) =>
      ['lib', 'usr/lib'].some((folder) => existsSync(join(root, folder, triplet, name)));
    for (const file of programs) {
      const elf = readFileSync(file);
      assert.is(elfMachine(elf), architecture, file);
      for (const name of neededLibraries(elf)) assert.ok(isThere(name), `${file} needs ${name}`);
    }
  });

test('the program and mkfifo run as another user with nothing but the files of the image', () => {
  const inside = (...command: string[]) =>
    run('chroot', ['--userspec=65532:65532', roots[own] ?? '', ...command]);
  assert.match(
    inside('/app/node', '/app/dockerrun.mjs', '--version'),
    new RegExp(`^dockerrun ${version.replaceAll('.', '\\.')} \\([0-9a-f]{40}\\)\n$`),
  );
  inside('/usr/bin/mkfifo', '/tmp/pipe');
  assert.ok(statSync(join(roots[own] ?? '', 'tmp/pipe')).isFIFO());
});

test('the containerd of the kubelet takes the image for both architectures', async () => {
  const namespace = 'dockerrun-release-test';
  const ctr = (...args: string[]) =>
    capture('ctr', ['--address', cluster.containerdSocket, '--namespace', namespace, ...args], signal(), {
      seconds: 120,
    });
  // The name that install.yaml has.
  const name = `docker.io/library/dockerrun:${version}`;
  try {
    // Unpacking belongs to the snapshotter of a node; the import checks every sum.
    await ctr('images', 'import', '--all-platforms', '--no-unpack', released(image));
    const line = (await ctr('images', 'list')).split('\n').find((one) => one.startsWith(`${name} `));
    assert.match(line ?? '', /linux\/amd64,linux\/arm64/);
  } finally {
    await ctr('images', 'remove', '--sync', name).catch(() => undefined);
    await ctr('namespaces', 'remove', namespace).catch(() => undefined);
  }
});

test.run();
