import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UsageError } from '../../../src/cli/arguments.ts';
import { checkLocalData, withLocalData } from '../../../src/cli/local/local-data.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { acceptRun } from '../../../src/cli/offline/validation.ts';

const girder = { apiUrl: 'https://data.example.org/api/v1', credentialsSecretRef: { name: 'girder' } };

const aRun = (spec: object) => ({
  apiVersion: 'dockerrun.dev/v1alpha1',
  kind: 'DockerRun',
  metadata: { name: 'one' },
  spec: { image: 'busybox:1.36', ...spec },
});

const data = (inputs: Record<string, string>, outputs: Record<string, string> = {}) => ({
  inputs: new Map(Object.entries(inputs)),
  outputs: new Map(Object.entries(outputs)),
});

/** The spec that is validated and run. */
const localSpec = (spec: object, ...paths: Parameters<typeof data>) =>
  acceptRun(withLocalData(aRun(spec), data(...paths)), 'run.yaml').spec;

const inputs: [kind: string, transform: object, path: string][] = [
  ['a file', { girderFileIdToVolume: {} }, 'in/ct.nrrd'],
  ['a file with a path', { girderFileIdToVolume: { filename: 'a/b.nrrd' } }, 'a/b.nrrd'],
  ['an item', { girderItemIdToVolume: { itemId: 'not-an-id' } }, 'in/ct.nrrd'],
  ['a folder', { girderFolderIdToVolume: {} }, 'in/ct.nrrd'],
  ['a folder with a name', { girderFolderIdToVolume: { folderName: 'series' } }, 'in/series'],
  ['metadata', { girderMetadataToVolume: { filename: 'meta.json' } }, 'meta.json'],
  [
    'a stream',
    { connect: { input: { girderFileIdToStream: {} }, output: { namedInputPipe: { name: 'pipe' } } } },
    'pipe',
  ],
];
for (const [kind, transform, filename] of inputs) {
  test(`local data takes the place of ${kind}, whose id may be missing`, () => {
    const spec = localSpec({ transforms: [{ name: 'in', ...transform }], girder }, { in: './data/ct.nrrd' });
    assert.equal(spec.transforms?.[0]?.volumePath, { filename });
    assert.is(spec.girder, undefined);
  });
}

test('a result that cannot be written is refused before anything starts', async () => {
  using directory = new ScratchDirectory('outputs');
  const at = (path: string) => checkLocalData(aRun({}), data({}, { out: join(directory.path, path) }));
  await writeFile(join(directory.path, 'file'), '');
  for (const path of ['file/x.png', 'file/x/y', 'file/']) {
    const error = await at(path).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.instance(error, UsageError, path);
    assert.match(String(error), '--output out: cannot write');
  }
  for (const path of ['file', 'new/deep/x', 'new/', '.']) await at(path);
});

test('local data keeps the path of its own that an input has in the target', () => {
  const input = { name: 'in', girderFileIdToVolume: { filename: 'ct', containerPath: '/ct' } };
  const spec = localSpec({ transforms: [input], girder }, { in: './data/ct.nrrd' });
  assert.equal(spec.transforms?.[0]?.volumePath, { filename: 'ct', containerPath: '/ct' });
});

test('local data keeps the volume of its transform', () => {
  const spec = localSpec(
    {
      volumes: [{ name: 'work', temporary: {} }],
      transforms: [{ name: 'in', girderFileIdToVolume: { volume: 'work' } }],
    },
    { in: 'x.txt' },
  );
  assert.is(spec.transforms?.[0]?.volumePath?.volume, 'work');
});

test('an output is copied instead of uploaded, and the other uploads stay with their Girder', () => {
  const itemId = '5f106f6e9ab2b0a1c3d4e5f7';
  const spec = {
    transforms: [
      { name: 'mask', volumePath: { filename: 'mask.png' } },
      { name: 'table', volumePath: { filename: 'table.csv' } },
    ],
    girderResultHooks: [
      { girderUploadVolumePathToItem: { volumePath: 'mask', itemId: '' } },
      { girderUploadVolumePathToItem: { volumePath: 'table', itemId } },
    ],
    girder,
  };
  const one = localSpec(spec, {}, { mask: './out' });
  assert.equal(
    one.girderResultHooks?.map((hook) => hook.girderUploadVolumePathToItem?.volumePath),
    ['table'],
  );
  assert.equal(one.girder, girder);
  const both = localSpec(spec, {}, { mask: './out', table: './out' });
  assert.is(both.girderResultHooks, undefined);
  assert.is(both.girder, undefined);
});

test('a stream that the target writes to Girder becomes a file', () => {
  const connect = {
    input: { namedOutputPipe: { name: 'out.pipe' } },
    output: { girderStreamToItem: { itemId: '', filename: 'x.bin' } },
  };
  const spec = localSpec({ transforms: [{ name: 'out', connect }], girder }, {}, { out: './x.bin' });
  assert.is(spec.transforms?.[0]?.volumePath?.filename, 'out.pipe');
  assert.is(spec.girder, undefined);
});

const mistakes: [what: string, spec: object, paths: Parameters<typeof data>, sentence: RegExp][] = [
  ['an input of an unknown name', {}, [{ ct: 'x' }], /--input ct: spec\.transforms has no transform/],
  ['an output of an unknown name', {}, [{}, { ct: 'x' }], /--output ct: spec\.transforms has no transform/],
  [
    'an input for a path of the target',
    { transforms: [{ name: 'out', volumePath: { filename: 'a' } }] },
    [{ out: 'x' }],
    /takes nothing from Girder/,
  ],
  [
    'an output for a download',
    { transforms: [{ name: 'in', girderFileIdToVolume: {} }] },
    [{}, { in: 'x' }],
    /must be a volumePath/,
  ],
  [
    'an output for standard output',
    {
      transforms: [
        { name: 'log', connect: { input: { containerStdOut: {} }, output: { girderStreamToItem: {} } } },
      ],
    },
    [{}, { log: 'x' }],
    /redirect dockerrun's own output/,
  ],
];
for (const [what, spec, paths, sentence] of mistakes) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => withLocalData(aRun(spec), data(...paths)),
      (error: unknown) => error instanceof UsageError && sentence.test(error.message),
    );
  });
}

test('without local data, the run is not changed', () => {
  const run = aRun({ girder, transforms: 'wrong' });
  assert.is(withLocalData(run, data({})), run);
});

test.run();
