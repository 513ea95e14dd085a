import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Outcome, QueueSettings } from '../../../src/bridge/translate/message-outcome.ts';
import { translate } from '../../../src/bridge/translate/translation.ts';
import { checkSchema } from '../../../src/cli/offline/validation.ts';
import {
  captureTime,
  client,
  defaultVolume,
  type Fields,
  folderId,
  pickled,
  refusalOf,
  runOf,
  settings,
  slicerTask,
  specOf,
  taskMessage,
  volumePath,
} from './task-messages.ts';

const dockerOf = (kwargs: Fields) => {
  const { run } = runOf(kwargs);
  const checked = checkSchema({ ...run });
  assert.equal('problems' in checked ? checked.problems : [], []);
  return run.spec['docker'];
};

for (const [kwargs, docker] of [
  [
    { shm_size: '64m', mem_limit: 1.5e9, user: 1000 },
    { shmSize: '64m', memLimit: 1_500_000_000, user: 1000 },
  ],
  [{ ipc_mode: 'host', pid_mode: '', network: null }, { ipcMode: 'host' }],
  [
    {
      device_requests: [
        pickled('docker.types.containers.DeviceRequest', {
          Driver: 'nvidia',
          Count: -1,
          DeviceIDs: [],
          Capabilities: [['gpu']],
          Options: {},
          __dict__: {},
        }),
      ],
    },
    {
      deviceRequests: [{ driver: 'nvidia', count: -1, deviceIds: [], capabilities: [['gpu']], options: {} }],
    },
  ],
  [
    {
      ulimits: [
        pickled('docker.types.containers.Ulimit', { Name: 'nofile', Soft: 1, Hard: 2 }),
        { name: 'core', soft: 0 },
      ],
    },
    {
      ulimits: [
        { name: 'nofile', soft: 1, hard: 2 },
        { name: 'core', soft: 0 },
      ],
    },
  ],
  [
    {
      log_config: pickled('docker.types.containers.LogConfig', {
        Type: 'json-file',
        Config: { 'max-size': '1m' },
      }),
    },
    { logConfig: { type: 'json-file', config: { 'max-size': '1m' } } },
  ],
  [
    { healthcheck: { test: 'true', start_period: 5, Interval: 7 } },
    { healthcheck: { startPeriod: 5, interval: 7, test: ['CMD-SHELL', 'true'] } },
  ],
  [
    {
      ports: {
        '80/tcp': null,
        '81/tcp': 81,
        '82/tcp': { 'py/tuple': ['127.0.0.1', 82] },
        '83/tcp': [83, 84],
      },
    },
    { ports: { '80/tcp': '', '81/tcp': 81, '82/tcp': '127.0.0.1:82', '83/tcp': '83,84' } },
  ],
  [
    { extra_hosts: ['a:1.2.3.4'], dns: '1.1.1.1' },
    { extraHosts: { a: '1.2.3.4' }, dns: ['1.1.1.1'] },
  ],
  [
    { labels: ['a'], tmpfs: { '/run': 'size=1m' } },
    { labels: { a: '' }, tmpfs: { '/run': 'size=1m' } },
  ],
  [
    { sysctls: { 'net.core.somaxconn': 1024 }, cap_add: ['SYS_PTRACE'] },
    { sysctls: { 'net.core.somaxconn': '1024' }, capAdd: ['SYS_PTRACE'] },
  ],
  [{ device_read_bps: [{ Path: '/dev/sda', Rate: 5 }] }, { deviceReadBps: [{ path: '/dev/sda', rate: 5 }] }],
  [{ detach: true, tty: true, remove: true, name: null }, undefined],
] as [Fields, Fields | undefined][])
  test(`${Object.keys(kwargs).join(', ')} of docker-py are options of the run`, () => {
    assert.equal(dockerOf(kwargs), docker);
  });

test('a keyword without an effect is named in a note', () => {
  const { run, notes } = runOf({ name: 'x', restart_policy: { Name: 'always' }, stdin_open: false });
  assert.is(run.spec['docker'], undefined);
  assert.equal(
    notes.map((note) => note.split(' ')[0]),
    ['name', 'restart_policy'],
  );
});

