import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isRecord } from '../../../src/api/json-values.ts';
import { validateSpec } from '../../../src/api/validate.ts';
import type { Outcome } from '../../../src/bridge/translate/message-outcome.ts';
import { translate } from '../../../src/bridge/translate/translation.ts';
import { checkSchema } from '../../../src/cli/offline/validation.ts';
import { containerSpec } from '../../../src/docker/create/container-spec.ts';
import { captureTime, dockerRunTask, type Fields, fileId, settings, taskMessage } from './task-messages.ts';

/**
 * Calls as authors of plugins write them, pickled by jsonpickle 4.1.4 with the classes of girder-worker 5.0.21 and
 * slicer_cli_web 5.0.21. `engine` is what docker-py 7.2.0 makes of their keywords for the engine.
 */
type PluginCall = {
  readonly name: string;
  readonly task?: string;
  readonly body?: unknown;
  /** In place of `body`, for one that is no JSON by the standard. */
  readonly bodyText?: string;
  readonly hooks?: readonly unknown[];
  readonly engine?: Fields;
};

const file = join(import.meta.dirname, 'plugin-calls.json');
const calls = JSON.parse(readFileSync(file, 'utf8')) as readonly PluginCall[];

function outcomeOf(name: string): Outcome {
  const call = calls.find((one) => one.name === name);
  if (call === undefined) throw new Error(`there is no call ${name}`);
  const hooks = call.hooks === undefined ? {} : { girder_result_hooks: call.hooks };
  const message = taskMessage({ headers: hooks, task: call.task ?? dockerRunTask });
  const body = Buffer.from(call.bodyText ?? JSON.stringify(call.body));
  return translate({ ...message, body }, settings, captureTime);
}

function runOf(name: string) {
  const outcome = outcomeOf(name);
  if (outcome.kind === 'Run') return outcome;
  throw new Error(`${name}: ${JSON.stringify(outcome)}`);
}

const detection = 'a detection of nuclei, as HistomicsTK has it';

