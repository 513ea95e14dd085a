import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  client,
  defaultVolume,
  type Fields,
  fileId,
  folderId,
  pickled,
  specOf as bridgeSpecOf,
  volumePath,
} from '../bridge/task-messages.ts';
import { specOf } from './converted-program.ts';

const itemId = 'a17e0000000000000000000f';

const hook = (kind: string, attributes: Fields) => ({
  headers: {
    girder_result_hooks: [
      pickled(kind, { gc: client(), upload_kwargs: null, delete_file: false, ...attributes }),
    ],
  },
});
const mount = (mode = 'rw') =>
  pickled('BindMountVolume', { _host_path: '/srv/data', _container_path: '/mnt/docker', mode });
const pipe = (kind: string, name: string) =>
  pickled(kind, { name, _container_path: null, _host_path: null, _volume: defaultVolume() });
const file = (attributes: Fields = {}) =>
  pickled('GirderFileIdToVolume', {
    gc: client(),
    _file_id: fileId,
    _filename: null,
    _volume: defaultVolume(),
    ...attributes,
  });

const vol = mount();

/** The same call for the bridge: what jsonpickle makes of it, as keywords and what else the message has. */
const equal: readonly (readonly [
  program: string,
  kwargs: Fields,
  more?: Parameters<typeof bridgeSpecOf>[1],
])[] = [
  ["docker_run.delay('busybox:1')", {}],
  [
    "docker_run.delay('busybox:1', False, 'sh', ['echo', 3, True, None, 1.5, ['a', 1]])",
    { pull_image: false, entrypoint: 'sh', container_args: ['echo', 3, true, null, 1.5, ['a', 1]] },
  ],
  [
    "docker_run.delay('busybox:1', volumes={'/srv/data': {'bind': '/mnt/docker', 'mode': 'ro'}})",
    { volumes: { '/srv/data': { bind: '/mnt/docker', mode: 'ro' } } },
  ],
  [
    "vol = BindMountVolume('/srv/data', '/mnt/docker')\ndocker_run.delay('busybox:1', volumes=[vol], container_args=[vol])",
    { volumes: [vol], container_args: [vol] },
  ],
  [
    `vol = BindMountVolume('/srv/data', '/mnt/docker')\ndocker_run.delay('busybox:1', volumes=[vol], container_args=[GirderFileIdToVolume('${fileId}', volume=vol)])`,
    { volumes: [vol], container_args: [file({ _volume: vol })] },
  ],
  [
    "docker_run.delay('busybox:1', container_args=[TemporaryVolume.default, VolumePath('a.txt')])",
    { container_args: [defaultVolume(), volumePath('a.txt')] },
  ],
  [
    `docker_run.delay('busybox:1', container_args=[GirderFileIdToVolume('${fileId}'), GirderFileIdToVolume('${fileId}', filename='in.txt')])`,
    { container_args: [file(), file({ _filename: 'in.txt' })] },
  ],
  [
    `docker_run.delay('busybox:1', container_args=[GirderItemIdToVolume('${itemId}'), GirderFolderIdToVolume('${folderId}', folder_name='f')])`,
    {
      container_args: [
        pickled('GirderItemIdToVolume', { gc: client(), _item_id: itemId, _volume: defaultVolume() }),
        pickled('GirderFolderIdToVolume', {
          gc: client(),
          _folder_id: folderId,
          _folder_name: 'f',
          _volume: defaultVolume(),
        }),
      ],
    },
  ],
  [
    `docker_run.delay('busybox:1', container_args=[Connect(GirderFileIdToStream('${fileId}'), NamedInputPipe('in'))])`,
    {
      container_args: [
        pickled('Connect', {
          _input: pickled('GirderFileIdToStream', { gc: client(), file_id: fileId }),
          _output: pipe('NamedInputPipe', 'in'),
        }),
      ],
    },
  ],
  [
    "docker_run.delay('busybox:1', container_args=[Connect(NamedOutputPipe('out'), HostStdOut()), ProgressPipe()])",
    {
      container_args: [
        pickled('Connect', { _input: pipe('NamedOutputPipe', 'out'), _output: pickled('HostStdOut') }),
        pickled('ProgressPipe', { name: '.girder_progress', _volume: defaultVolume() }),
      ],
    },
  ],
  [
    "docker_run.delay('busybox:1', stream_connectors=[Connect(ContainerStdErr(), HostStdErr())])",
    {
      stream_connectors: [
        pickled('Connect', { _input: pickled('ContainerStdErr'), _output: pickled('HostStdErr') }),
      ],
    },
  ],
  [
    `path = VolumePath('result.txt')\ndocker_run.delay('busybox:1', container_args=[path], girder_result_hooks=[GirderUploadVolumePathToItem(path, '${itemId}', delete_file=True, upload_kwargs={'reference': 'r'})])`,
    { container_args: [volumePath('result.txt')] },
    hook('GirderUploadVolumePathToItem', {
      _volumepath: volumePath('result.txt'),
      item_id: itemId,
      delete_file: true,
      upload_kwargs: { reference: 'r' },
    }),
  ],
  [
    `docker_run.delay('busybox:1', girder_result_hooks=[GirderUploadVolumePathToFolder(VolumePath('out'), '${folderId}', must_exist=False)])`,
    {},
    hook('GirderUploadVolumePathToFolder', {
      _volumepath: volumePath('out'),
      folder_id: folderId,
      must_exist: false,
    }),
  ],
  [
    "docker_run.delay('busybox:1', environment={'A': 1, 'B': 'x'}, shm_size='64m', mem_limit=6291456, remove_container=False, runtime='nvidia', ports={'80/tcp': 8080})",
    {
      environment: { A: 1, B: 'x' },
      shm_size: '64m',
      mem_limit: 6291456,
      remove_container: false,
      runtime: 'nvidia',
      ports: { '80/tcp': 8080 },
    },
  ],
  [
    "from docker.types import DeviceRequest, Ulimit\ndocker_run.delay('busybox:1', device_requests=[DeviceRequest(count=-1, capabilities=[['gpu']])], ulimits=[Ulimit(name='nofile', soft=1, hard=2)])",
    {
      device_requests: [
        pickled('docker.types.containers.DeviceRequest', {
          Driver: '',
          Count: -1,
          DeviceIDs: [],
          Capabilities: [['gpu']],
          Options: {},
        }),
      ],
      ulimits: [pickled('docker.types.containers.Ulimit', { Name: 'nofile', Soft: 1, Hard: 2 })],
    },
  ],
];

/** `girder` and its Secrets are not in a call. */
const comparable = (spec: Fields) => ({ ...spec, girder: undefined });

for (const [program, kwargs, more = {}] of equal)
  test(`${program.split('\n').at(-1)?.slice(0, 90)} is what the bridge makes of it`, () => {
    const message = bridgeSpecOf(kwargs, more);
    const converted = specOf(program);
    const plain = (spec: Fields) => {
      const { docker, ...rest } = comparable(spec) as Fields & { docker?: Fields };
      return { ...rest, docker: withoutEmpty(docker) };
    };
    assert.equal(plain(converted), plain(message));
  });

/** An object of docker-py has all its fields, and a call only those that it has. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, one]) => [name, withoutEmpty(one)] as const);
  return Object.fromEntries(
    members.filter(([, one]) => JSON.stringify(one) !== '[]' && JSON.stringify(one) !== '{}'),
  );
}

test.run();
