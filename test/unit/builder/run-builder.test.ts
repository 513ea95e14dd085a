import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dockerOptions } from '../../../src/api/docker/options.ts';
import * as builder from '../../../src/builder/main.ts';
import { keywordOf } from '../../../src/builder/run-builder.ts';
import { optionOf } from '../../../src/calls/docker-keywords.ts';
import { acceptRun } from '../../../src/cli/offline/validation.ts';

const {
  BindMountVolume,
  ChunkedTransferEncodingStream,
  Connect,
  ContainerStdErr,
  ContainerStdOut,
  dockerRun,
  GirderFileIdToStream,
  GirderFileIdToVolume,
  GirderFolderIdToVolume,
  GirderItemIdToVolume,
  GirderUploadVolumePathToFolder,
  GirderUploadVolumePathToItem,
  HostStdErr,
  HostStdOut,
  NamedInputPipe,
  NamedOutputPipe,
  ProgressPipe,
  Reference,
  SecretKey,
  TemporaryVolume,
  VolumePath,
} = builder;

const fileId = 'f11e00000000000000000001';
const metadata = { name: 'a-run' };
const girder = { apiUrl: 'https://data.example.org/api/v1', credentialsSecretRef: { name: 'girder' } };

const specOf = (options: Omit<builder.DockerRunOptions, 'metadata'>) =>
  dockerRun('busybox:1.36', { metadata, ...options }).spec;

test('the call at the top of the page for Girder Worker is its first example', () => {
  const sum = new VolumePath('sum.txt');
  const manifest = dockerRun('busybox:1.36', {
    metadata: { name: 'docker-run' },
    pullImage: 'if-not-present',
    entrypoint: ['sh', '-ec'],
    containerArgs: [
      'script',
      'sh',
      new GirderFileIdToVolume(fileId),
      new Connect(new GirderFileIdToStream(fileId), new NamedInputPipe('stream')),
      new ProgressPipe(),
      sum,
    ],
    environment: { LANG: 'C' },
    shmSize: '64m',
    girderResultHooks: [new GirderUploadVolumePathToItem(sum, fileId)],
    girder,
  });
  assert.equal(manifest, {
    apiVersion: 'dockerrun.dev/v1alpha1',
    kind: 'DockerRun',
    metadata: { name: 'docker-run' },
    spec: {
      image: 'busybox:1.36',
      imagePullPolicy: 'IfNotPresent',
      command: ['sh', '-ec'],
      args: ['script', 'sh', '$(file-1)', '$(stream-1)', '$(progress-1)', '$(path-1)'],
      env: [{ name: 'LANG', value: 'C' }],
      transforms: [
        { name: 'file-1', girderFileIdToVolume: { fileId } },
        {
          name: 'stream-1',
          connect: {
            input: { girderFileIdToStream: { fileId } },
            output: { namedInputPipe: { name: 'stream' } },
          },
        },
        { name: 'progress-1', progressPipe: { name: '.girder_progress' } },
        { name: 'path-1', volumePath: { filename: 'sum.txt' } },
      ],
      girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'path-1', itemId: fileId } }],
      docker: { shmSize: '64m' },
      girder,
    },
  });
});

test('a volume that is used twice is one, also in a result', () => {
  const volume = new TemporaryVolume();
  const { volumes, transforms, girderResultHooks, args } = specOf({
    containerArgs: [volume, new VolumePath('a.txt', volume)],
    girderResultHooks: [new GirderUploadVolumePathToItem(new VolumePath('a.txt', volume), fileId)],
    girder,
  });
  assert.equal(volumes, [{ name: 'volume-1', temporary: {} }]);
  assert.equal(args, ['$(volume-1)', '$(path-1)']);
  assert.equal(transforms, [{ name: 'path-1', volumePath: { filename: 'a.txt', volume: 'volume-1' } }]);
  assert.is(girderResultHooks?.[0]?.girderUploadVolumePathToItem?.volumePath, 'path-1');
});