/** The essential fields of the runs. */
const expected: Readonly<Record<string, Fields>> = {
  [detection]: {
    imagePullPolicy: 'IfNotPresent',
    args: [
      ...['NucleiDetection', '--analysis_roi', '-1, -1, -1, -1', '--analysis_tile_size', '1024.5'],
      ...['--min_nucleus_area', '80', '--local_max_search_radius', 'None'],
      ...['--reference_mu_lab', '8.63, -0.11, 0.03', '--girderApiUrl', 'http://girder.example.org/api/v1/'],
      ...['--girderToken', '$(secret-1)', '--scheduler', '', '$(file-1)', '$(path-1)'],
    ],
  },
  'numbers and words of Python': {
    args: [
      ...['1024.0', 'nan', '-inf', '1208925819614629174706176', '-0.0', '1e+22', '1e-07', 'True', 'None'],
      "[1, (2,), {'a': None}]",
    ],
  },
  'all parameters by their place': {
    imagePullPolicy: 'Never',
    command: ['python', '-u'],
    args: ['a=b', '--x=$$(date)', '--json={"a": [1, 2]}', '日本 ü'],
    volumes: [{ name: 'volume-1', bindMount: { hostPath: '/srv/d', containerPath: '/d', mode: 'ro' } }],
    removeContainer: false,
  },
  'a shell as the entrypoint': {
    command: ['/bin/sh'],
    args: ['-c', 'echo "$HOME" $((1+1)) `date` ${A:-b} $$(ls)'],
  },
  'no entrypoint at all': { command: [''], args: ['ls'] },
  'values of a document as arguments': {
    args: [
      ...[fileId, '/data/in.nii', 'a/../b', '00000000-0000-0000-0000-000000000005', '1.50'],
      `[ObjectId('${fileId}'), PosixPath('x')]`,
    ],
  },
  'variables as a dictionary of anything': {
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: '' },
      { name: 'C', value: 'True' },
      { name: 'D', value: '1.5' },
      { name: 'E', value: 'a=b' },
      { name: 'F', value: 'ü' },
      { name: 'G', value: fileId },
      { name: 'H', value: '$(path-1)' },
    ],
  },
  'variables in order': {
    env: [
      { name: 'B', value: '2' },
      { name: 'A', value: '1' },
    ],
  },
  'variables as a tuple of texts': {
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: '' },
      { name: 'C', value: '' },
      { name: 'D', value: 'x=y' },
    ],
  },
  'options at zero': { docker: { privileged: false, capAdd: [], devices: [], ports: {}, labels: {} } },
  sizes: {},
  'who and where': {},
  'a network': {},
  'GPUs by number': {},
  'limits and logs': {},
  'volumes in every form of a dictionary': {
    dockerVolumes: {
      '/srv/a': { bind: '/a', mode: 'ro' },
      '/srv/b': { bind: '/b', mode: 'ro' },
      '/srv/c': { bind: '/c', mode: 'rw' },
    },
    volumes: [
      {
        name: 'volume-1',
        namedVolume: { volumeName: 'cache', containerPath: '/cache', readOnly: false, create: true },
      },
    ],
  },
  'volumes in volumes': {
    command: ['$(path-1)', '-x'],
    args: [
      ...['$(volume-1)', '$(path-2)', '$(path-3)', '$(temporaryVolume)'],
      "['$(path-4)', {'k': '$(path-4)'}]",
    ],
    env: [{ name: 'L', value: "['$(path-4)']" }],
    girderResultHooks: [
      { girderUploadVolumePathToItem: { volumePath: 'path-3', itemId: '17e300000000000000000001' } },
      {
        girderUploadVolumePathToFolder: {
          ...{ volumePath: 'path-4', deleteFile: true, mimeType: 'application/json' },
          ...{ folderId: 'f01de0000000000000000001', ifExists: 'NewItem' },
        },
        optional: true,
      },
    ],
  },
  'a download into a volume that is nowhere else': {
    args: ['$(file-1)'],
    volumes: [{ name: 'volume-1', bindMount: { hostPath: '/srv/p', containerPath: '/mnt/p', mode: 'rw' } }],
    transforms: [{ name: 'file-1', girderFileIdToVolume: { fileId, volume: 'volume-1' } }],
  },
  'keywords of a shell': { docker: undefined, removeContainer: false },
  'a document as MongoDB has it': {
    args: [
      ...['8589934592', '5', '2026-01-02 03:04:05.678000'],
      `{'_id': ObjectId('${fileId}'), 'size': 8589934592, 'n': 5, 'd': datetime.datetime(2026, 1, 2, 3, 4, 5, 678000), 'f': 1.5, 'l': [3]}`,
      '[3]',
    ],
    env: [{ name: 'SIZE', value: '8589934592' }],
    docker: { memLimit: 2_147_483_648 },
  },
  'times of Python': {
    args: [
      ...['2026-01-02 00:00:00', '2026-01-02 03:04:05.000006', '2026-01-02 03:04:00+00:00'],
      ...['2026-01-02 03:04:05-05:30', '2026-01-02 03:04:05+00:00', '2026-01-02', '01:02:00'],
      ...['01:02:03.000004', '2026-11-01 01:30:00', '1 day, 0:00:05', '-1 day, 23:59:59.000007'],
      `[${[
        ...['datetime.datetime(2026, 1, 2, 0, 0)', 'datetime.datetime(2026, 1, 2, 3, 4, 5, 6)'],
        'datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.timezone.utc)',
        'datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=66600)))',
        "datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=FixedOffset(datetime.timedelta(0), 'UTC'))",
      ].join(', ')}]`,
      `[${[
        ...['datetime.date(2026, 1, 2)', 'datetime.time(1, 2)', 'datetime.time(1, 2, 3)'],
        ...['datetime.timedelta(0)', 'datetime.timedelta(days=-1, microseconds=3)'],
      ].join(', ')}]`,
    ],
  },
  'keys that are objects before a shared volume': {
    env: [
      {
        name: 'A',
        value: `{'json://1': 8, datetime.date(2026, 1, 1): 'x', ObjectId('${fileId}'): 'y', PosixPath('/a'): 1, (1, 2): 2, None: 5, 1.5: 6, True: 7}`,
      },
      { name: 'f11e00000000000000000002', value: 'z' },
    ],
    args: ['$(path-1)', '$(path-2)'],
    volumes: [{ name: 'volume-1', bindMount: { hostPath: '/srv/a', containerPath: '/mnt/a', mode: 'rw' } }],
    transforms: [
      { name: 'path-1', volumePath: { filename: 'a.txt', volume: 'volume-1' } },
      { name: 'path-2', volumePath: { filename: 'b.txt', volume: 'volume-1' } },
    ],
  },
  'paths of pathlib in objects': {
    command: ['/bin/sh'],
    dockerVolumes: { '/srv/p': { bind: '/mnt/p', mode: 'ro' } },
    volumes: [{ name: 'volume-1', bindMount: { hostPath: '/srv/q', containerPath: '/mnt/q', mode: 'rw' } }],
    transforms: [
      { name: 'path-1', volumePath: { filename: 'x/y.txt', volume: 'volume-1' } },
      { name: 'file-1', girderFileIdToVolume: { fileId, filename: 'n.txt' } },
    ],
  },
  'numbers of NumPy': {
    args: ['5', '-4', '3', '1.5', '0.1', 'nan', 'True', 'aä'],
    env: [{ name: 'N', value: '1099511627776' }],
    docker: { cpuShares: 512 },
  },
  'arguments of a generator': { args: ['--n=0', '--n=1'] },
  'a volume of the dictionary in a transform': {
    args: ['$(path-1)', '$(path-2)'],
    dockerVolumes: { '/srv/b': { bind: '/mnt/b', mode: 'rw' } },
    volumes: [{ name: 'volume-1', bindMount: { hostPath: '/srv/a', containerPath: '/mnt/a', mode: 'ro' } }],
  },
  'numbers as switches of a result': {
    girderResultHooks: [
      {
        girderUploadVolumePathToFolder: {
          ...{ volumePath: 'path-1', deleteFile: true },
          ...{ folderId: 'f01de0000000000000000001', ifExists: 'NewItem' },
        },
        optional: true,
      },
    ],
  },
  'a number as a header': { args: undefined },
};

