import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { expandTexts, inputPathsOf, ownMountsOf, planRun } from '../../../src/worker/plan.ts';
import { aVolume, temporaryVolume } from '../../fixtures/builders-worker.ts';
import { aSpec, specOf } from '../../fixtures/builders.ts';

const fileId = '5f0c0000000000000000000a';
const itemId = '5f0c0000000000000000000b';
const data = aVolume('data');
const volumes = [temporaryVolume, data];
const noOptions = {
  filename: undefined,
  mimeType: undefined,
  reference: undefined,
  metadata: undefined,
  deleteFile: false,
  ifExists: 'Replace' as const,
  links: 'Fail' as const,
};

test('a run without transforms has only mounts', () => {
  const { downloads, streams, hooks, mounts } = planRun(aSpec(), volumes);
  assert.equal([downloads, hooks, streams], [[], [], { inputs: [], outputs: [], barePipes: [] }]);
  assert.equal(
    mounts.map(({ source, target, readOnly }) => [source, target, readOnly]),
    [
      [temporaryVolume.hostPath, temporaryVolume.containerPath, false],
      ['/srv/data', '/mnt/data', false],
    ],
  );
});

test('dockerVolumes are mounted with their mode, and a read-only volume is mounted read-only', () => {
  const dockerVolumes = { '/srv/atlas': { bind: '/atlas', mode: 'ro' as const } };
  const { mounts } = planRun(aSpec({ dockerVolumes }), [aVolume('data', { readOnly: true })]);
  assert.equal(mounts, [
    {
      type: 'bind',
      source: '/srv/data',
      target: '/mnt/data',
      readOnly: true,
      configuredBy: data.configuredBy,
    },
    {
      type: 'bind',
      source: '/srv/atlas',
      target: '/atlas',
      readOnly: true,
      configuredBy: 'spec.dockerVolumes',
    },
  ]);
});

test('a directory of the node is mounted without file systems in it, compared, and partly hidden', () => {
  const spec = aSpec({ dockerVolumes: { '/srv': { bind: '/all', mode: 'rw' as const } } });
  const onNode = aVolume('data', { isOnNode: true });
  const dockerVolumes = new Map([['/srv', { source: '/kubelet/1', localPath: '/own/1', hidden: '/empty' }]]);
  const { mounts } = planRun(spec, [onNode], dockerVolumes);
  const [first, second, third] = mounts;
  assert.equal([first?.isRecursive, first?.probe], [false, { sameAs: onNode.localPath }]);
  assert.equal(
    [second?.source, second?.isRecursive, second?.probe],
    ['/kubelet/1', false, { sameAs: '/own/1' }],
  );
  assert.equal(third, {
    type: 'bind',
    source: '/empty',
    target: '/all/.dockerrun-temporary',
    readOnly: true,
  });
});

test('a download goes to its volume, or to the temporary volume if it names none', () => {
  const transforms = [
    { name: 'a', girderFileIdToVolume: { fileId } },
    { name: 'b', girderFileIdToVolume: { fileId, volume: 'data', filename: 'in/b.nrrd' } },
    { name: 'c', volumePath: { filename: 'c' } },
  ];
  assert.equal(planRun(aSpec({ transforms }), volumes).downloads, [
    { names: ['a'], volume: temporaryVolume, source: { kind: 'file', fileId, filename: undefined } },
    { names: ['b'], volume: data, source: { kind: 'file', fileId, filename: 'in/b.nrrd' } },
  ]);
});

test('the same file at the same path is downloaded once, also through two volumes of one directory', () => {
  const again = aVolume('again', { hostPath: data.hostPath });
  const transforms = [
    { name: 'a', girderFileIdToVolume: { fileId, volume: 'data' } },
    { name: 'b', girderFileIdToVolume: { fileId, volume: 'data' } },
    { name: 'c', girderFileIdToVolume: { fileId, volume: 'data', filename: 'c' } },
    { name: 'd', girderFileIdToVolume: { fileId, volume: 'again', filename: 'c' } },
    { name: 'e', girderFileIdToVolume: { fileId: itemId, volume: 'data' } },
  ];
  const { downloads } = planRun(aSpec({ transforms }), [...volumes, again]);
  assert.equal(
    downloads.map(({ names }) => names),
    [['a', 'b'], ['c', 'd'], ['e']],
  );
});

test('items and folders are downloads too', () => {
  const transforms = [
    { name: 'item', girderItemIdToVolume: { itemId, volume: 'data' } },
    { name: 'folder', girderFolderIdToVolume: { folderId: itemId, folderName: 'in' } },
  ];
  assert.equal(
    planRun(aSpec({ transforms }), volumes).downloads.map(({ source, volume }) => [volume.name, source]),
    [
      ['data', { kind: 'item', itemId }],
      ['temporaryVolume', { kind: 'folder', folderId: itemId, folderName: 'in' }],
    ],
  );
});