test('mounts are volumes', () => {
  const mount = (fields: Fields) => pickled('docker.types.services.Mount', fields);
  const mounts = [
    mount({ Target: '/a', Source: '/srv/a', Type: 'bind', ReadOnly: true }),
    mount({ Target: '/b', Source: 'cache', Type: 'volume', ReadOnly: false }),
  ];
  assert.equal(specOf({ mounts })['volumes'], [
    { name: 'volume-1', bindMount: { hostPath: '/srv/a', containerPath: '/a', mode: 'ro' } },
    {
      name: 'volume-2',
      namedVolume: { volumeName: 'cache', containerPath: '/b', readOnly: false, create: true },
    },
  ]);
  assert.match(
    refusalOf({ mounts: [mount({ Target: '/a', Type: 'tmpfs' })] }),
    /mounts\[0\] is not .*use tmpfs/,
  );
});

test('an option whose contents jsonpickle has left out is refused, and not one without a value', () => {
  for (const [keyword, name] of [
    ['device_requests', 'containers.DeviceRequest'],
    ['ulimits', 'containers.Ulimit'],
    ['mounts', 'services.Mount'],
  ] as const)
    assert.match(
      refusalOf({ [keyword]: [pickled(`docker.types.${name}`, { 'py/state': null })] }),
      new RegExp(`${keyword} has a ${name.split('.')[1]} without its contents.*pass a dictionary, or update`),
    );
});

test('a volume of docker-py by name is a named volume, and one by path is that of the dictionary', () => {
  const spec = specOf({
    volumes: { cache: { bind: '/cache', mode: 'ro' }, '/srv/': { bind: '/srv', mode: 'z' }, '/x': '/y' },
  });
  assert.equal(spec['dockerVolumes'], {
    '/srv': { bind: '/srv', mode: 'rw,z' },
    '/x': { bind: '/y', mode: 'rw' },
  });
  assert.equal(spec['volumes'], [
    {
      name: 'volume-1',
      namedVolume: { volumeName: 'cache', containerPath: '/cache', readOnly: true, create: false },
    },
  ]);
});

for (const [pull_image, task, policy] of [
  [undefined, undefined, 'Always'],
  [true, undefined, 'Always'],
  ['if-not-present', undefined, 'Always'],
  ['if-not-present', slicerTask, 'IfNotPresent'],
  [true, slicerTask, 'Always'],
  [false, undefined, 'Never'],
  [null, undefined, 'Never'],
] as const)
  test(`pull_image ${JSON.stringify(pull_image)} of ${task === undefined ? 'docker_run' : 'run'} is ${policy}`, () => {
    const kwargs = pull_image === undefined ? {} : { pull_image };
    assert.is(specOf(kwargs, task === undefined ? {} : { task })['imagePullPolicy'], policy);
  });

const inQueue = (queue: Partial<QueueSettings>) => ({
  ...settings,
  queues: [{ queue: 'celery', namespace: 'lab', ...queue }],
});

test('the operator gives each run of a queue its place, priority, resources and deadlines', () => {
  const queue = {
    nodeSelector: { gpu: 'yes' },
    priorityClassName: 'high',
    localQueue: 'team-a',
    resources: { limits: { memory: '1Gi' } },
    activeDeadlineSeconds: 60,
    startDeadlineSeconds: 30,
    ttlSecondsAfterFinished: 5,
  };
  const { run } = runOf({}, {}, inQueue(queue));
  const { localQueue, ...spec } = queue;
  assert.equal({ ...run.spec, ...spec }, { ...run.spec });
  assert.is(run.metadata.labels['kueue.x-k8s.io/queue-name'], localQueue);
  assert.is(run.metadata.namespace, 'lab');
});

test('resources of the queue take precedence over limits and GPUs of the message', () => {
  const resources = { limits: { memory: '1Gi', 'nvidia.com/gpu': 2 } };
  const { run, notes } = runOf(
    { mem_limit: '4g', runtime: 'nvidia', device_requests: [{ Count: -1, Capabilities: [['gpu']] }] },
    {},
    inQueue({ resources }),
  );
  assert.equal(run.spec['resources'], resources);
  assert.is(run.spec['docker'], undefined);
  assert.is(notes.length, 2);
});

