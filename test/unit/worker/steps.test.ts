import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { expandArguments, stepsOf } from '../../../src/worker/steps.ts';
import { aSpec } from '../../fixtures/builders.ts';
import { aVolume, temporaryVolume } from '../../fixtures/builders-worker.ts';

const fileId = '5f0c0000000000000000000a';
const itemId = '5f0c0000000000000000000b';
const data = aVolume('data');
const volumes = [temporaryVolume, data];

test('a run without transforms has nothing to do but its mounts', () => {
  const { downloads, uploads, mounts } = stepsOf(aSpec(), volumes);
  assert.equal([downloads, uploads], [[], []]);
  assert.equal(
    mounts.map(({ source, target, readOnly }) => [source, target, readOnly]),
    [
      [temporaryVolume.hostPath, temporaryVolume.containerPath, false],
      ['/srv/data', '/mnt/data', false],
    ],
  );
});

test('a volume of docker-py is mounted as it says, and one that may only be read is so', () => {
  const dockerVolumes = { '/srv/atlas': { bind: '/atlas', mode: 'ro' as const } };
  const { mounts } = stepsOf(aSpec({ dockerVolumes }), [aVolume('data', { readOnly: true })]);
  assert.equal(mounts, [
    { type: 'bind', source: '/srv/data', target: '/mnt/data', readOnly: true },
    { type: 'bind', source: '/srv/atlas', target: '/atlas', readOnly: true },
  ]);
});

test('a download goes into its volume, and into the temporary one when it names none', () => {
  const transforms = [
    { name: 'a', girderFileIdToVolume: { fileId } },
    { name: 'b', girderFileIdToVolume: { fileId, volume: 'data', filename: 'in/b.nrrd' } },
    { name: 'c', volumePath: { filename: 'c' } },
  ];
  assert.equal(stepsOf(aSpec({ transforms }), volumes).downloads, [
    { names: ['a'], fileId, volume: temporaryVolume, filename: undefined },
    { names: ['b'], fileId, volume: data, filename: 'in/b.nrrd' },
  ]);
});

test('one file at one place is one download, also by way of two volumes of one directory', () => {
  const again = aVolume('again', { hostPath: data.hostPath });
  const transforms = [
    { name: 'a', girderFileIdToVolume: { fileId, volume: 'data' } },
    { name: 'b', girderFileIdToVolume: { fileId, volume: 'data' } },
    { name: 'c', girderFileIdToVolume: { fileId, volume: 'data', filename: 'c' } },
    { name: 'd', girderFileIdToVolume: { fileId, volume: 'again', filename: 'c' } },
    { name: 'e', girderFileIdToVolume: { fileId: itemId, volume: 'data' } },
  ];
  const { downloads } = stepsOf(aSpec({ transforms }), [...volumes, again]);
  assert.equal(
    downloads.map(({ names }) => names),
    [['a', 'b'], ['c', 'd'], ['e']],
  );
});

test('the uploads are in the order of the hooks, each with the index of its hook', () => {
  const transforms = [
    { name: 'mask', volumePath: { filename: 'out/mask.nrrd', volume: 'data' } },
    { name: 'table', volumePath: { filename: 'table.csv' } },
  ];
  const girderResultHooks = ['table', 'mask'].map((volumePath) => ({
    girderUploadVolumePathToItem: { volumePath, itemId },
  }));
  assert.equal(stepsOf(aSpec({ transforms, girderResultHooks }), volumes).uploads, [
    { hook: 0, name: 'table', itemId, volume: temporaryVolume, filename: 'table.csv' },
    { hook: 1, name: 'mask', itemId, volume: data, filename: 'out/mask.nrrd' },
  ]);
});

test('arguments see the paths that the target sees, of volumes, outputs and downloads', () => {
  const spec = aSpec({
    command: ['python', '$(data)/main.py'],
    args: ['--in=$(ct)', '--out=$(mask)', '$(temporaryVolume)', '$$(ct)', '$(cat f)', '$(other)'],
    transforms: [
      { name: 'ct', girderFileIdToVolume: { fileId, volume: 'data' } },
      { name: 'mask', volumePath: { filename: 'mask.nrrd' } },
    ],
  });
  const { command, args } = expandArguments(spec, volumes, new Map([['ct', `${fileId}/ct scan.nrrd`]]));
  assert.equal(command, ['python', '/mnt/data/main.py']);
  assert.equal(args, [
    `--in=/mnt/data/${fileId}/ct scan.nrrd`,
    '--out=/mnt/girder_worker/temporary/mask.nrrd',
    '/mnt/girder_worker/temporary',
    '$(ct)',
    '$(cat f)',
    '$(other)',
  ]);
});

test('a name from Girder that looks like a reference is not expanded again', () => {
  const transforms = [{ name: 'ct', girderFileIdToVolume: { fileId } }];
  const downloaded = new Map([['ct', '$(temporaryVolume) $&']]);
  const { args } = expandArguments(aSpec({ args: ['$(ct)'], transforms }), volumes, downloaded);
  assert.equal(args, ['/mnt/girder_worker/temporary/$(temporaryVolume) $&']);
});

test('what a spec does not set is left to the image', () => {
  assert.equal(expandArguments(aSpec(), volumes, new Map()), { command: undefined, args: undefined });
  assert.equal(expandArguments(aSpec({ args: [] }), volumes, new Map()).args, []);
});

test.run();