test('the metadata of an item, a folder or what a path leads to is a download', () => {
  const path = '/collection/Study/scans';
  const transforms = [
    { name: 'item', girderMetadataToVolume: { itemId, filename: 'item.json' } },
    { name: 'folder', girderMetadataToVolume: { folderId: fileId } },
    { name: 'path', girderMetadataToVolume: { path } },
  ];
  const sources = (kind: 'item' | 'folder') =>
    planRun(aSpec({ transforms }), volumes, undefined, new Map([[path, { id: fileId, kind }]])).downloads.map(
      ({ names, source }) => [...names, source],
    );
  const byId = ['item', { kind: 'metadata', of: { kind: 'item', id: itemId }, filename: 'item.json' }];
  const of = (kind: string) => ({ kind: 'metadata', of: { kind, id: fileId }, filename: undefined });
  assert.equal(sources('item'), [byId, ['folder', of('folder')], ['path', of('item')]]);
  assert.equal(sources('folder'), [byId, ['folder', 'path', of('folder')]]);
});

test('the hooks keep their order, each with its path, options and index', () => {
  const spec = specOf({
    image: 'busybox',
    girder: { apiUrl: 'http://girder/api/v1', credentialsSecretRef: { name: 'girder' } },
    transforms: [{ name: 'mask', volumePath: { filename: 'out/mask.nrrd', volume: 'data' } }],
    girderResultHooks: [
      {
        girderUploadVolumePathToItem: { volumePath: 'mask', itemId, mimeType: 'a/b', deleteFile: true },
        when: 'Always',
      },
      { girderUploadVolumePathToFolder: { volumePath: 'data', folderId: fileId }, optional: true },
    ],
  });
  assert.equal(planRun(spec, volumes).hooks, [
    {
      hook: 0,
      name: 'mask',
      volume: data,
      path: 'out/mask.nrrd',
      to: { itemId },
      options: { ...noOptions, mimeType: 'a/b', deleteFile: true },
      when: 'Always',
      optional: false,
    },
    {
      hook: 1,
      name: 'data',
      volume: data,
      path: undefined,
      to: { folderId: fileId },
      options: noOptions,
      when: 'OnSuccess',
      optional: true,
    },
  ]);
});

test('a path is planned as the id that it leads to, so that a file named in both ways is downloaded once', () => {
  const path = '/collection/Study/ct/ct.nrrd';
  const transforms = [
    { name: 'a', girderFileIdToVolume: { fileId } },
    { name: 'b', girderFileIdToVolume: { path } },
  ];
  const found = new Map([[path, { id: fileId }]]);
  const { downloads } = planRun(aSpec({ transforms }), volumes, undefined, found);
  assert.equal(
    downloads.map(({ names }) => names),
    [['a', 'b']],
  );
  assert.throws(() => planRun(aSpec({ transforms }), volumes), /was not looked up/);
});

test('a hook whose folder does not exist has the folders to create', () => {
  const path = '/collection/Study/runs/1';
  const newFolder = { parent: { kind: 'collection', id: itemId }, names: ['runs', '1'] } as const;
  const spec = specOf({
    image: 'busybox',
    girder: { apiUrl: 'http://girder/api/v1', credentialsSecretRef: { name: 'girder' } },
    girderResultHooks: [{ girderUploadVolumePathToFolder: { volumePath: 'data', path, createFolder: true } }],
  });
  const { hooks } = planRun(spec, volumes, undefined, new Map([[path, { newFolder }]]));
  assert.equal(hooks[0]?.to, { newFolder });
});

test('every connect becomes a stream, in either direction', () => {
  const output = (name: string, input: unknown, to: unknown) => ({ name, connect: { input, output: to } });
  const spec = specOf({
    image: 'busybox',
    girder: { apiUrl: 'http://girder/api/v1', credentialsSecretRef: { name: 'girder' } },
    transforms: [
      output('live', { girderFileIdToStream: { fileId } }, { namedInputPipe: { name: 'live' } }),
      output('log', { namedOutputPipe: { name: 'pipes/log', volume: 'data' } }, { hostStdErr: {} }),
      output('post', { containerStdOut: {} }, { chunkedTransferEncodingStream: { url: 'http://sink/in' } }),
      output('kept', { containerStdErr: {} }, { girderStreamToItem: { itemId, filename: 'log.txt' } }),
      { name: 'progress', progressPipe: {} },
      { name: 'bare', namedOutputPipe: { name: 'bare' } },
    ],
  });
  const { inputs, outputs, barePipes } = planRun(spec, volumes).streams;
  assert.equal(inputs, [{ name: 'live', pipe: { volume: temporaryVolume, path: 'live' }, fileId }]);
  assert.equal(barePipes, [{ volume: temporaryVolume, path: 'bare' }]);
  assert.equal(outputs, [
    { name: 'log', source: { volume: data, path: 'pipes/log' }, to: { kind: 'stderr' } },
    { name: 'post', source: 'stdout', to: { kind: 'post', url: 'http://sink/in', headers: [] } },
    {
      name: 'kept',
      source: 'stderr',
      to: { kind: 'item', item: { itemId, filename: 'log.txt', ifExists: 'Replace' } },
    },
    {
      name: 'progress',
      source: { volume: temporaryVolume, path: '.girder_progress' },
      to: { kind: 'progress' },
    },
  ]);
});