test('runtime=nvidia is one GPU of the scheduler, and another runtime is an option', () => {
  assert.equal(specOf({ runtime: 'nvidia' })['resources'], { limits: { 'nvidia.com/gpu': 1 } });
  assert.equal(specOf({ runtime: 'runsc' })['docker'], { runtime: 'runsc' });
});

const hook = (name: string, attributes: Fields) =>
  pickled(name, { gc: client(), upload_kwargs: {}, delete_file: false, must_exist: true, ...attributes });

const withHooks = (...hooks: Fields[]) => ({ headers: { girder_result_hooks: hooks } });

test('a result of the whole volume, and one that no argument names, are uploaded', () => {
  const toFolder = (path: Fields, more: Fields = {}) =>
    hook('GirderUploadVolumePathToFolder', { _volumepath: path, folder_id: folderId, ...more });
  const { girderResultHooks, transforms } = specOf(
    {},
    withHooks(
      toFolder(volumePath('.')),
      toFolder(volumePath('a'), {
        delete_file: true,
        must_exist: false,
        upload_kwargs: { mimeType: 'text/x', filename: 'n' },
      }),
      toFolder(defaultVolume()),
    ),
  );
  assert.equal(transforms, [{ name: 'path-1', volumePath: { filename: 'a' } }]);
  const folder = { folderId, ifExists: 'NewItem' };
  assert.equal(girderResultHooks, [
    { girderUploadVolumePathToFolder: { volumePath: 'temporaryVolume', ...folder } },
    {
      girderUploadVolumePathToFolder: {
        volumePath: 'path-1',
        deleteFile: true,
        mimeType: 'text/x',
        filename: 'n',
        ...folder,
      },
      optional: true,
    },
    { girderUploadVolumePathToFolder: { volumePath: 'temporaryVolume', ...folder } },
  ]);
});

for (const [what, refused, words] of [
  [
    'a hook of a plugin',
    pickled('my_plugin.Chown'),
    /girder_result_hooks\[0\] is an object of the class "my_plugin\.Chown".*use GirderUploadVolumePathToItem/,
  ],
  [
    'a hook on a volume that cannot be found',
    hook('GirderUploadVolumePathToFolder', {
      _volumepath: volumePath('a', pickled('TemporaryVolume', { host_dir: null })),
      folder_id: folderId,
    }),
    /uploads "a" from a TemporaryVolume that cannot be identified: no argument has a path of this name/,
  ],
  [
    'an option of an upload that none has',
    hook('GirderUploadVolumePathToFolder', {
      _volumepath: volumePath('a'),
      folder_id: folderId,
      upload_kwargs: { metadata: {} },
    }),
    /upload_kwargs has more than the texts reference, mimeType, filename/,
  ],
] as const)
  test(`${what} is refused`, () => {
    assert.match(refusalOf({}, withHooks(refused)), words);
  });

const outcome = (fields: Fields, message = taskMessage({ kwargs: { image: 'a' } })): Outcome =>
  translate({ ...message, ...fields }, settings, captureTime);

test('tasks of Celery are built-in, and all others that run no container are for another worker', () => {
  const task = (name: string) => outcome({}, taskMessage({ task: name }));
  assert.equal(task('celery.backend_cleanup'), { kind: 'BuiltIn', taskName: 'celery.backend_cleanup' });
  const foreign = task('large_image_tasks.tasks.create_tiff');
  assert.is(foreign.kind, 'Foreign');
  assert.is(task('toString').kind, 'Foreign');
});

test('a body that is not JSON, or pickled by Python, is refused, and the job for the sentence is known', () => {
  for (const fields of [
    { contentType: 'application/x-python-serialize' },
    { body: Buffer.from('\x80\x04.') },
    { body: Buffer.from('[1, 2, 3]') },
    { body: Buffer.from('{}') },
    { queue: 'other' },
  ]) {
    const refused = outcome(fields);
    assert.ok(refused.kind === 'Refused' && refused.job !== undefined);
    assert.match(
      refused.message,
      /^DockerRun cannot run this task: its .*\.$|^DockerRun cannot run this task: it is not JSON/,
    );
  }
});

test.run();