test('keys of Secrets are arguments, variables and headers, and names of the spec are references', () => {
  const { args, env, transforms } = specOf({
    containerArgs: [
      new SecretKey('a', 'token'),
      new Reference('facts'),
      '$(facts)',
      new Connect(
        new NamedOutputPipe('out'),
        new ChunkedTransferEncodingStream('https://sink.example.org/', {
          Accept: '*/*',
          Token: new SecretKey('b', 'token'),
        }),
      ),
    ],
    environment: { TOKEN: new SecretKey('a', 'token'), PLACE: new Reference('facts') },
    girder,
    spec: { transforms: [{ name: 'facts', girderMetadataToVolume: { itemId: fileId } }] },
  });
  assert.equal(args, ['$(secret-1)', '$(facts)', '$$(facts)', '$(stream-1)']);
  assert.equal(env, [
    { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'a', key: 'token' } } },
    { name: 'PLACE', value: '$(facts)' },
  ]);
  assert.equal(
    transforms?.map(({ name }) => name),
    ['secret-1', 'stream-1', 'facts'],
  );
  assert.equal(transforms?.[1]?.connect?.output.chunkedTransferEncodingStream?.headers, [
    { name: 'Accept', value: '*/*' },
    { name: 'Token', valueFrom: { secretKeyRef: { name: 'b', key: 'token' } } },
  ]);
});

test('pullImage has the policy of its words, and none without it', () => {
  const policies = [undefined, true, false, 'if-not-present' as const].map(
    (pullImage) => specOf(pullImage === undefined ? {} : { pullImage }).imagePullPolicy,
  );
  assert.equal(policies, [undefined, 'Always', 'Never', 'IfNotPresent']);
});

test('fields of the spec are joined with those of the call', () => {
  const { resources, volumes, backoffLimit } = specOf({
    runtime: 'nvidia',
    containerArgs: [new TemporaryVolume()],
    spec: {
      backoffLimit: 2,
      resources: { limits: { memory: '1Gi' } },
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data', containerPath: '/data' } }],
    },
  });
  assert.equal(resources, { limits: { 'nvidia.com/gpu': 1, memory: '1Gi' } });
  assert.equal(
    volumes?.map(({ name }) => name),
    ['volume-1', 'data'],
  );
  assert.is(backoffLimit, 2);
});

test('an error names the image and says what to do', () => {
  assert.throws(
    () => dockerRun('a/b', { metadata, containerArgs: [new GirderFileIdToVolume(fileId)] }),
    /^dockerRun\("a\/b"\): it uses Girder, but has no girder with apiUrl and credentialsSecretRef$/,
  );
  assert.throws(() => specOf({ shmSize: 'much' }), /spec\.docker\.shmSize/);
  assert.throws(
    () => new GirderFileIdToVolume('x') && specOf({ containerArgs: [new GirderFileIdToVolume('x')] }),
    /_file_id of GirderFileIdToVolume is not an ID of Girder/,
  );
});

test('every option of docker-py has one keyword, which has the field of its name', () => {
  for (const option of Object.keys(dockerOptions.properties)) assert.is(optionOf(keywordOf(option)), option);
});

const id = fc.stringMatching(/^[0-9a-f]{24}$/);
const word = fc.stringMatching(/^[a-z][a-z0-9]{0,7}$/);
const text = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('$(x)', '$$(a)', '{}', '--flag=1'));
const volume = fc.oneof(
  fc.constant(TemporaryVolume.default),
  fc.constant(undefined),
  fc.nat(3).map((index) => sharedVolumes[index % sharedVolumes.length]),
);
const sharedVolumes = [
  new TemporaryVolume(),
  new TemporaryVolume('/scratch'),
  new BindMountVolume('/srv/a', '/mnt/a', 'rw'),
  new BindMountVolume('/srv/b', '/mnt/b'),
] as const;
const inVolume = volume.map((one) => (one === undefined ? {} : { volume: one }));
const filename = fc
  .option(word, { nil: undefined })
  .map((one) => (one === undefined ? {} : { filename: one }));

const path = fc.tuple(word, volume).map(([name, one]) => new VolumePath(`out-${name}`, one));
const receiver = fc
  .dictionary(word, fc.oneof(word, fc.constant(new SecretKey('a', 'b'))), { maxKeys: 3 })
  .map((headers) => new ChunkedTransferEncodingStream('https://sink.example.org/x', headers));