test('the name of an input with a path of its own stands for that path, where the input is mounted', () => {
  const spec = aSpec({
    args: ['$(ct)', '$(mask)', '$(cache)', '$(wheels)'],
    volumes: [
      {
        name: 'cache',
        namedVolume: { volumeName: 'pip', containerPath: '/cache', readOnly: false, create: false },
      },
    ],
    transforms: [
      { name: 'ct', girderFileIdToVolume: { fileId, containerPath: '/in/ct.nrrd' } },
      { name: 'mask', volumePath: { filename: 'set/mask', containerPath: '/in/mask' } },
      { name: 'wheels', volumePath: { filename: 'wheels', volume: 'cache' } },
    ],
  });
  const downloaded = new Map([['ct', `${fileId}/ct.nrrd`]]);
  const { args } = expandTexts(spec, volumes, downloaded);
  assert.equal(args, ['/in/ct.nrrd', '/in/mask', '/cache', '/cache/wheels']);
  const volume = temporaryVolume;
  assert.equal(ownMountsOf(spec, volumes, downloaded), [
    { name: 'ct', volume, path: `${fileId}/ct.nrrd`, containerPath: '/in/ct.nrrd' },
    { name: 'mask', volume, path: 'set/mask', containerPath: '/in/mask' },
  ]);
});

test('arguments get the paths of volumes, outputs and downloads as the target sees them', () => {
  const spec = aSpec({
    command: ['python', '$(data)/main.py'],
    args: ['--in=$(ct)', '--out=$(mask)', '$(temporaryVolume)', '$$(ct)', '$(cat f)', '$(other)', '$(pipe)'],
    transforms: [
      { name: 'pipe', namedInputPipe: { name: 'p', volume: 'data' } },
      { name: 'ct', girderFileIdToVolume: { fileId, volume: 'data' } },
      { name: 'mask', volumePath: { filename: 'mask.nrrd' } },
    ],
  });
  const { command, args } = expandTexts(spec, volumes, new Map([['ct', `${fileId}/ct scan.nrrd`]]));
  assert.equal(command, ['python', '/mnt/data/main.py']);
  assert.equal(args, [
    `--in=/mnt/data/${fileId}/ct scan.nrrd`,
    '--out=/mnt/girder_worker/temporary/mask.nrrd',
    '/mnt/girder_worker/temporary',
    '$(ct)',
    '$(cat f)',
    '$(other)',
    '/mnt/data/p',
  ]);
});

test('values of variables are expanded like arguments, but not what a Secret holds', () => {
  const valueFrom = { secretKeyRef: { name: '$(out)', key: 'k' } };
  const spec = aSpec({
    transforms: [{ name: 'out', volumePath: { filename: 'mask.png' } }],
    env: [
      { name: 'OUT', value: 'file:$(out)' },
      { name: 'TEXT', value: '$$(out) $(date +%F) $(unknown)' },
      { name: 'EMPTY' },
      { name: 'KEY', valueFrom },
    ],
  });
  assert.equal(expandTexts(spec, volumes, new Map()).env, [
    { name: 'OUT', value: 'file:/mnt/girder_worker/temporary/mask.png' },
    { name: 'TEXT', value: '$(out) $(date +%F) $(unknown)' },
    { name: 'EMPTY' },
    { name: 'KEY', valueFrom },
  ]);
});

test('a name from Girder that looks like a reference is not expanded again', () => {
  const transforms = [{ name: 'ct', girderFileIdToVolume: { fileId } }];
  const downloaded = new Map([['ct', '$(temporaryVolume) $&']]);
  const { args } = expandTexts(aSpec({ args: ['$(ct)'], transforms }), volumes, downloaded);
  assert.equal(args, ['/mnt/girder_worker/temporary/$(temporaryVolume) $&']);
});

test('what a spec does not set is left to the image', () => {
  const texts = { command: undefined, args: undefined, env: undefined };
  assert.equal(expandTexts(aSpec(), volumes, new Map()), texts);
  assert.equal(expandTexts(aSpec({ args: [] }), volumes, new Map()).args, []);
});

test('inputs with a filename are that file, others are the directory of their id', () => {
  const data = aVolume('data');
  const paths = inputPathsOf(
    [
      { names: ['a', 'b'], volume: data, source: { kind: 'file', fileId: 'f', filename: 'in/a.txt' } },
      { names: ['c'], volume: data, source: { kind: 'file', fileId: 'f', filename: undefined } },
      { names: ['d'], volume: temporaryVolume, source: { kind: 'folder', folderId: 'x', folderName: 'n' } },
      { names: ['e'], volume: temporaryVolume, source: { kind: 'item', itemId: 'never downloaded' } },
    ],
    new Map([
      ['a', 'in/a.txt'],
      ['b', 'in/a.txt'],
      ['c', 'f/c.txt'],
      ['d', 'x/n'],
    ]),
  );
  assert.equal([...(paths.get(data) ?? [])], ['in/a.txt', 'f']);
  assert.equal([...(paths.get(temporaryVolume) ?? [])], ['x']);
});

test.run();