const refused: Readonly<Record<string, RegExp>> = {
  'nope: a time in a zone by name':
    /container_args\[0\] is an object of the class "datetime\.datetime".*use a text/,
  'nope: a member of an enumeration': /container_args\[0\] is an object of the class "plugin\.colors\.Color"/,
  'nope: a named tuple of a plugin': /container_args\[0\] is an object of the class "plugin\.points\.P"/,
  'nope: bytes': /bytes cannot be an argument; decode them to a text/,
  'nope: command': /command is not a keyword of docker_run; put the arguments into container_args/,
  'nope: a connector of Girder Worker':
    /stream_connectors\[0\] is an object .*FDReadStreamConnector.*use Connect or ProgressPipe/,
  'nope: a transform as an option': /working_dir has an object of the class .*VolumePath/,
  'nope: a port of one address': /spec\.docker\.ports\.7\/tcp must match pattern/,
  'nope: a driver of a volume': /mounts has an object of the class "docker\.types\.services\.DriverConfig"/,
  'nope: volumes as texts': /volumes\[0\] is not an object such as BindMountVolume/,
  'nope: a text as arguments': /container_args is not a list/,
  'nope: an input of a task in Python': /container_args\[0\] is an object of the class .*GirderFileId"/,
  'nope: a result of a task in Python':
    /girder_result_hooks\[0\] is an object .*use GirderUploadVolumePathToItem or/,
};

test('every call of a plugin has an expectation', () => {
  const names = [...Object.keys(expected), ...Object.keys(refused)];
  assert.equal(names.toSorted(), calls.map(({ name }) => name).toSorted());
});

for (const [name, fields] of Object.entries(expected))
  test(`the call becomes a run that the API server and the controller accept: ${name}`, () => {
    const { run } = runOf(name);
    for (const [field, value] of Object.entries(fields)) assert.equal(run.spec[field], value, field);
    const checked = checkSchema({ ...run });
    assert.equal('problems' in checked ? checked.problems : validateSpec(checked.spec), []);
  });

for (const [name, words] of Object.entries(refused))
  test(`the call is refused with its place and what to do: ${name.slice('nope: '.length)}`, () => {
    const outcome = outcomeOf(name);
    assert.match(outcome.kind === 'Refused' ? outcome.message : outcome.kind, words);
  });

/** Differences that docs/from-girder-worker.md names: the worker has the output, and gives fewer privileges. */
const ours = ['CapAdd', 'SecurityOpt', 'Healthcheck'];

/** Each member of a record that is a record itself, also those of HostConfig. */
function membersOf(body: Fields): [string, unknown][] {
  return Object.entries(body).flatMap(([name, value]) =>
    name === 'HostConfig' && isRecord(value) ? membersOf(value) : [[name, value] as [string, unknown]],
  );
}

for (const { name, engine } of calls)
  if (engine !== undefined)
    test(`the engine gets the options that docker-py would send: ${name}`, () => {
      const checked = checkSchema({ ...runOf(name).run });
      assert.ok('spec' in checked, JSON.stringify(checked));
      const { docker } = checked.spec;
      const options = { name: 'x', labels: {}, image: 'i', env: [], mounts: [], docker };
      const body = Object.fromEntries(membersOf({ ...containerSpec(options, { hasInit: false }) }));
      for (const [field, value] of membersOf(engine))
        if (!ours.includes(field)) assert.equal(body[field], value, field);
    });

test('a number as a header is sent as its digits', () => {
  const { secret, run } = runOf('a number as a header');
  assert.equal(secret?.data['header-1'], '5');
  assert.match(JSON.stringify(run.spec['transforms']), /"name":"Length"/);
});

test('what a call has without an effect is named in the log of its job', () => {
  assert.equal(
    runOf('keywords of a shell').notes.map((note) => note.split(' ')[0]),
    ['stdin_open', 'name', 'restart_policy'],
  );
  assert.match(
    runOf('volumes in every form of a dictionary').notes.join(),
    /propagation of volumes has no effect/,
  );
  assert.match(runOf('variables as a tuple of texts').notes.join(' '), /"C" has no value; it is empty/);
});

test.run();