const output = fc.oneof(fc.constant(new HostStdOut()), fc.constant(new HostStdErr()), receiver);

/** Pipes have names of their own: two of them at one place are refused. */
let pipes = 0;
const pipeName = fc.constant(undefined).map(() => `pipe-${(pipes += 1)}`);
const stream = fc.oneof(
  fc
    .tuple(id, pipeName, inVolume)
    .map(([one, name, place]) => new Connect(new GirderFileIdToStream(one), new NamedInputPipe(name, place))),
  fc
    .tuple(pipeName, inVolume, output)
    .map(([name, place, to]) => new Connect(new NamedOutputPipe(name, place), to)),
);
const argument: fc.Arbitrary<builder.Argument> = fc.oneof(
  text,
  fc.integer(),
  fc.double({ noNaN: true }),
  path,
  stream,
  volume.map((one) => one ?? TemporaryVolume.default),
  fc
    .tuple(id, inVolume, filename)
    .map(([one, place, name]) => new GirderFileIdToVolume(one, { ...place, ...name })),
  fc.tuple(id, inVolume).map(([one, place]) => new GirderItemIdToVolume(one, place)),
  fc
    .tuple(id, inVolume)
    .map(([one, place]) => new GirderFolderIdToVolume(one, { ...place, folderName: 'a b' })),
  fc.constant(new SecretKey('a', 'b')),
);
const uploadOptions = fc.record(
  {
    deleteFile: fc.boolean(),
    uploadKwargs: fc.record({ mimeType: fc.constant('text/plain'), reference: fc.string() }),
  },
  { requiredKeys: [] },
);
const hook = fc.oneof(
  fc
    .tuple(path, id, uploadOptions)
    .map(([one, item, given]) => new GirderUploadVolumePathToItem(one, item, given)),
  fc
    .tuple(path, id, uploadOptions)
    .map(
      ([one, folder, given]) =>
        new GirderUploadVolumePathToFolder(one, folder, { ...given, mustExist: false }),
    ),
);
const options = fc.record(
  {
    pullImage: fc.constantFrom(true, false, 'if-not-present' as const),
    entrypoint: fc.oneof(word, fc.array(fc.oneof(text, path), { maxLength: 3 })),
    containerArgs: fc.array(argument, { maxLength: 8 }),
    volumes: fc.oneof(
      fc.subarray([...sharedVolumes]),
      fc.constant({ '/srv/x': { bind: '/mnt/x' }, '/srv/y': { bind: '/mnt/y', mode: 'ro' as const } }),
    ),
    environment: fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), argument, { maxKeys: 3 }),
    removeContainer: fc.boolean(),
    streamConnectors: fc.array(
      fc.oneof(stream, fc.constant(new Connect(new ContainerStdErr(), new HostStdErr()))),
      { maxLength: 1 },
    ),
    girderResultHooks: fc.array(hook, { maxLength: 3 }),
    shmSize: fc.constantFrom('64m', 1024 * 1024),
    user: fc.constant('1000:1000'),
    runtime: fc.constant('nvidia'),
  },
  { requiredKeys: [] },
);

/** What no manifest can have: the builder says so with a sentence. */
const refusals = /TemporaryVolume that (?:no argument has|cannot be identified)/;

test('every manifest that it makes is one that dockerrun validate accepts', () => {
  let made = 0;
  fc.assert(
    fc.property(options, (given) => {
      let manifest: builder.DockerRunManifest;
      try {
        manifest = dockerRun('my/image', { metadata, girder, ...given });
      } catch (error) {
        assert.instance(error, TypeError);
        assert.match((error as Error).message, refusals);
        return;
      }
      acceptRun(manifest, 'the manifest');
      made += 1;
    }),
    { numRuns: 400 },
  );
  assert.ok(made > 200, `${made} manifests`);
});

test('an output that the target writes to its standard output can be connected', () => {
  const connect = new Connect(new ContainerStdOut(), new HostStdErr());
  assert.equal(specOf({ streamConnectors: [connect] }).transforms, [
    { name: 'stream-1', connect: { input: { containerStdOut: {} }, output: { hostStdErr: {} } } },
  ]);
});

test.run();
